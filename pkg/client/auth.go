package client

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// authorizer puts authority on attempts. It is shared by all calls.
type authorizer interface {
	// ready makes sure that what authorize needs is at hand. It may call the API and wait until ctx ends.
	ready(ctx context.Context) error
	// authorize adds what makes one attempt acceptable. It is called anew for each.
	authorize(c *call, h http.Header)
	// refused says whether an answer means that the authority was not accepted, and mends what can be mended.
	refused(c *call, l answer) bool
	// userPool is the ID of the pool the authority is for, "" if that is not known. guessed: nothing but the access key
	// says so.
	userPool() (id string, guessed bool)
}

// headerPrefix starts the names of the API's own headers.
func headerPrefix(cfg Config) string {
	if cfg.Dialect == "genauth" && cfg.Auth == "signature" {
		return "x-genauth-"
	}
	return "x-authing-"
}

// tokenAuth sends a management token (docs/genauth-api.md, "Authorization, two ways").
type tokenAuth struct {
	client *Client
	turn   chan struct{} // held by the one that fetches

	mu      sync.Mutex
	token   string
	pool    string      // of the first token, and so of all
	guessed bool        // no token has named it yet, nor has the configuration
	header  http.Header // that carries both
	renewAt time.Time
}

func (t *tokenAuth) fresh() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.token != "" && time.Now().Before(t.renewAt)
}

// ready fetches a token when there is none or the one there is runs out. All who need it wait for one call.
func (t *tokenAuth) ready(ctx context.Context) error {
	if t.fresh() {
		return nil
	}
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return Stopped
	}
	if t.fresh() {
		return nil
	}
	return t.fetch(ctx)
}

func (t *tokenAuth) fetch(ctx context.Context) error {
	var data struct {
		Token     string  `json:"access_token"`
		ExpiresIn flexInt `json:"expires_in"`
	}
	cfg := t.client.cfg
	asked := time.Now()
	a := &call{client: t.client, name: "get-management-token", method: http.MethodPost, bound: 1 << 20, login: true,
		params: params{{"accessKeyId", cfg.AccessKeyID}, {"accessKeySecret", string(cfg.AccessKeySecret)}}}
	a.succeeded = func(d []byte) bool {
		err := json.Unmarshal(d, &data)
		a.token = data.Token // it must not be shown either
		return err == nil && data.Token != ""
	}
	if err := a.do(ctx); err != nil {
		return refusedLogin(err)
	}
	lifetime := time.Duration(data.ExpiresIn) * time.Second
	if lifetime <= 0 {
		lifetime = 2 * time.Hour // what the API is said to give
	}
	return t.accept(a, asked.Add(lifetime-min(lifetime/5, 5*time.Minute)))
}

// accept takes the token that a login brought into use, unless it is for another pool than the tokens before it.
func (t *tokenAuth) accept(login *call, renewAt time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	cfg, claimed := t.client.cfg, login.clean(poolOf(login.token))
	pool := cmp.Or(t.pool, cfg.UserPool, claimed, cfg.AccessKeyID) // a pool's own key has the pool's ID
	if claimed != "" && claimed != pool {
		return &Error{Kind: WrongPool, Receipt: login.receipt,
			Err: fmt.Errorf("the token is for user pool %q, and %q is expected", claimed, pool)}
	}
	t.guessed = claimed == "" && cfg.UserPool == "" && (t.pool == "" || t.guessed)
	t.token, t.pool, t.renewAt = login.token, pool, renewAt
	t.header = http.Header{}
	t.header.Set("Authorization", "Bearer "+t.token)
	// Which of the two api.genauth.ai wants is not documented; the other does no harm.
	t.header.Set("x-authing-userpool-id", t.pool)
	t.header.Set("x-genauth-userpool-id", t.pool)
	return nil
}

// refusedLogin: a login that is refused for good, in whatever way, is refused credentials.
func refusedLogin(err error) error {
	var e *Error
	if errors.As(err, &e) && (e.Kind == Refused || e.Kind == NotFound) {
		e.Kind = Credentials
	}
	return err
}

// poolOf reads the user pool's ID from a token's payload. The token is not verified here: it goes back to whom it came
// from.
func poolOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	var claims struct {
		Pool flexString `json:"scoped_userpool_id"`
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return string(claims.Pool)
}

func (t *tokenAuth) authorize(c *call, h http.Header) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.token = t.token
	maps.Copy(h, t.header)
}

// refused drops a token that was refused, unless another call has replaced it meanwhile.
func (t *tokenAuth) refused(c *call, l answer) bool {
	if l.code != http.StatusUnauthorized {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == c.token {
		t.token = ""
	}
	return true
}

func (t *tokenAuth) userPool() (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pool, t.guessed
}

// signatureAuth signs each attempt with the access key's secret.
type signatureAuth struct {
	cfg    Config
	prefix string
	scheme string

	mu     sync.Mutex
	offset time.Duration // of the server's clock from this machine's, once it has complained
}

func newSignatureAuth(cfg Config) *signatureAuth {
	s := &signatureAuth{cfg: cfg, prefix: headerPrefix(cfg), scheme: "authing"}
	if cfg.Dialect == "genauth" {
		s.scheme = "GenAuth"
	}
	return s
}

func (s *signatureAuth) ready(ctx context.Context) error {
	if ctx.Err() != nil {
		return Stopped
	}
	return nil
}

func (s *signatureAuth) userPool() (string, bool) { return s.cfg.UserPool, s.cfg.UserPool == "" }

func (s *signatureAuth) authorize(c *call, h http.Header) {
	s.mu.Lock()
	now := time.Now().Add(s.offset)
	s.mu.Unlock()
	h.Set("Date", now.UTC().Format(http.TimeFormat))
	h.Set(s.prefix+"signature-nonce", nonce())
	h.Set(s.prefix+"signature-method", "HMAC-SHA1")
	h.Set(s.prefix+"signature-version", "1.0")
	text := stringToSign(c.method, c.path(), h, s.prefix, c.params)
	h.Set("Authorization", s.scheme+" "+s.cfg.AccessKeyID+":"+sign(string(s.cfg.AccessKeySecret), text))
}

// refused corrects the clock by the server's, once for each call.
func (s *signatureAuth) refused(_ *call, l answer) bool {
	if l.apiCode != 1305 || l.date.IsZero() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset = time.Until(l.date)
	return true
}

func nonce() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // never fails
	return hex.EncodeToString(b[:])
}

func sign(secret, text string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// stringToSign is the text of docs/genauth-api.md, "Authorization, two ways": the method, the date and the API's own
// headers, and the path with the parameters as the server will have parsed them.
func stringToSign(method, path string, h http.Header, prefix string, p params) string {
	var names []string
	for name := range h {
		if lower := strings.ToLower(name); lower == "date" || strings.HasPrefix(lower, prefix) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	b := []byte(method + "\n")
	for _, name := range names {
		b = append(b, strings.ToLower(name)...)
		b = append(b, ':')
		b = append(b, strings.TrimSpace(strings.NewReplacer("\t", " ", "\r", " ", "\n", " ").Replace(h.Get(name)))...)
		b = append(b, '\n')
	}
	b = append(b, path...)
	sorted := slices.SortedFunc(slices.Values(p), func(a, b param) int { return strings.Compare(a.name, b.name) })
	for i, q := range sorted {
		b = append(b, "?&"[min(i, 1)])
		b = append(b, q.name...)
		b = append(b, '=')
		if s, ok := q.value.(string); ok {
			b = append(b, s...)
		} else {
			b = appendJSON(b, q.value)
		}
	}
	return string(b)
}
