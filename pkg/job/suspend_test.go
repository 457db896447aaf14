package job

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

// profiles are all users of the fixture's pool, whole.
func (b *fixture) profiles(pool int) []map[string]any {
	all := make([]map[string]any, pool)
	for i := range all {
		all[i] = b.api.Profile("user_id", id(i+1))
	}
	return all
}

// setStatus changes users behind the program's back.
func (b *fixture) setStatus(status string, users ...int) {
	b.t.Helper()
	api, err := client.New(b.cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	defer api.Close()
	for _, n := range users {
		if _, _, err := api.SetStatuses(b.t.Context(), []client.UserStatus{{UserID: id(n), Status: status}}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// same holds users to what they were, but for those times that say when they were changed.
func (b *fixture) same(before []map[string]any) {
	b.t.Helper()
	for i, was := range before {
		is := b.api.Profile("user_id", id(i+1))
		for _, name := range []string{"updatedAt", "statusChangedAt"} {
			delete(is, name)
			delete(was, name)
		}
		if !reflect.DeepEqual(is, was) {
			b.t.Fatalf("user %d is %v\nand was %v", i+1, is, was)
		}
	}
}

// Suspending changes the status and nothing else, whoever is suspended already is named in no call, and restore gives
// each back the status that they had, but for those whom somebody else has changed meanwhile.
func TestSuspendAndSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{Unknown: sandbox.UnknownNotFound}, 200, 210)
		b.suspend = true
		b.setStatus("Suspended", 3, 60)
		b.setStatus("Deactivated", 7)
		clear(b.named)
		before := b.profiles(200)
		s, err := b.run(t.Context())
		if err != nil || s.Suspended != 200 || s.Absent != 10 || s.ExitCode != 0 || b.named[id(3)]+b.named[id(60)] > 0 ||
			len(b.savedIDs()) != 200 {
			t.Fatalf("%+v, %v, %d saved", s, err, len(b.savedIDs()))
		}
		time.Sleep(time.Hour)
		b.setStatus("Activated", 10)
		b.setStatus("Resigned", 11)
		b.setStatus("Activated", 12)
		b.setStatus("Suspended", 12)
		changed := map[string]string{id(10): "the status is Activated", id(11): "the status is Resigned",
			id(12): "suspended anew by somebody else"}
		back, err := b.restore(t.Context())
		if err != nil || back.Deed != report.Reinstate || back.Restored != 195 || back.Exists != 3 || back.ExitCode != 0 {
			t.Fatalf("%+v, %v", back, err)
		}
		for _, row := range b.returns("audit.csv") {
			if row["outcome"] == "exists" && !strings.HasPrefix(row["message"], "changed meanwhile: ") {
				t.Errorf("%v", row)
			}
		}
		for _, row := range b.returns("restored.csv") {
			if (row["outcome"] == "exists") != (changed[row["id"]] != "") || row["user_id"] != row["id"] ||
				(row["status"] == "Deactivated") != (row["id"] == id(7)) {
				t.Errorf("%v", row)
			}
		}
		for n, status := range map[int]string{10: "Activated", 11: "Resigned", 12: "Suspended"} {
			if is := b.api.Profile("user_id", id(n)); is["status"] != status {
				t.Errorf("user %d, who was changed meanwhile, is %v", n, is["status"])
			}
			before[n-1]["status"] = status
		}
		b.same(before)
		if again, err := b.restore(t.Context()); err != nil || again.Restored != 195 {
			t.Errorf("again: %+v, %v", again, err)
		}
		v, err := Verify(t.Context(), b.dir, Expect{})
		if err != nil || !v.Whole || !v.Finished || v.Suspended != 200 || *v.Saved != 200 || *v.Restored != 195 {
			t.Errorf("%+v, %v", v, err)
		}
		v.Close()
	})
}

