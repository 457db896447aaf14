package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The credentials of a sandbox that is not given others.
const (
	AccessKeyID     = "64b0d1c2e3f405162738495a"
	AccessKeySecret = "sandbox-secret-not-for-production"
	UserPool        = "64b0d1c2e3f4051627384950"
)

// How a deletion that names a user who does not exist is answered: the real API's way is not known.
const (
	UnknownSucceeds = "success"   // the others are deleted and the answer is success
	UnknownNotFound = "not-found" // nobody is deleted and the answer is 404/2004
	UnknownPartial  = "partial"   // those named before are deleted, then the answer is 404/2004

	UnknownPartial422 = "partial-422" // the same, and the answer is 422
)

// Config is what a sandbox is like. The zero value is an empty pool with the constants' credentials, that does nothing
// wrong.
type Config struct {
	AccessKeyID     string
	AccessKeySecret string
	UserPool        string
	IDType          string                      // of IDs; "": user_id
	IDs             iter.Seq[string]            // who exists; what else is known of them is made up
	Users           iter.Seq2[string, []string] // in place of IDs: with the values of Members, "" being null
	Members         []string                    // of a user, such as name and lastLogin, that Users gives
	Unknown         string                      // one of the Unknown constants; "": UnknownSucceeds
	RateLimit       float64                     // attempts in any second; 0: no limit
	Penalty         time.Duration               // how long everything is refused after a breach
	RetryAfter      bool                        // 429 comes with Retry-After
	TokenLifetime   time.Duration               // 0: 2 hours
	ReadDenied      bool                        // get-user-batch answers 403
	Refused         map[string]int              // IDs whose batch is refused with that statusCode
	Duplicates      bool                        // create-users-batch does not mind what other users have
	Faults          Faults
	Observe         func(Call) // called when a call arrives, whatever becomes of it, one at a time
}

// Call is what a sandbox was asked.
type Call struct {
	Name string // such as delete-users-batch
	IDs  []string
	At   time.Time
}

// Server is the API. It may be used by any number of goroutines.
type Server struct {
	cfg Config

	mu       sync.Mutex
	users    *users
	tokens   map[string]time.Time // until when each is good
	nonces   map[string]bool      // that were used
	issued   int                  // tokens
	refused  int                  // calls with tokens that are not good
	random   *rand.Rand
	accepted []time.Time // in the last second
	locked   time.Time   // everything is refused until then
	requests int
	outage   time.Time // until when nobody is answered
	revoked  bool      // the tokens were taken back
}

// New makes a sandbox with its users.
func New(cfg Config) (*Server, error) {
	cfg.AccessKeyID = cmp.Or(cfg.AccessKeyID, AccessKeyID)
	cfg.AccessKeySecret = cmp.Or(cfg.AccessKeySecret, AccessKeySecret)
	cfg.UserPool, cfg.IDType = cmp.Or(cfg.UserPool, UserPool), cmp.Or(cfg.IDType, "user_id")
	cfg.Unknown, cfg.TokenLifetime = cmp.Or(cfg.Unknown, UnknownSucceeds), cmp.Or(cfg.TokenLifetime, 2*time.Hour)
	if !slices.Contains([]string{UnknownSucceeds, UnknownNotFound, UnknownPartial, UnknownPartial422}, cfg.Unknown) {
		return nil, fmt.Errorf("there is no answer %q to unknown users: give success, not-found, partial or partial-422",
			cfg.Unknown)
	}
	if cfg.Faults.Others > 0 && cfg.RateLimit <= 0 {
		return nil, errors.New("others: there is no limit that others could share")
	}
	if made[cfg.IDType] == "" {
		return nil, fmt.Errorf("there is no ID type %q", cfg.IDType)
	}
	return &Server{cfg: cfg, users: newUsers(cfg), random: rand.New(rand.NewPCG(cfg.Faults.Seed, 1)),
		tokens: map[string]time.Time{}, nonces: map[string]bool{}}, nil
}

// Len is how many users exist.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.users.living
}

// Has says whether a user exists.
func (s *Server) Has(idType, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.users.find(idType, id)
	return ok
}

// Profile is all that is known of a user; nil: there is none.
func (s *Server) Profile(idType, id string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.users.find(idType, id); ok {
		return s.users.show(i)
	}
	return nil
}

// Deletions is how many times a user was deleted: more than once would be a mistake of this package's.
func (s *Server) Deletions(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.users.lookup(s.cfg.IDType, id); ok {
		return int(s.users.deleted[i])
	}
	return 0
}

// answer is what a call is answered.
type answer struct {
	http    int // 0: 200
	status  int
	api     int
	message string
	data    any
}

func refuse(status, api int, message string) *answer {
	return &answer{status: status, api: api, message: message}
}

func succeed(data any) *answer { return &answer{status: 200, data: data} }

// request is a call on its way to an answer.
type request struct {
	*http.Request
	w     http.ResponseWriter
	name  string
	body  []byte
	query map[string]any // string or []string
	half  bool           // carry out half of it only
}

// calls are what the API can do.
var calls = map[string]struct {
	method string
	handle func(*Server, *request) *answer
}{
	"get-management-token": {http.MethodPost, (*Server).getToken},
	"delete-users-batch":   {http.MethodPost, (*Server).deleteUsers},
	"create-users-batch":   {http.MethodPost, (*Server).createUsers},
	"update-user-batch":    {http.MethodPost, (*Server).updateUsers},
	"get-user-batch":       {http.MethodGet, (*Server).getUsers},
	"list-users":           {http.MethodPost, (*Server).listUsers},
	"list-archived-users":  {http.MethodGet, (*Server).listArchived},
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{Request: r, w: w, name: strings.TrimPrefix(r.URL.Path, "/api/v3/"), query: parseQuery(r.URL.RawQuery)}
	if call, ok := calls[q.name]; !ok || call.method != r.Method {
		elsewhere(w, r)
		return
	}
	most := int64(1 << 20)
	if s.cfg.Faults.Quirks["small-413"] {
		most = 100_000
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		s.write(q, &answer{http: 413, status: 413, message: "payload too large"})
		return
	}
	q.body = body
	s.observe(q)
	s.answer(q)
}

