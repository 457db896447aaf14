package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"bulkdelete/internal/apidoc"
	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// restore brings the fixture's users back once.
func (b *fixture) restore(ctx context.Context) (*report.Summary, error) {
	b.t.Helper()
	r, err := OpenRestore(b.t.Context(), b.dir)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	j := &Job{Deed: r, Workers: b.cfg.Workers}
	if j.Client, err = client.New(b.cfg); err != nil {
		b.t.Fatal(err)
	}
	if b.adjust != nil {
		b.adjust(j)
	}
	var ended error
	if !r.Folder.Finished() {
		ended = j.Run(ctx)
	}
	s, err := WriteFiles(r)
	if err != nil {
		b.t.Fatal(err)
	}
	if s.Accepted != r.Users || s.Accepted != s.Restored+s.Exists+s.Failed+s.Unknown+s.Remaining {
		b.t.Errorf("the summary does not add up: %+v", s)
	}
	return s, ended
}

// returns reads a file of the restore: outcome, id, old and new user_id, for each row.
func (b *fixture) returns(name string) (rows []map[string]string) {
	b.t.Helper()
	of := &fixture{t: b.t, dir: filepath.Join(b.dir, report.RestoreName)}
	return of.rows(name)
}

func seeded(t *testing.T, spec string) sandbox.Faults {
	t.Helper()
	f, err := sandbox.ParseFaults(spec)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// savedIDs are the IDs in the backup for which there was a user.
func (b *fixture) savedIDs() map[string]bool {
	b.t.Helper()
	dir, err := journal.OpenDir(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	defer dir.Close()
	run := b.runJSON()
	saved, err := report.ReadBackup(dir, run, report.BackupName)
	if err != nil {
		b.t.Fatal(err)
	}
	defer saved.Close()
	ids := map[string]bool{}
	for n := 1; n <= run.Asked.Plan.Chunks; n++ {
		users, err := saved.Chunk(n)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, u := range users {
			ids[u[0].ID] = true
		}
	}
	return ids
}

// With --backup everybody who is gone stands in the backup, and comes back from it as whom they were, once.
func TestBackupAndRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{Unknown: sandbox.UnknownNotFound}, 1000, 1010)
		b.backup = true
		if s, err := b.run(t.Context()); err != nil || s.Deleted != 1000 || s.Absent != 10 || len(b.savedIDs()) != 1000 {
			t.Fatalf("%+v, %v, saved %d", s, err, len(b.savedIDs()))
		}
		s, err := b.restore(t.Context())
		if err != nil || s.Restored != 1000 || s.ExitCode != 0 || b.api.Len() != 1000 {
			t.Fatalf("%+v, %v, %d users", s, err, b.api.Len())
		}
		for i, row := range b.returns("restored.csv") {
			if !b.api.Has("user_id", row["new_user_id"]) || b.api.Has("user_id", row["old_user_id"]) || row["id"] != id(i+1) ||
				row["line"] != fmt.Sprint(i+2) {
				t.Fatalf("row %d: %v", i, row)
			}
			for idType, id := range map[string]string{"external_id": "external-%d", "email": "user%d@example.com",
				"identity": "5b0000000000000000000000:idp-%d", "custom_field": "employeeNo:%d"} {
				if !b.api.Has(idType, fmt.Sprintf(id, i)) {
					t.Fatalf("user %d is back without %s", i+1, idType)
				}
			}
		}
		if again, err := b.restore(t.Context()); err != nil || again.Restored != 1000 || b.api.Len() != 1000 {
			t.Errorf("again: %+v, %v, %d users", again, err, b.api.Len())
		}
	})
}