// Whatever update-user-batch answers and whatever goes wrong on the way, the files tell the truth, which the fixture
// holds them to, and what was changed comes back.
func TestSuspendingWhateverTheAPIIs(t *testing.T) {
	for _, c := range []struct {
		spec, unknown string
		verify        bool
	}{
		{"none-shown", sandbox.UnknownSucceeds, false},
		{"part-shown", sandbox.UnknownSucceeds, false},
		{"part-shown", sandbox.UnknownNotFound, true},
		{"bare-404,absent-404", sandbox.UnknownPartial, false},
		{"absent-null", sandbox.UnknownPartial422, false},
		{"all=30%,latency=20ms,seed=3", sandbox.UnknownSucceeds, false},
		{"half=20%,cut-after=20%,seed=4", sandbox.UnknownNotFound, true},
		{"no-data=20%,500=20%,seed=5", sandbox.UnknownSucceeds, false},
		{"encrypted", sandbox.UnknownSucceeds, false},
	} {
		inBubble(t, c.spec+" "+c.unknown, func(t *testing.T) {
			refused := map[string]int{id(77): 422, id(180): 400}
			b := newFixture(t, sandbox.Config{Faults: seeded(t, c.spec), Unknown: c.unknown, Refused: refused}, 200, 220)
			before := b.profiles(200)
			b.suspend, b.adjust = true, func(j *Job) { j.Verify = c.verify }
			s, err := b.run(t.Context())
			for tries := 0; codeOf(err) == Halted && tries < 20; tries++ {
				s, err = b.run(t.Context())
			}
			random := strings.Contains(c.spec, "%") // a user may meet errors alone until the attempts run out
			if err != nil || s.Suspended != 198 && !random || s.Suspended < 190 || s.Absent != 20 ||
				s.Suspended+s.Failed != 200 {
				t.Fatalf("%d suspended, %d absent, %d failed, %v", s.Suspended, s.Absent, s.Failed, err)
			}
			back, err := b.restore(t.Context())
			for tries := 0; codeOf(err) == Halted && tries < 20; tries++ {
				back, err = b.restore(t.Context())
			}
			if err != nil || back.Accepted != s.Suspended || back.Restored+back.Failed != back.Accepted ||
				back.Failed > 0 && !random {
				t.Fatalf("%d restored, %d failed, %v", back.Restored, back.Failed, err)
			}
			for _, row := range b.returns("failed.csv") {
				n, _ := strconv.ParseInt(row["id"], 16, 64)
				before[n-1]["status"] = "Suspended"
			}
			b.same(before)
		})
	}
}

// A success that names nobody and changed nobody is no success, nor is one that names users who are as they were.
func TestASuspensionThatIsNone(t *testing.T) {
	for name, shows := range map[string]bool{"names nobody": false, "shows them as they were": true} {
		inBubble(t, name, func(t *testing.T) {
			b := newFixture(t, sandbox.Config{}, 60, 60)
			b.before(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				if !strings.HasSuffix(r.URL.Path, "update-user-batch") {
					return false
				}
				list := []map[string]any{}
				if shows {
					list = b.profiles(60)
				}
				data, _ := json.Marshal(map[string]any{"statusCode": 200, "message": "", "data": list})
				w.Write(data)
				return true
			})
			b.suspend = true
			s, err := b.run(t.Context())
			if err != nil || s.Failed != 60 {
				t.Errorf("%d suspended, %d failed, %v", s.Suspended, s.Failed, err)
			}
		})
	}
}

// Users are gone when their turn comes: absent where they were to be suspended, failed where they were to be set back.
func TestUsersWhoGoMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{Unknown: sandbox.UnknownNotFound}, 100, 100)
		gone := map[int]bool{}
		b.before(func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			for _, n := range []int{5, 70} { // deleted between the look and the call
				if strings.HasSuffix(r.URL.Path, "update-user-batch") && strings.Contains(string(body), id(n)) && !gone[n] {
					one := r.Clone(r.Context())
					one.URL.Path = "/api/v3/delete-users-batch"
					one.Body = io.NopCloser(strings.NewReader(fmt.Sprintf(`{"userIds":[%q]}`, id(n))))
					b.api.ServeHTTP(&discardAnswer{}, one)
					gone[n] = true
				}
			}
			return false
		})
		b.suspend = true
		s, err := b.run(t.Context())
		if err != nil || s.Suspended != 98 || s.Absent != 2 {
			t.Fatalf("%+v, %v", s, err)
		}
		api, err := client.New(b.cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer api.Close()
		if _, err := api.DeleteUsers(t.Context(), "user_id", []string{id(9)}); err != nil {
			t.Fatal(err)
		}
		back, err := b.restore(t.Context())
		if err != nil || back.Restored != 97 || back.Failed != 1 || back.ExitCode != 1 {
			t.Errorf("%+v, %v", back, err)
		}
	})
}

