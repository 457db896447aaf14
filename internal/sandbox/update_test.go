package sandbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func update(changes ...fields) *http.Request {
	return post("update-user-batch", fields{"list": changes})
}

func suspension(i int) fields { return fields{"userId": userID(i), "status": "Suspended"} }

// profile is all that get-user-batch shows of a user.
func profile(t *testing.T, s *Server, key string, i int) fields {
	t.Helper()
	a := send(t, s, authorized(get("get-user-batch", "userIds[]="+userID(i)+
		"&withCustomData=true&withIdentities=true&withDepartmentIds=true&withTenantIds=true"), key))
	var list []fields
	if err := json.Unmarshal(a.Data, &list); err != nil || len(list) != 1 {
		t.Fatal(a.body)
	}
	return list[0]
}

// A new status is the only thing that a user has anew, and when it was changed is noted only if it was.
func TestAnUpdateTouchesWhatItNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Config{}, 3)
		key := token(t, s)
		for range 2 {
			before := profile(t, s, key, 1)
			if a := send(t, s, authorized(update(suspension(1)), key)); !strings.Contains(a.body, userID(1)) {
				t.Fatal(a.body)
			}
			after, want := profile(t, s, key, 1), maps.Clone(before)
			if want["updatedAt"] = after["updatedAt"]; want["status"] != "Suspended" {
				want["status"], want["statusChangedAt"] = "Suspended", stamp(time.Now())
			}
			if !reflect.DeepEqual(after, want) {
				t.Errorf("%v\nwas %v", after, before)
			}
			time.Sleep(time.Minute)
		}
		send(t, s, authorized(update(fields{"userId": userID(1), "name": "Ann", "status": "Activated"}), key))
		if p := profile(t, s, key, 1); p["name"] != "Ann" || p["statusChangedAt"] != stamp(time.Now()) ||
			profile(t, s, key, 0)["name"] != nil {
			t.Error(p)
		}
	})
}

// What the document does not have is refused, and then nobody is changed.
func TestUpdatesThatAreRefused(t *testing.T) {
	s := newServer(t, Config{Refused: map[string]int{userID(2): 422}}, 3)
	key := token(t, s)
	for what, c := range map[string]struct {
		changes []fields
		status  int
	}{
		"nobody":              {nil, 400},
		"51":                  {slices.Repeat([]fields{suspension(0)}, 51), 400},
		"without a user_id":   {[]fields{{"status": "Suspended"}}, 400},
		"a status of no user": {[]fields{{"userId": userID(0), "status": "suspended"}}, 400},
		"a status of null":    {[]fields{{"userId": userID(0), "status": nil}}, 400},
		"a name of no member": {[]fields{{"userId": userID(0), "userIdType": "user_id"}}, 400},
		"in other letters":    {[]fields{{"userId": userID(0), "Status": "Suspended"}}, 400},
		"an ID of a user":     {[]fields{{"userId": userID(0), "email": "a@b.c"}}, 400},
		"one refused":         {[]fields{suspension(0), suspension(2)}, 422},
		"one of no user":      {[]fields{suspension(0), {"userId": "x", "status": "Suspended"}}, 200},
	} {
		a := send(t, s, authorized(update(c.changes...), key))
		if a.StatusCode != c.status || (profile(t, s, key, 0)["status"] == "Suspended") != (c.status == 200) {
			t.Errorf("%s: %.200s", what, a.body)
		}
		send(t, s, authorized(update(fields{"userId": userID(0), "status": "Activated"}), key))
	}
	if a := send(t, s, authorized(post("update-user-batch",
		fields{"list": []fields{suspension(0)}, "options": fields{"userIdType": "email"}}), key)); a.StatusCode != 400 {
		t.Error(a.body)
	}
}

// Each way of answering is what its comment says.
func TestQuirksOfUpdates(t *testing.T) {
	for _, c := range []struct {
		spec, unknown string
		status        int
		shown, done   int // of three, the second of whom nobody has
	}{
		{"", "", 200, 2, 2},
		{"none-shown", "", 200, 0, 2},
		{"part-shown", "", 200, 2, 2},
		{"", UnknownNotFound, 404, 0, 0},
		{"", UnknownPartial, 404, 0, 1},
		{"", UnknownPartial422, 422, 0, 1},
	} {
		f, err := ParseFaults(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(t, Config{Unknown: c.unknown, Faults: f}, 4)
		key := token(t, s)
		a := send(t, s, authorized(update(suspension(0), fields{"userId": "x", "status": "Suspended"}, suspension(1)), key))
		done := 0
		for i := range 2 {
			if profile(t, s, key, i)["status"] == "Suspended" {
				done++
			}
		}
		if shown := strings.Count(a.body, `"createdAt"`); a.StatusCode != c.status || shown != c.shown || done != c.done {
			t.Errorf("%s %s: %d shown, %d done: %.100s", c.spec, c.unknown, shown, done, a.body)
		}
		if a := send(t, s, authorized(update(suspension(2), suspension(3)), key)); c.spec == "part-shown" &&
			strings.Contains(a.body, userID(3)) {
			t.Error("all are shown")
		}
	}
	s := newServer(t, Config{Faults: Faults{Quirks: map[string]bool{"resets": true}}}, 1)
	key := token(t, s)
	send(t, s, authorized(update(suspension(0)), key))
	if p := profile(t, s, key, 0); fmt.Sprint(p["identities"]) != "<nil>" {
		t.Errorf("nothing is lost: %v", p)
	}
}
