package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
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

// send sends a request to the server, without a socket.
func send(t testing.TB, s *Server, r *http.Request) (out reply) {
	t.Helper()
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

// Every answer fits the vendor's OpenAPI document: successes whole, refusals in the envelope.
func TestAnswersFitTheOpenAPIDocument(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("testdata/genauth.json")
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, idType := range idTypes {
		s := newServer(t, Config{IDType: idType, IDs: slices.Values([]string{"lark:a", "lark:b", "lark:c"})}, 0)
		key := token(t, s)
		all := "userIds[]=lark:a&userIds[]=lark:b&userIdType=" + idType
		for _, r := range []*http.Request{
			post("get-management-token", fields{"accessKeyId": AccessKeyID, "accessKeySecret": AccessKeySecret}),
			authorized(get("get-user-batch", all), key),
			authorized(get("get-user-batch", all+"&withIdentities=true&withCustomData=true&withDepartmentIds=true"), key),
			authorized(post("list-users", fields{}), key),
			authorized(creation(fields{"email": "New@Example.com", "customData": fields{"a": 1},
				"identities": []fields{newIdentity("x")}}, fields{}), key),
			authorized(post("delete-users-batch",
				fields{"userIds": []string{"lark:a"}, "options": fields{"userIdType": idType}}), key),
		} {
			validate(t, router, r, send(t, s, clone(r)), true)
		}
		for _, r := range []*http.Request{
			post("get-management-token", fields{"accessKeyId": "x", "accessKeySecret": "y"}),
			deletion("x"),
			authorized(deletion(), key),
			authorized(get("get-user-batch", "userIds=a"), key),
		} {
			validate(t, router, r, send(t, s, clone(r)), false)
		}
	}
}

func clone(r *http.Request) *http.Request {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	c := r.Clone(context.Background())
	c.Body = io.NopCloser(bytes.NewReader(body))
	return c
}

func validate(t *testing.T, router routers.Router, r *http.Request, a reply, success bool) {
	t.Helper()
	if success != (a.StatusCode == 200) || a.http != 200 || !strings.Contains(a.body, `"requestId"`) {
		t.Errorf("%s: HTTP %d %s", r.URL.Path, a.http, a.body)
	}
	if !success { // the document describes data for successes alone
		return
	}
	route, params, err := router.FindRoute(r)
	if err != nil {
		t.Fatal(err)
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 a.http, Header: a.header, Body: io.NopCloser(strings.NewReader(a.body)),
	})
	if err != nil {
		t.Errorf("%s: %v", r.URL.Path, err)
	}
}

// The vendor's own signatures are accepted at their time, and each thing that can be wrong has its code.
func TestSignatures(t *testing.T) {
	text, err := os.ReadFile("testdata/signature-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	type vector struct {
		Name, Method, Path, Body, AccessKeyID, AccessKeySecret, StringToSign, Authorization string
		Headers                                                                             map[string]string
		Query                                                                               map[string]any
	}
	var file struct{ Vectors, Variants []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, v := range append(file.Vectors, file.Variants...) {
		synctest.Test(t, func(t *testing.T) {
			at, err := http.ParseTime(v.Headers["date"])
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(at)) // the bubble's clock goes to the day of the vectors
			s := newServer(t, Config{AccessKeyID: v.AccessKeyID, AccessKeySecret: v.AccessKeySecret}, 0)
			q := &request{name: strings.TrimPrefix(v.Path, "/api/v3/"), method: v.Method, path: v.Path, header: http.Header{},
				body: []byte(v.Body), query: parseQuery(query(v.Query))}
			for name, value := range v.Headers {
				q.header.Set(name, value)
			}
			q.header.Set("Authorization", v.Authorization)
			prefix := "x-authing-"
			if strings.HasPrefix(v.Authorization, "GenAuth") {
				prefix = "x-genauth-"
			}
			if got, err := stringToSign(q, prefix); err != nil || got != v.StringToSign {
				t.Fatalf("%s: string to sign\n%q, want\n%q (%v)", v.Name, got, v.StringToSign, err)
			}
			if q.name == "get-management-token" {
				return
			}
			expect := func(what string, code int) {
				t.Helper()
				if a, ok := s.auth.check(q, s.cfg); ok != (code == 0) || a.api != code {
					t.Errorf("%s, %s: %+v, want apiCode %d", v.Name, what, a, code)
				}
			}
			wrong := func(what, header, value string, code int) {
				t.Helper()
				old := q.header.Get(header)
				q.header.Set(header, value)
				expect(what, code)
				q.header.Set(header, old)
			}
			wrong("method", prefix+"signature-method", "HMAC-MD5", 1301)
			wrong("version", prefix+"signature-version", "2.0", 1302)
			wrong("date", "Date", "yesterday", 1303)
			wrong("no date", "Date", "", 1304)
			wrong("clock", "Date", at.Add(time.Hour).Format(http.TimeFormat), 1305)
			wrong("another nonce", prefix+"signature-nonce", "other", 1300)
			scheme, _, _ := strings.Cut(v.Authorization, " ")
			wrong("another key", "Authorization", scheme+" x:y", 1300)
			expect("as it is", 0)
			expect("again", 1306)
			checked++
		})
	}
	if checked < 15 {
		t.Errorf("only %d vectors were checked", checked)
	}
}

func query(values map[string]any) string {
	q := url.Values{}
	for name, value := range values {
		if list, ok := value.([]any); ok {
			for _, e := range list {
				q.Add(name+"[]", fmt.Sprint(e))
			}
			continue
		}
		q.Set(name, fmt.Sprint(value))
	}
	return q.Encode()
}

func TestTokensExpireAndCannotBeMadeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Config{TokenLifetime: time.Minute}, 3)
		key := token(t, s)
		if a := send(t, s, authorized(deletion(userID(0)), key)); a.StatusCode != 200 {
			t.Error(a.body)
		}
		for what, r := range map[string]*http.Request{
			"none":     deletion(userID(1)),
			"tampered": authorized(deletion(userID(1)), key[:len(key)-2]+"xx"),
		} {
			if a := send(t, s, r); a.StatusCode != 401 || a.APICode != 2020 {
				t.Errorf("%s: %s", what, a.body)
			}
		}
		other := authorized(deletion(userID(1)), key)
		other.Header.Set("x-authing-userpool-id", "another")
		if a := send(t, s, other); a.APICode != 2224 {
			t.Errorf("another pool: %s", a.body)
		}
		time.Sleep(time.Minute)
		if a := send(t, s, authorized(deletion(userID(1)), key)); a.StatusCode != 401 {
			t.Errorf("expired: %s", a.body)
		}
		if s.Len() != 2 {
			t.Errorf("%d users are left, want 2", s.Len())
		}
	})
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
		list("userIds[]", 21): 400, list("userIds", 2): 200, list("userIds", 1): 400, "": 400} {
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

// Each fault looks as it should, and carries the call out or not as it says.
func TestFaults(t *testing.T) {
	for fault, want := range map[Fault]struct {
		http   int
		cut    bool
		status int
		left   []int // of 10 users
	}{
		Throttle:     {429, false, 429, []int{10}},
		HTTP500:      {500, false, 500, []int{0, 10}},
		HTTP502:      {502, false, 502, []int{0, 10}},
		HTTP503:      {503, false, 503, []int{0, 10}},
		Body500:      {200, false, 500, []int{0, 10}},
		HTML502:      {502, false, 0, []int{0, 10}},
		HTML200:      {200, false, 0, []int{10}},
		Redirect:     {302, false, 0, []int{10}},
		CutBefore:    {200, true, 0, []int{10}},
		CutAfter:     {200, true, 0, []int{0}},
		Truncate:     {200, true, 0, []int{0}},
		Empty:        {200, false, 0, []int{0}},
		Hang:         {200, true, 0, []int{0, 10}},
		SuccessFalse: {200, false, 200, []int{10}},
		NoData:       {200, false, 200, []int{0}},
		Strings:      {200, false, 0, []int{0}},
		Half:         {200, false, 500, []int{5}},
	} {
		seen := map[int]bool{}
		for seed := range uint64(8) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, Config{}, 10)
				key := token(t, s)
				s.cfg.Faults.Shares = map[Fault]float64{fault: 1}
				for range seed {
					s.draw()
				}
				var ids []string
				for i := range 10 {
					ids = append(ids, userID(i))
				}
				a := send(t, s, authorized(deletion(ids...), key))
				if a.http != want.http || a.cut != want.cut || a.StatusCode != want.status {
					t.Errorf("%s: HTTP %d, cut %v: %s", fault, a.http, a.cut, a.body)
				}
				seen[s.Len()] = true
			})
		}
		if len(seen) != len(want.left) {
			t.Errorf("%s leaves %v users, want %v", fault, seen, want.left)
		}
		for _, n := range want.left {
			if !seen[n] {
				t.Errorf("%s leaves %v users, want %v", fault, seen, want.left)
			}
		}
	}
}

func TestFaultsRepeat(t *testing.T) {
	draw := func() (all []string) {
		f, err := ParseFaults("all=50%,seed=9,jitter=1ms")
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(t, Config{Faults: f}, 0)
		for range 200 {
			fault, late, delay := s.draw()
			all = append(all, fmt.Sprint(fault, late, delay))
		}
		return all
	}
	if one, two := draw(), draw(); !slices.Equal(one, two) {
		t.Error("the same seed draws other faults")
	}
}

func TestParseFaults(t *testing.T) {
	f, err := ParseFaults("latency=20ms, 429=5%,cut-after=0.02,seed=7")
	if err != nil || f.Latency != 20*time.Millisecond || f.Shares[Throttle] != 0.05 ||
		f.Shares[CutAfter] != 0.02 || f.Seed != 7 {
		t.Errorf("%+v (%v)", f, err)
	}
	for _, bad := range []string{"429=200%", "429=-1%", "429", "nonsense=1%", "latency=soon", "seed=x",
		"429=60%,500=60%"} {
		if _, err := ParseFaults(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// FuzzServeHTTP: no request makes it panic.
func FuzzServeHTTP(f *testing.F) {
	f.Add("delete-users-batch", `{"userIds":["a"],"options":{"userIdType":"email"}}`, "", "Bearer x")
	f.Add("get-user-batch", "", "userIds[]=a&userIdType=phone", "authing a:b")
	f.Add("list-users", `{"options":{"pagination":{"page":-1,"limit":0}}}`, "", "GenAuth a:b")
	f.Add("list-archived-users", "", "page=-5&limit=50", "")
	f.Fuzz(func(t *testing.T, name, body, query, authorization string) {
		s := newServer(t, Config{}, 3)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := &http.Request{Method: method, URL: &url.URL{Path: "/api/v3/" + name, RawQuery: query}, Header: http.Header{},
				Body: io.NopCloser(strings.NewReader(body))}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", authorization)
			send(t, s, r)
			send(t, s, authorized(r.Clone(t.Context()), token(t, s)))
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