// Nobody is deleted who is not in the backup, whatever stands in the way of reading.
func TestNobodyIsDeletedWithoutABackup(t *testing.T) {
	cut := func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }
	say := func(text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { io.WriteString(w, text) }
	}
	for _, c := range []struct {
		name    string
		answer  func(http.ResponseWriter)
		only    string // the ID whose reading meets it, "" for all
		code    Code
		deleted int
		failed  int
	}{
		{"denied", say(`{"statusCode":403,"message":"no"}`), "", Halted, 0, 0},
		{"out of reach", cut, "", Halted, 0, 0},
		{"one cannot be read", say(`{"statusCode":500,"message":"oops"}`), id(7), Incomplete, 119, 1},
		{"one is refused", say(`{"statusCode":400,"message":"oops"}`), id(120), Incomplete, 119, 1},
		{"a list that is none", say(`{"statusCode":200,"message":"","data":{}}`), id(51), Incomplete, 119, 1},
	} {
		inBubble(t, c.name, func(t *testing.T) {
			b := newFixture(t, sandbox.Config{}, 120, 120)
			b.backup = true
			api := b.cfg.Transport.(wire).Handler
			b.cfg.Transport = wire{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "get-user-batch") && strings.Contains(r.URL.RawQuery, c.only) {
					c.answer(w)
					return
				}
				api.ServeHTTP(w, r)
			})}
			s, err := b.run(t.Context())
			if code := max(codeOf(err), Code(s.ExitCode)); code != c.code || s.Deleted != c.deleted || s.Failed != c.failed ||
				b.api.Len() != 120-c.deleted {
				t.Errorf("exit code %d (%v), %+v, %d users are left", code, err, s, b.api.Len())
			}
			for n := range b.named {
				if !b.savedIDs()[n] {
					t.Errorf("%s was named in a deletion and is not in the backup", n)
				}
			}
			for _, row := range b.rows("failed.csv") {
				if row["user_id"] != c.only || !strings.Contains(row["bulkdelete_reason"], "could not be saved, so not deleted") {
					t.Errorf("failed: %v", row)
				}
			}
		})
	}
}

// A run goes on with the backup that it began with, or not at all.
func TestARunGoesOnWithItsBackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 120, 120)
		b.backup, b.adjust = true, func(j *Job) { j.StopAfter = 50 }
		if _, err := b.run(t.Context()); codeOf(err) != Interrupted {
			t.Fatal(err)
		}
		b.backup, b.adjust = false, nil
		if _, err := b.run(t.Context()); codeOf(err) != Guard || b.api.Len() != 70 {
			t.Errorf("%v, %d users are left", err, b.api.Len())
		}
		b.backup = true
		if s, err := b.run(t.Context()); err != nil || s.Deleted != 120 || len(b.savedIDs()) != 120 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// What stands in the way of one user's return does not keep the others from returning.
func TestOneUserWhoCannotComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := map[string]int{}
		b := newFixture(t, sandbox.Config{Refused: refused}, 200, 100)
		b.backup = true
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		refused["external-30"] = 422
		s, err := b.restore(t.Context())
		if err != nil || s.Restored != 99 || s.Failed != 1 || s.ExitCode != 1 || b.api.Len() != 199 {
			t.Errorf("%+v, %v, %d users", s, err, b.api.Len())
		}
		if rows := b.returns("failed.csv"); len(rows) != 1 || rows[0]["id"] != id(31) ||
			!strings.Contains(rows[0]["bulkdelete_reason"], "refused because of one") {
			t.Errorf("failed are %v", rows)
		}
	})
}

// Users whom the run did not delete are not created, and who is there by now is left as is.
func TestWhoIsThereIsNotCreated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 100, 100)
		b.backup, b.adjust = true, func(j *Job) { j.StopAfter = 60 }
		if _, err := b.run(t.Context()); codeOf(err) != Interrupted {
			t.Fatal(err)
		}
		b.adjust = nil
		api, err := client.New(b.cfg)
		if err != nil {
			t.Fatal(err)
		}
		someone := json.RawMessage(`{"username":"else","externalId":"external-4","name":"someone else"}`)
		if _, _, err := api.CreateUsers(t.Context(), []json.RawMessage{someone}); err != nil {
			t.Fatal(err)
		}
		s, err := b.restore(t.Context())
		if err != nil || s.Accepted != 60 || s.Restored != 59 || s.Exists != 1 || b.api.Len() != 100 {
			t.Errorf("%+v, %v, %d users", s, err, b.api.Len())
		}
	})
}

