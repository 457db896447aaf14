package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"bulkdelete/internal/sandbox"
)

// person is a user of directory.
type person map[string]any

func people(from, to int) (list []person) {
	for i := from; i <= to; i++ {
		list = append(list, person{"userId": fmt.Sprintf("u%d", i), "email": fmt.Sprintf("e%d@x.y", i)})
	}
	return list
}

// directory is an API that reads users and lists them, each from a list of its own.
type directory struct {
	living []person
	index  []person // what list-users shows
	total  int      // what it counts; 0: as many as it shows
	list   string   // what it answers instead, if not ""
	ids    []string // what each reading asked for, and "list" and the page for each listing
}

func (d *directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Request-Id", fmt.Sprintf("r%d", len(d.ids)+1))
	if strings.HasSuffix(r.URL.Path, "list-users") {
		d.listUsers(w, r)
		return
	}
	idType := r.URL.Query().Get("userIdType")
	member := map[string]string{"user_id": "userId", "email": "email", "external_id": "externalId"}[idType]
	ids := r.URL.Query()["userIds[]"]
	d.ids = append(d.ids, strings.Join(ids, " "))
	found := []person{}
	for _, p := range d.living {
		if id, _ := p[member].(string); slices.Contains(ids, id) {
			found = append(found, p)
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"statusCode": 200, "data": found}) //nolint:errcheck // to a recorder
}

func (d *directory) listUsers(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Options struct{ Pagination struct{ Page, Limit int } }
	}
	json.NewDecoder(r.Body).Decode(&in) //nolint:errcheck // as it is
	page := in.Options.Pagination
	d.ids = append(d.ids, fmt.Sprintf("list %d", page.Page))
	if d.list != "" {
		io.WriteString(w, d.list)
		return
	}
	list := d.index[min(len(d.index), (page.Page-1)*page.Limit):min(len(d.index), page.Page*page.Limit)]
	data := map[string]any{"totalCount": max(d.total, len(d.index)), "list": append([]person{}, list...)}
	json.NewEncoder(w).Encode(map[string]any{"statusCode": 200, "data": data}) //nolint:errcheck // to a recorder
}

// An answer that finds nobody is believed only where the same means find somebody.
func TestAnEmptyReadingNeedsAControl(t *testing.T) {
	const no = `{"statusCode":403,"message":"no listing"}`
	everybody, gone, listedOnce := people(1, 60), []string{"gone"}, []string{"gone", "list 1"}
	for _, c := range []struct {
		name   string
		idType string
		api    directory
		ids    []string
		kind   Kind
		asked  []string // of the API, "*" for twenty users
		living int
	}{
		{"the same call finds somebody", "email", directory{living: everybody}, []string{"gone", "e1@x.y"}, "",
			[]string{"gone e1@x.y"}, 1},
		{"a control by the same type of ID", "email", directory{living: everybody, index: everybody[:3]}, gone, "",
			[]string{"gone", "list 1", "e1@x.y e2@x.y e3@x.y"}, 0},
		{"a control by user_id", "external_id", directory{living: everybody, index: everybody[:3]}, gone, "",
			[]string{"gone", "list 1", "u1 u2 u3"}, 0},
		{"an index that shows the dead first", "user_id", directory{living: everybody[19:], index: everybody}, gone, "",
			[]string{"gone", "list 1", "*"}, 0},
		{"an index with the dead on page one", "user_id", directory{living: everybody[50:], index: everybody}, gone, "",
			[]string{"gone", "list 1", "*", "list 2", "u51 u52 u53 u54 u55 u56 u57 u58 u59 u60"}, 0},
		{"who was asked about is no control", "user_id", directory{index: everybody[:2]}, []string{"u1", "U2"}, Blind,
			[]string{"u1 U2", "list 1", "list 1"}, 0},
		{"nobody can be found", "email", directory{index: everybody[:1]}, gone, Blind,
			[]string{"gone", "list 1", "e1@x.y", "list 1", "e1@x.y"}, 0},
		{"an emptied pool", "email", directory{}, gone, "", []string{"gone", "list 1"}, 0},
		{"a count without users", "email", directory{total: 5}, gone, Blind, []string{"gone", "list 1", "list 1"}, 0},
		{"no permission to list", "email", directory{list: no}, gone, Blind, listedOnce, 0},
		{"listing is no call here", "email", directory{list: `{"statusCode":404}`}, gone, Blind, listedOnce, 0},
		{"listing is out of reach", "email", directory{list: `{"statusCode":503}`}, gone, Unavailable, listedOnce, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := newClient(t, &c.api, func(cfg *Config) { cfg.Auth, cfg.Retries = "signature", 0 })
				living, r, err := client.Existing(t.Context(), c.idType, c.ids)
				if (c.kind == "") != (err == nil) || err != nil && !errors.Is(err, c.kind) {
					t.Errorf("it ends with %v, want %v", err, c.kind)
				}
				if len(living) != c.living {
					t.Errorf("living are %q", living)
				}
				for i, ids := range c.api.ids {
					if len(strings.Fields(ids)) == ReadBatch {
						c.api.ids[i] = "*"
					}
				}
				if !slices.Equal(c.api.ids, c.asked) {
					t.Errorf("asked %q, want %q", c.api.ids, c.asked)
				}
				if len(r.RequestIDs) != len(c.asked) || r.Attempts != len(c.asked) {
					t.Errorf("the receipt has %d request IDs and %d attempts", len(r.RequestIDs), r.Attempts)
				}
				if c.kind == Blind && errors.Is(err, Credentials) {
					t.Errorf("the error is %v", err)
				}
			})
		})
	}
}

