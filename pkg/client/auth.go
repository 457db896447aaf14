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
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// authorizer puts authority on attempts. It is shared by all calls.
type authorizer interface {
	// ready makes sure that what authorize needs is at hand. It may call the API, and waits until the call's context ends.
	ready(a *call) error
	// authorize adds what makes one attempt acceptable. It is called anew for each.
	authorize(a *call, h http.Header)
	// refused says whether the last answer means that the authority was not accepted, and mends what can be mended.
	refused(a *call) bool
	// fresh says whether what ready supplied still holds.
	fresh() bool
	// userPool is the ID of the pool the authority is for, and whether that is a guess.
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
	pool    string // of the first token, and so of all
	guessed bool   // nothing named the pool
	renewAt time.Time
	unused  int // tokens in a row that ran out before they were sent
}

// mostUnused is how many tokens may run out unsent, one after another, before that is taken for the rule.
const mostUnused = 3

func (t *tokenAuth) fresh() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.token != "" && time.Now().Before(t.renewAt)
}

// ready fetches a token when there is none or the one there is runs out. All who need it wait for one call.
func (t *tokenAuth) ready(a *call) error {
	if t.fresh() {
		return nil
	}
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-a.ctx.Done():
		return Stopped
	}
	if t.fresh() {
		return nil
	}
	login, err := t.fetch(a.ctx)
	if err != nil {
		a.receipt.RequestIDs = append(a.receipt.RequestIDs, login.RequestIDs...)
	}
	return err
}

func (t *tokenAuth) fetch(ctx context.Context) (Receipt, error) {
	var data struct {
		Token     string `json:"access_token"`
		ExpiresIn any    `json:"expires_in"`
	}
	cfg := t.client.cfg
	a := &call{client: t.client, name: "get-management-token", method: http.MethodPost,
		params: params{{"accessKeyId", cfg.AccessKeyID}, {"accessKeySecret", string(cfg.AccessKeySecret)}}}
	a.succeeded = func(d []byte) bool {
		err := json.Unmarshal(d, &data)
		a.token = data.Token // it must not be shown either
		return err == nil && data.Token != ""
	}
	if err := a.do(ctx); err != nil {
		return a.receipt, err
	}
	lifetime := time.Duration(number(data.ExpiresIn)) * time.Second
	if lifetime <= 0 {
		lifetime = 2 * time.Hour // what the API is said to give
	}
	return a.receipt, t.accept(a, lifetime)
}

// accept takes the token that a login brought into use, unless it is for another pool than the tokens before it.
func (t *tokenAuth) accept(login *call, lifetime time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	cfg, claimed := t.client.cfg, login.clean(poolOf(login.token))
	expected := cmp.Or(t.pool, cfg.UserPool)
	pool := cmp.Or(expected, claimed, cfg.AccessKeyID) // a pool's own key has the pool's ID
	if claimed != "" && claimed != pool {
		return fmt.Errorf("%w: the token is for user pool %q, and %q is expected", WrongPool, claimed, pool)
	}
	if t.unused++; t.unused > mostUnused {
		return fmt.Errorf("%w: each token runs out, after %s, before a call's turn comes: raise --rate",
			Unsupported, lifetime)
	}
	t.guessed = claimed == "" && (expected == "" || t.guessed)
	t.token, t.pool = login.token, pool
	t.client.worked.CompareAndSwap(login.token, "") // the same once more: it was refused
	t.renewAt = login.last.started.Add(lifetime - min(lifetime/5, 5*time.Minute))
	return nil
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
		Pool string `json:"scoped_userpool_id"`
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Pool
}

func (t *tokenAuth) authorize(a *call, h http.Header) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.token, t.unused = t.token, 0
	h.Set("Authorization", "Bearer "+t.token)
	// Which of the two api.genauth.ai wants is not documented; the other does no harm.
	h.Set("x-authing-userpool-id", t.pool)
	h.Set("x-genauth-userpool-id", t.pool)
}

// refused drops a token that was refused, unless another call has replaced it meanwhile.
func (t *tokenAuth) refused(a *call) bool {
	if a.last.code != http.StatusUnauthorized {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == a.token {
		t.token = ""
	}
	return true
}

func (t *tokenAuth) userPool() (id string, guessed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pool, t.guessed
}

// signatureAuth signs each attempt with the access key's secret.
type signatureAuth struct {
	cfg    Config
	offset atomic.Int64 // of the server's clock from this machine's in ns, once it has complained
}

func (s *signatureAuth) ready(*call) error { return nil }

func (s *signatureAuth) fresh() bool { return true }

func (s *signatureAuth) userPool() (id string, guessed bool) {
	return cmp.Or(s.cfg.UserPool, s.cfg.AccessKeyID), s.cfg.UserPool == ""
}

func (s *signatureAuth) authorize(a *call, h http.Header) {
	now := time.Now().Add(time.Duration(s.offset.Load()))
	prefix, scheme := headerPrefix(s.cfg), "authing"
	if s.cfg.Dialect == "genauth" {
		scheme = "GenAuth"
	}
	h.Set("Date", now.UTC().Format(http.TimeFormat))
	h.Set(prefix+"signature-nonce", nonce())
	h.Set(prefix+"signature-method", "HMAC-SHA1")
	h.Set(prefix+"signature-version", "1.0")
	text := stringToSign(a.method, a.path(), h, prefix, a.params)
	h.Set("Authorization", scheme+" "+s.cfg.AccessKeyID+":"+sign(string(s.cfg.AccessKeySecret), text))
}

// refused corrects the clock by the server's, once for each call.
func (s *signatureAuth) refused(a *call) bool {
	if a.last.apiCode != 1305 || a.last.date.IsZero() {
		return false
	}
	s.offset.Store(int64(time.Until(a.last.date)))
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
	var names, fields []string
	for name := range h {
		if lower := strings.ToLower(name); lower == "date" || strings.HasPrefix(lower, prefix) {
			names = append(names, lower)
		}
	}
	var b strings.Builder
	b.WriteString(method + "\n")
	blanks := strings.NewReplacer("\t", " ", "\r", " ", "\n", " ")
	for _, name := range slices.Sorted(slices.Values(names)) {
		b.WriteString(name + ":" + strings.TrimSpace(blanks.Replace(h.Get(name))) + "\n")
	}
	b.WriteString(path)
	for _, each := range slices.SortedFunc(slices.Values(p), byName) {
		fields = append(fields, each.name+"="+plain(each.value))
	}
	if len(fields) > 0 {
		b.WriteString("?" + strings.Join(fields, "&"))
	}
	return b.String()
}