// Users as real pools have them come back all, in one call for each 50, but for those whom the API creates in no way:
// they are counted beforehand, named in no call, and what is said of them and of what is lost is what happens.
func TestARestoreIsWhatWasForeseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 100, 100)
		b.backup = true
		edits := map[int]map[string]any{
			3:  {"phone": nil, "phoneCountryCode": "+86"},
			5:  {"identities": []any{map[string]any{"provider": "oidc"}}},
			7:  {"email": nil, "phone": "", "username": nil},
			9:  {"email": nil, "phone": nil, "username": nil, "externalId": nil, "identities": nil},
			11: {"mainDepartmentId": "d", "postIdList": []any{"p"}, "tenantIds": []any{"t"}},
			13: {"customData": map[string]any{"employeeNo": strings.Repeat("x", 1024)}},
			60: {"phone": "138****8000"},
			61: {"name": "9f86d081884c7d659a2feaa0c55ad015", "metadataSource": map[string]any{"a": 1}},
			62: {"email": "user62", "username": "62"},
		}
		sent := 0
		b.cfg.Transport = wire{apidoc.Load(t).Requests(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "create-users-batch") {
				sent++
			}
			b.api.ServeHTTP(edited{w, edits}, r)
		}))}
		var warned []string
		b.adjust = func(j *Job) { j.Sealed = func(members []string) { warned = append(warned, members...) } }
		if s, err := b.run(t.Context()); err != nil || s.Deleted != 100 || len(warned) != 1 {
			t.Fatalf("%+v, %v, warned of %q", s, err, warned)
		}
		r, err := OpenRestore(t.Context(), b.dir)
		if err != nil {
			t.Fatal(err)
		}
		listed := 0
		for users, err := range r.All() {
			if err != nil {
				t.Fatal(err)
			}
			if Obstacle(users) != "" {
				listed++
			}
		}
		p, err := r.Foresee()
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		lost := map[string]int{"identities that are not whole": 1, "phoneCountryCode": 1, "mainDepartmentId": 1,
			"postIdList": 1}
		sealed := map[string]int{"phone": 1, "name": 1, "email": 1}
		if !maps.Equal(p.Lost, lost) || !maps.Equal(p.Sealed, sealed) || len(p.Never) != 4 || p.Open != 5 || listed != 5 {
			t.Errorf("foreseen: %+v, %d listed", p, listed)
		}
		s, err := b.restore(t.Context())
		if err != nil || s.Restored != 95 || s.Failed != 5 || sent != 2 || b.api.Len() != 95 {
			t.Errorf("%+v, %v, %d creations, %d users", s, err, sent, b.api.Len())
		}
		for _, row := range b.returns("failed.csv") {
			if !strings.Contains(row["bulkdelete_reason"], "the API ") {
				t.Errorf("failed: %v", row)
			}
		}
	})
}

// edited changes members of users in an answer, by the users' numbers.
type edited struct {
	http.ResponseWriter
	users map[int]map[string]any
}

func (e edited) Write(p []byte) (int, error) {
	var body map[string]any
	if json.Unmarshal(p, &body) != nil {
		return e.ResponseWriter.Write(p)
	}
	list, _ := body["data"].([]any)
	for _, each := range list {
		if u, ok := each.(map[string]any); ok {
			var n int
			fmt.Sscanf(fmt.Sprint(u["userId"]), "%x", &n) //nolint:errcheck // a user of this test's, or none
			maps.Copy(u, e.users[n])
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	_, err = e.ResponseWriter.Write(text)
	return len(p), err
}

// A user who cannot be looked for does not keep the others of the chunk from returning.
func TestOneUserWhoCannotBeLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 60, 60)
		b.backup = true
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.before(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			refused := strings.HasSuffix(r.URL.Path, "get-user-batch") && strings.Contains(r.URL.RawQuery, "external-30&")
			if refused {
				io.WriteString(w, `{"statusCode":400,"message":"bad ID"}`)
			}
			return refused
		})
		s, err := b.restore(t.Context())
		rows := b.returns("failed.csv")
		if err != nil || s.Restored != 59 || s.Failed != 1 || len(rows) != 1 || rows[0]["id"] != id(31) {
			t.Errorf("%+v, %v: %v", s, err, rows)
		}
	})
}

// A backup that was edited, or is of another time than the restore that began with it, is not gone on with.
func TestABackupThatIsNotTheOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 200, 200)
		b.backup, b.adjust = true, func(j *Job) { j.StopAfter = 150 }
		if _, err := b.run(t.Context()); codeOf(err) != Interrupted {
			t.Fatal(err)
		}
		b.adjust = func(j *Job) { j.StopAfter = 50 }
		if s, err := b.restore(t.Context()); codeOf(err) != Interrupted || s.Restored != 50 || s.Remaining != 100 {
			t.Fatalf("%+v, %v", s, err)
		}
		b.adjust = nil
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.restore(t.Context()); codeOf(err) != Guard {
			t.Errorf("the backup has grown: %v", err)
		}
		path := filepath.Join(b.dir, report.BackupName)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text[100] ^= 1
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := b.restore(t.Context()); codeOf(err) != Guard {
			t.Errorf("the backup was edited: %v", err)
		}
	})
}
