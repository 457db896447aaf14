package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
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
)

// Config is what a sandbox is like. The zero value is an empty pool with the constants' credentials, that does nothing
// wrong.
type Config struct {
	AccessKeyID     string
	AccessKeySecret string
	UserPool        string
	IDType          string           // of IDs; "": user_id
	IDs             iter.Seq[string] // who exists; what else is known of them is made up
	Unknown         string           // one of the Unknown constants; "": UnknownSucceeds
	RateLimit       float64          // attempts in any second; 0: no limit
	Penalty         time.Duration    // how long everything is refused after a breach
	RetryAfter      bool             // 429 comes with Retry-After
	TokenLifetime   time.Duration    // 0: 2 hours
	ReadDenied      bool             // get-user-batch answers 403
	Refused         map[string]int   // IDs whose batch is refused with that statusCode
	Duplicates      bool             // create-users-batch does not mind what other users have
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
	auth     auth
	random   *rand.Rand
	accepted []time.Time // in the last second
	locked   time.Time   // everything is refused until then
	requests int
}

// New makes a sandbox with its users.
func New(cfg Config) (*Server, error) {
	def := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	def(&cfg.AccessKeyID, AccessKeyID)
	def(&cfg.AccessKeySecret, AccessKeySecret)
	def(&cfg.UserPool, UserPool)
	def(&cfg.IDType, "user_id")
	def(&cfg.Unknown, UnknownSucceeds)
	if cfg.TokenLifetime == 0 {
		cfg.TokenLifetime = 2 * time.Hour
	}
	switch cfg.Unknown {
	case UnknownSucceeds, UnknownNotFound, UnknownPartial:
	default:
		return nil, fmt.Errorf("there is no answer %q to unknown users: give success, not-found or partial", cfg.Unknown)
	}
	if !knownType(cfg.IDType) {
		return nil, fmt.Errorf("there is no ID type %q", cfg.IDType)
	}
	return &Server{cfg: cfg, users: newUsers(cfg.IDType, cfg.IDs), auth: newAuth(cfg),
		random: rand.New(rand.NewPCG(cfg.Faults.Seed, 1))}, nil
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

func refuse(status, api int, message string) answer {
	return answer{status: status, api: api, message: message}
}

// request is a call as it arrived.
type request struct {
	name   string
	method string
	path   string
	header http.Header
	body   []byte
	query  map[string]any // string or []string
	half   bool           // carry out half of it only
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, "/api/v3/")
	q := &request{name: name, method: r.Method, path: r.URL.Path, header: r.Header, query: parseQuery(r.URL.RawQuery)}
	handler, method := s.handler(name)
	if !ok || handler == nil || method != r.Method {
		s.elsewhere(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		s.write(w, q, answer{http: 413, status: 413, message: "payload too large"})
		return
	}
	q.body = body
	s.observe(q)
	s.answer(w, r, q, handler)
}

func (s *Server) observe(q *request) {
	if s.cfg.Observe == nil {
		return
	}
	ids, _ := q.query["userIds"].([]string)
	if q.method == http.MethodPost {
		var in struct{ UserIDs []string }
		json.Unmarshal(q.body, &in) //nolint:errcheck // what cannot be read names nobody
		ids = in.UserIDs
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Observe(Call{Name: q.name, IDs: ids, At: time.Now()})
}

type handler func(q *request) answer

func (s *Server) handler(name string) (handler, string) {
	switch name {
	case "get-management-token":
		return s.getToken, http.MethodPost
	case "delete-users-batch":
		return s.deleteUsers, http.MethodPost
	case "create-users-batch":
		return s.createUsers, http.MethodPost
	case "get-user-batch":
		return s.getUsers, http.MethodGet
	case "list-users":
		return s.listUsers, http.MethodPost
	case "list-archived-users":
		return s.listArchived, http.MethodGet
	}
	return nil, ""
}

// elsewhere is what a path that is no call is answered. The page that Faults.Redirect points to looks like success, as
// login pages of gateways do to a client that follows redirects.
func (s *Server) elsewhere(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == landingPage {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"statusCode":200,"message":"","data":{"success":true}}`)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	path := strconv.Quote(r.URL.Path)[1:]
	fmt.Fprintf(w, `{"statusCode":404,"message":"Cannot %s %s","error":"Not Found"}`, r.Method, path)
}

const landingPage = "/login/success"

// answer lets a fault, the rate limit and the authorization have their say before the handler.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, q *request, h handler) {
	fault, late, delay := s.draw()
	if !pause(r, delay) {
		panic(http.ErrAbortHandler)
	}
	out := &outcome{server: s, w: w, r: r, q: q}
	if !s.admit() {
		if s.cfg.RetryAfter {
			w.Header().Set("Retry-After", strconv.Itoa(int(max(s.cfg.Penalty, time.Second)/time.Second)))
		}
		out.write(answer{http: 429, status: 429, message: "too many requests"})
		return
	}
	out.work = func() answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		if a, ok := s.auth.check(q, s.cfg); !ok {
			return a
		}
		return h(q)
	}
	out.with(fault, late)
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
	if float64(len(s.accepted)) >= s.cfg.RateLimit {
		s.locked = now.Add(s.cfg.Penalty)
		return false
	}
	s.accepted = append(s.accepted, now)
	return true
}

// write sends an answer in the API's envelope.
func (s *Server) write(w http.ResponseWriter, q *request, a answer) { w.Write(s.envelope(w, q, a)) }

// envelope sets the headers and gives the body.
func (s *Server) envelope(w http.ResponseWriter, q *request, a answer) []byte {
	s.mu.Lock()
	s.requests++
	id := fmt.Sprintf("sandbox-%08d", s.requests)
	s.mu.Unlock()
	e := map[string]any{"statusCode": a.status, "message": a.message, "requestId": id}
	if a.api != 0 {
		e["apiCode"] = a.api
	}
	if a.data != nil {
		e["data"] = a.data
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Request-Id", id)
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if a.http != 0 {
		w.WriteHeader(a.http)
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