// The parts of a call share one control, and a part that finds somebody speaks for the one before it.
func TestOneControlForAllParts(t *testing.T) {
	everybody := people(1, 50)
	gone := func(n int) (ids []string) {
		for i := range n {
			ids = append(ids, fmt.Sprintf("gone-%d", i))
		}
		return ids
	}
	for _, c := range []struct {
		name  string
		ids   []string
		calls int
	}{
		{"nobody in three parts", gone(50), 3 + 2},
		{"somebody in the last part", append(gone(40), "u1"), 3},
		{"somebody in the first part", append([]string{"u1"}, gone(39)...), 2 + 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			api := &directory{living: everybody, index: everybody}
			client := newClient(t, api, func(cfg *Config) { cfg.Auth = "signature" })
			if _, _, err := client.Profiles(t.Context(), "user_id", c.ids); err != nil || len(api.ids) != c.calls {
				t.Errorf("%s: %d calls, %v", c.name, len(api.ids), err)
			}
		})
	}
}

// The user found last is the next control, as long as that one is found.
func TestTheControlIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &directory{living: people(1, 3), index: people(1, 3)}
		client := newClient(t, api, func(cfg *Config) { cfg.Auth = "signature" })
		look := func(id string, want ...string) {
			t.Helper()
			api.ids = nil
			if _, _, err := client.Existing(t.Context(), "email", []string{id}); err != nil {
				t.Error(err)
			}
			if !slices.Equal(api.ids, want) {
				t.Errorf("asked %q, want %q", api.ids, want)
			}
		}
		look("gone", "gone", "list 1", "e1@x.y e2@x.y e3@x.y")
		look("gone", "gone", "e1@x.y")
		api.living = api.living[1:]
		look("gone", "gone", "e1@x.y", "list 1", "e1@x.y e2@x.y e3@x.y")
		look("gone", "gone", "e2@x.y")
		api.living = api.living[1:]
		look("E2@x.y", "E2@x.y", "list 1", "e1@x.y e3@x.y") // the control itself is asked about
	})
}

// Reading and listing are repeated as often as is allowed: they settle what nothing else can.
func TestReadingsAreRepeated(t *testing.T) {
	fault := slices.Repeat([]string{"500 "}, serverRetries+2)
	synctest.Test(t, func(t *testing.T) {
		found := []string{`200 {"statusCode":200,"data":[]}`}
		listed := []string{`200 {"statusCode":200,"data":{"totalCount":0,"list":[]}}`}
		api := &answers{list: slices.Concat(fault, found, fault, listed)}
		client := newClient(t, api, func(c *Config) { c.Retries = len(fault) })
		if _, _, err := client.Existing(t.Context(), "email", []string{"gone"}); err != nil {
			t.Errorf("after %d calls: %v", len(api.seen), err)
		}
	})
}

func TestAStopDuringTheControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		api := &answers{list: []string{`200 {"statusCode":200,"data":[]}`}, after: func(int) { cancel() }}
		if _, _, err := newClient(t, api, nil).Existing(ctx, "email", []string{"gone"}); !errors.Is(err, Stopped) {
			t.Errorf("stopped, and it ends with %v", err)
		}
	})
}

// Custom data may be numbers: they are found, and are a control, by their digits.
func TestNumbersInCustomData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, err := sandbox.New(sandbox.Config{})
		if err != nil {
			t.Fatal(err)
		}
		client := newClient(t, api, nil)
		numbered := json.RawMessage(`{"username":"u","customData":{"no":12345678}}`)
		if _, _, err := client.CreateUsers(t.Context(), []json.RawMessage{numbered}); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]int{"no:12345678": 1, "no:9": 0} {
			living, _, err := client.Existing(t.Context(), "custom_field", []string{id})
			if err != nil || len(living) != want {
				t.Errorf("of %s %q live: %v", id, living, err)
			}
		}
	})
}

// A user who exists has an ID of each type, or none; both are the control's.
func TestIDsOfAUser(t *testing.T) {
	var u user
	if err := json.Unmarshal([]byte(`{"userId":"u","externalId":"x","email":"e","phone":"1","username":"n",
		"customData":{"no":7},"identities":[{"provider":"p"},
		{"extIdpId":"i","provider":"p","userIdInIdp":"j"}]}`), &u); err != nil {
		t.Fatal(err)
	}
	for idType, want := range map[string]string{"user_id": "u", "external_id": "x", "email": "e", "phone": "1",
		"username": "n", "custom_field": "no:7", "identity": "i:j", "sync_relation": "p:j"} {
		if ids := u.ids(idType, "no:8"); len(ids) != 1 || ids[0] != want || !u.is(idType, want) {
			t.Errorf("the %s is %q", idType, ids)
		}
		if ids := (user{}).ids(idType, "no:8"); len(ids) > 0 || (user{}).is(idType, "") {
			t.Errorf("nobody's %s is %q", idType, ids)
		}
	}
}
