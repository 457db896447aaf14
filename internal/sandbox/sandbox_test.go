package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulkdelete/internal/apidoc"
)

func newServer(t testing.TB, cfg Config, users int) *Server {
	t.Helper()
	if cfg.IDs == nil {
		cfg.IDs = func(yield func(string) bool) {
			for i := 0; i < users && yield(userID(i)); i++ {
			}
		}
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func userID(i int) string { return fmt.Sprintf("6319a150%016x", i) }

// reply is an answer as a client sees it.
type reply struct {
	cut        bool
	http       int
	body       string
	StatusCode int
	APICode    int
	Data       json.RawMessage
	header     http.Header
}

// send sends a request to the server, and holds what is accepted and every answer to the vendor's document.
func send(t testing.TB, s *Server, r *http.Request) reply {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	out := transmit(s, r)
	if len(s.cfg.Faults.Shares) > 0 || out.cut || out.http != 200 || calls[path.Base(r.URL.Path)].method != r.Method {
		return out
	}
	if err := apidoc.Load(t).Answer(r, body, out.http, out.header, []byte(out.body)); err != nil {
		t.Error(err)
	}
	return out
}

// transmit does so without a socket.
func transmit(s *Server, r *http.Request) (out reply) {
	rec := httptest.NewRecorder()
	func() {
		defer func() {
			if p := recover(); p != nil {
				if p != http.ErrAbortHandler {
					panic(p)
				}
				out.cut = true
			}
		}()
		s.ServeHTTP(rec, r)
	}()
	out.http, out.body, out.header = rec.Code, rec.Body.String(), rec.Header()
	json.Unmarshal(rec.Body.Bytes(), &out)
	return out
}

func post(name string, body any) *http.Request {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/api/v3/"+name, bytes.NewReader(text))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func get(name, query string) *http.Request {
	return httptest.NewRequest(http.MethodGet, "/api/v3/"+name+"?"+query, nil)
}

type fields = map[string]any

func token(t testing.TB, s *Server) string {
	t.Helper()
	a := send(t, s, post("get-management-token", fields{"accessKeyId": AccessKeyID, "accessKeySecret": AccessKeySecret}))
	var d struct {
		Token string `json:"access_token"`
	}
	if json.Unmarshal(a.Data, &d); d.Token == "" {
		t.Fatalf("no token: %s", a.body)
	}
	return d.Token
}

func authorized(r *http.Request, token string) *http.Request {
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("x-authing-userpool-id", UserPool)
	return r
}

func deletion(ids ...string) *http.Request {
	return post("delete-users-batch", fields{"userIds": ids})
}

// Whatever is accepted fits the vendor's OpenAPI document, and so does every answer: successes whole, refusals in the
// envelope. send holds each call of this package's tests to that; here are the calls for every type of ID.
func TestAnswersFitTheOpenAPIDocument(t *testing.T) {
	for _, idType := range idTypes {
		s := newServer(t, Config{IDType: idType, IDs: slices.Values([]string{"lark:a", "lark:b", "lark:c"})}, 0)
		key := token(t, s)
		all := "userIds[]=lark:a&userIds[]=lark:b&userIdType=" + idType
		for _, c := range []struct {
			r      *http.Request
			status int
		}{
			{get("get-user-batch", all), 200},
			{get("get-user-batch", all+"&withIdentities=true&withCustomData=true&withDepartmentIds=true"), 200},
			{post("list-users", fields{}), 200},
			{creation(fields{"email": "New@Example.com", "birthdate": "1990-01-01T00:00:00Z", "tenantIds": []string{"t"},
				"identities": []fields{newIdentity("x")}}), 200},
			{post("delete-users-batch",
				fields{"userIds": []string{"lark:a"}, "options": fields{"userIdType": idType}}), 200},
			{get("list-archived-users", "page=1&limit=50"), 200},
			{post("get-management-token", fields{"accessKeyId": "x", "accessKeySecret": "y"}), 401},
			{deletion(), 400},
		} {
			if a := send(t, s, authorized(c.r, key)); a.StatusCode != c.status || a.http != 200 {
				t.Errorf("%s: HTTP %d %s", c.r.URL.Path, a.http, a.body)
			}
		}
	}
}

func TestDeletionsThatAreRefused(t *testing.T) {
	s := newServer(t, Config{Refused: map[string]int{userID(7): 499}}, 60)
	key := token(t, s)
	many := make([]string, 51)
	for i := range many {
		many[i] = userID(i)
	}
	form := authorized(deletion(userID(1)), key)
	form.Header.Set("Content-Type", "text/plain")
	for what, c := range map[string]struct {
		r      *http.Request
		status int
	}{
		"51 users": {authorized(deletion(many...), key), 400},
		"nobody":   {authorized(deletion(), key), 400},
		"unknown type": {authorized(post("delete-users-batch",
			fields{"userIds": []string{"a"}, "options": fields{"userIdType": "name"}}), key), 400},
		"no JSON":    {form, 400},
		"a bad user": {authorized(deletion(userID(6), userID(7)), key), 499},
	} {
		if a := send(t, s, c.r); a.StatusCode != c.status {
			t.Errorf("%s: %s", what, a.body)
		}
	}
	if s.Len() != 60 {
		t.Errorf("%d users are left, want 60", s.Len())
	}
	if a := send(t, s, authorized(deletion(many[:50]...), key)); a.StatusCode != 499 { // user 7 is among them
		t.Error(a.body)
	}
}

func TestUnknownUsers(t *testing.T) {
	for unknown, want := range map[string]struct{ status, api, left int }{
		UnknownSucceeds: {200, 20001, 1},
		UnknownNotFound: {404, 2004, 3},
		UnknownPartial:  {404, 2004, 2},

		UnknownPartial422: {422, 0, 2},
	} {
		s := newServer(t, Config{Unknown: unknown}, 3)
		a := send(t, s, authorized(deletion(userID(0), userID(99), userID(1)), token(t, s)))
		if a.StatusCode != want.status || a.APICode != want.api || s.Len() != want.left {
			t.Errorf("%s: %s, %d left", unknown, a.body, s.Len())
		}
	}
}

// Whoever is known by one ID is known by all the others that were made up.
func TestEveryTypeOfIDFindsTheUser(t *testing.T) {
	for _, idType := range idTypes {
		s := newServer(t, Config{IDType: idType, IDs: slices.Values([]string{"Lark:A", "lark:b"})}, 0)
		for _, other := range idTypes {
			if id := s.users.id(1, other); !s.Has(other, id) {
				t.Errorf("%s %s is not found by %s %s", idType, "lark:b", other, id)
			}
		}
		if s.Has(idType, "lark:a") != (idType == "email") {
			t.Errorf("%s: case counts wrongly", idType)
		}
		s.users.remove(idType, "lark:b")
		if s.Has("username", "user-1") || s.Len() != 1 || s.Deletions("lark:b") != 1 {
			t.Errorf("%s: still there", idType)
		}
	}
}

func TestQueriesAsNodeReadsThem(t *testing.T) {
	s := newServer(t, Config{}, 30)
	key := token(t, s)
	list := func(name string, n int) string {
		var q []string
		for i := range n {
			q = append(q, name+"="+userID(i))
		}
		return strings.Join(q, "&")
	}
	for q, want := range map[string]int{list("userIds[]", 1): 200, list("userIds[]", 20): 200,
		list("userIds[]", 21): 400, list("userIds", 2): 200, list("userIds", 1): 200, "": 400, "userIds=": 400} {
		if a := send(t, s, authorized(get("get-user-batch", q), key)); a.StatusCode != want {
			t.Errorf("%.40s (%d bytes): %.100s", q, len(q), a.body)
		}
	}
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Config{RateLimit: 10, Penalty: 3 * time.Second, RetryAfter: true}, 0)
		r := func() reply { return send(t, s, post("get-management-token", fields{})) }
		for range 10 {
			if a := r(); a.http == 429 {
				t.Fatal("refused too early")
			}
		}
		if a := r(); a.http != 429 || a.StatusCode != 429 || a.header.Get("Retry-After") != "3" {
			t.Errorf("HTTP %d %s", a.http, a.body)
		}
		time.Sleep(2900 * time.Millisecond)
		if a := r(); a.http != 429 {
			t.Error("the penalty is over too soon")
		}
		time.Sleep(100 * time.Millisecond)
		if a := r(); a.http == 429 {
			t.Error("the penalty does not end")
		}
	})
}