// An ID that names two users, and a profile that has no status, are for a person: nothing is sent.
func TestWhomItDoesNotSuspend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 30, 30)
		b.before(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if !strings.HasSuffix(r.URL.Path, "get-user-batch") || len(r.URL.Query()["userIds[]"]) > 1 {
				return strings.HasSuffix(r.URL.Path, "get-user-batch") && answerAlone(w)
			}
			one := r.URL.Query()["userIds[]"][0]
			list := []map[string]any{b.api.Profile("user_id", one)}
			switch one {
			case id(4):
				list = append(list, b.api.Profile("user_id", id(5)))
			case id(6):
				delete(list[0], "status")
			}
			data, _ := json.Marshal(map[string]any{"statusCode": 200, "message": "", "data": list})
			w.Write(data)
			return true
		})
		b.suspend = true
		s, err := b.run(t.Context())
		if err != nil || s.Suspended != 28 || s.Failed != 2 || b.named[id(4)]+b.named[id(6)] > 0 {
			t.Errorf("%+v, %v", s, err)
		}
		for _, row := range b.rows("failed.csv") {
			if !strings.Contains(row["bulkdelete_reason"], "by hand") {
				t.Errorf("%v", row)
			}
		}
	})
}

// answerAlone makes the client ask for each ID alone.
func answerAlone(w http.ResponseWriter) bool {
	io.WriteString(w, `{"statusCode":404,"apiCode":2004,"message":"one is not there"}`)
	return true
}

// Who was suspended, waited for and still is, is deleted. Who was reinstated meanwhile, or has logged in, is spared,
// and so is everybody before the time is over.
func TestSuspendWaitDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 120, 120)
		b.suspend = true
		if s, err := b.run(t.Context()); err != nil || s.Suspended != 120 {
			t.Fatalf("%+v, %v", s, err)
		}
		b.suspend, b.only = false, []string{"status=Suspended", "status-changed<30d-ago"}
		dir := b.dir
		time.Sleep(10 * 24 * time.Hour)
		b.setStatus("Activated", 8, 9)
		time.Sleep(time.Hour)
		b.setStatus("Suspended", 9) // again, and not for so long
		time.Sleep(19 * 24 * time.Hour)
		b.dir = dir + "-early"
		clear(b.named)
		if s, err := b.run(t.Context()); err != nil || s.Deleted != 0 || s.Spared != 120 {
			t.Fatalf("after 29 days: %+v, %v", s, err)
		}
		time.Sleep(3 * 24 * time.Hour)
		b.dir = dir + "-late"
		s, err := b.run(t.Context())
		if err != nil || s.Deleted != 118 || s.Spared != 2 || !b.api.Has("user_id", id(8)) || !b.api.Has("user_id", id(9)) {
			t.Fatalf("after 32 days: %+v, %v", s, err)
		}
	})
}

// When a status was changed is read from an audit's row again, whatever else stands in its message.
func TestSinceIsReadAgain(t *testing.T) {
	at := time.Date(2026, 11, 29, 12, 0, 0, 123_000_000, time.UTC)
	for message, want := range map[string]time.Time{
		sinceWords + "2026-11-29T12:00:00.123Z": at,
		"read back: suspended; " + sinceWords + "2026-11-29T12:00:00.123Z; on the way: 1x server failed (503)": at,
		"suspended already; nothing was sent": {},
		sinceWords + "noon":                   {},
	} {
		if got := sinceOf(message); !got.Equal(want) {
			t.Errorf("%s: %v", message, got)
		}
	}
}