func (s *Server) observe(q *request) {
	if s.cfg.Observe == nil {
		return
	}
	ids, _ := q.query["userIds"].([]string)
	if one, alone := q.query["userIds"].(string); alone {
		ids = []string{one}
	}
	if q.Method == http.MethodPost {
		var in struct {
			UserIDs []string
			List    []struct{ UserID string }
		}
		json.Unmarshal(q.body, &in) //nolint:errcheck // what cannot be read names nobody
		ids = in.UserIDs
		for _, change := range in.List {
			ids = append(ids, change.UserID)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Observe(Call{Name: q.name, IDs: ids, At: time.Now()})
}

// elsewhere is what a path that is no call is answered. The page that a redirect points to looks like success, as
// login pages of gateways do to a client that follows redirects.
func elsewhere(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == landingPage {
		io.WriteString(w, `{"statusCode":200,"message":"","data":{"success":true}}`)
		return
	}
	w.WriteHeader(http.StatusNotFound)
	page := map[string]any{"statusCode": 404, "message": "Cannot " + r.Method + " " + r.URL.Path, "error": "Not Found"}
	json.NewEncoder(w).Encode(page) //nolint:errcheck // the client has gone
}

const landingPage = "/login/success"

// answer lets a fault, the rate limit and the authorization have their say before the call is carried out.
func (s *Server) answer(q *request) {
	fault, late, delay := s.draw()
	if !pause(q.Request, delay) {
		panic(http.ErrAbortHandler)
	}
	if s.isOut() {
		cut(s, q, nil)
	}
	if !s.admit() {
		if s.cfg.RetryAfter {
			q.w.Header().Set("Retry-After", strconv.Itoa(int(max(s.cfg.Penalty, time.Second)/time.Second)))
		}
		s.write(q, &tooMany)
		return
	}
	if fault == nil {
		s.write(q, s.carryOut(q))
		return
	}
	q.half = fault.name == "half"
	var a *answer
	if fault.done == always || fault.done == either && late {
		a = s.carryOut(q)
	}
	fault.strike(s, q, a)
}

func (s *Server) carryOut(q *request) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if no := s.check(q); no != nil {
		return no
	}
	return calls[q.name].handle(s, q)
}

// admit counts the attempts of the last second.
func (s *Server) admit() bool {
	if s.cfg.RateLimit <= 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for len(s.accepted) > 0 && now.Sub(s.accepted[0]) >= time.Second {
		s.accepted = s.accepted[1:]
	}
	if now.Before(s.locked) {
		return false
	}
	if float64(len(s.accepted))+s.cfg.Faults.Others >= s.cfg.RateLimit {
		s.locked = now.Add(s.cfg.Penalty)
		return false
	}
	s.accepted = append(s.accepted, now)
	return true
}

// write sends an answer in the API's envelope.
func (s *Server) write(q *request, a *answer) { q.w.Write(s.envelope(q, a)) }

// chinese are the messages of those who ask for them with x-authing-lang, by apiCode or statusCode.
var chinese = map[int]string{200: "操作成功", 400: "参数错误", 401: "未登录", 403: "无权限", 404: "资源不存在",
	409: "资源冲突", 413: "请求体过大", 422: "无法处理的请求", 429: "请求过于频繁", 499: "请求错误", 500: "服务器错误",
	502: "网关错误", 503: "服务不可用", 2004: "用户不存在", 2020: "令牌无效或已过期", 2026: "用户已存在", 2224: "用户池不存在"}

// words is the message in the language that was asked for.
func (a *answer) words(h http.Header) string {
	lang := cmp.Or(h.Get("x-authing-lang"), h.Get("x-genauth-lang"))
	if in := cmp.Or(chinese[a.api], chinese[a.status]); in != "" && strings.HasPrefix(lang, "zh") {
		return in
	}
	return a.message
}

// envelope sets the headers and gives the body.
func (s *Server) envelope(q *request, a *answer) []byte {
	s.mu.Lock()
	s.requests++
	id := fmt.Sprintf("sandbox-%08d", s.requests)
	s.mu.Unlock()
	e := map[string]any{"statusCode": a.status, "message": a.words(q.Header), "requestId": id}
	if a.api != 0 {
		e["apiCode"] = a.api
	}
	if a.data != nil {
		e["data"] = a.data
	}
	h := q.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Request-Id", id)
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if a.http != 0 {
		q.w.WriteHeader(a.http)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		panic(err) // maps of plain values: a mistake in this package
	}
	return b.Bytes()
}

// parseQuery reads a query as Node's qs does: name[]=a and a repeated name are arrays, a lone name=a is a string,
// and an array of more than 20 values is none any more.
func parseQuery(raw string) map[string]any {
	const arrayLimit = 20
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil
	}
	query := map[string]any{}
	for name, v := range values {
		bare, bracket := strings.CutSuffix(name, "[]")
		switch {
		case !bracket && len(v) == 1:
			query[bare] = v[0]
		case len(v) <= arrayLimit:
			query[bare] = v
		default:
			query[bare] = map[string]string{}
		}
	}
	return query
}