// FuzzServeHTTP: no request makes it panic.
func FuzzServeHTTP(f *testing.F) {
	f.Add("delete-users-batch", `{"userIds":["a"],"options":{"userIdType":"email"}}`, "", "Bearer x")
	f.Add("get-user-batch", "", "userIds[]=a&userIdType=phone", "authing a:b")
	f.Add("list-archived-users", "", "page=-5&limit=50", "")
	f.Add("list-users", `{"options":{"pagination":{"page":-1,"limit":0}}}`, "", "GenAuth a:b")
	f.Fuzz(func(t *testing.T, name, body, query, authorization string) {
		s := newServer(t, Config{}, 3)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := &http.Request{Method: method, URL: &url.URL{Path: "/api/v3/" + name, RawQuery: query}, Header: http.Header{},
				Body: io.NopCloser(strings.NewReader(body))}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", authorization)
			transmit(s, r)
			transmit(s, authorized(r.Clone(t.Context()), token(t, s)))
		}
	})
}

func BenchmarkDelete(b *testing.B) {
	s := newServer(b, Config{}, 50)
	key := token(b, s)
	ids := make([]string, 50)
	for i := range ids {
		ids[i] = userID(i)
	}
	text, err := json.Marshal(fields{"userIds": ids})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r := authorized(httptest.NewRequest(http.MethodPost, "/api/v3/delete-users-batch", bytes.NewReader(text)), key)
		r.Header.Set("Content-Type", "application/json")
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
}
