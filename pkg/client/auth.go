package client

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// authorize puts authority on an attempt. It is called anew for each.
func (a *call) authorize(h http.Header) {
	if a.login {
		return
	}
	if pool, _ := a.client.userPool(); a.token != "" {
		// Which of the two api.genauth.ai wants is not documented; the other does no harm.
		h.Set("x-authing-userpool-id", pool)
		h.Set("x-genauth-userpool-id", pool)
	}
	q := cmp.Or(a.question, &Question{})
	for _, name := range q.Without { // of what is signed too
		h.Del(name)
	}
	if a.token != "" {
		h.Set("Authorization", "Bearer "+a.token)
	} else {
		a.sign(h)
	}
	if q.Broken {
		h.Set("Authorization", h.Get("Authorization")+"x")
	}
}

// refused says whether the last answer means that the authority was not accepted, and mends what can be mended: a token
// is fetched anew, and the clock is corrected by the server's.
func (a *call) refused() bool {
	l, c, q := &a.last, a.client, a.question
	switch {
	case a.login, q != nil && (q.Broken || len(q.Without) > 0): // which says nothing of the authority that is whole
		return false
	case c.tokens != nil && l.code == http.StatusUnauthorized:
		c.tokens.drop(a.token)
		return true
	case c.tokens == nil && l.apiCode == 1305 && !l.date.IsZero():
		c.clockOff.Store(int64(time.Until(l.date)))
		return true
	}
	return false
}

// userPool is the ID of the pool that calls are for, and whether that is a guess.
func (c *Client) userPool() (id string, guessed bool) {
	if c.tokens == nil {
		return cmp.Or(c.cfg.UserPool, c.cfg.AccessKeyID), c.cfg.UserPool == ""
	}
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	return c.tokens.pool, c.tokens.guessed
}

// tokens supplies all calls with a management token (docs/genauth-api.md, "Authorization, two ways").
type tokens struct {
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

// holds says whether there is a token, and time left for it. It is asked under the lock.
func (t *tokens) holds() bool { return t.token != "" && time.Now().Before(t.renewAt) }

func (t *tokens) fresh() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.holds()
}

// use gives a call the token for its next attempt, and says whether there is one.
func (t *tokens) use(a *call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.holds() {
		return false
	}
	a.token, t.unused = t.token, 0
	return true
}

// ready fetches a token when there is none or the one there is runs out. All who need it wait for one call.
func (t *tokens) ready(a *call) error {
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
		a.receipt.RequestIDs = append(a.receipt.RequestIDs, login.receipt.RequestIDs...)
	}
	return err
}

// fetch logs in, and takes the token that this brings into use.
func (t *tokens) fetch(ctx context.Context) (login *call, err error) {
	var data struct {
		Token     string `json:"access_token"`
		ExpiresIn any    `json:"expires_in"`
	}
	cfg := t.client.cfg
	credentials := map[string]any{"accessKeyId": cfg.AccessKeyID, "accessKeySecret": string(cfg.AccessKeySecret)}
	login = t.client.post("get-management-token", credentials, func(d []byte) bool {
		err := json.Unmarshal(d, &data)
		login.token = data.Token // it must not be shown either
		return err == nil && data.Token != ""
	})
	login.login = true
	if err := login.do(ctx); err != nil {
		return login, err
	}
	lifetime := time.Duration(number(data.ExpiresIn)) * time.Second
	if lifetime <= 0 {
		lifetime = 2 * time.Hour // what the API is said to give
	}
	return login, t.accept(login, lifetime)
}

// accept takes a login's token, unless it is for another pool than the tokens before it.
func (t *tokens) accept(login *call, lifetime time.Duration) error {
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
	t.client.worked.Delete(login.token) // the same once more: it was refused
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

// drop drops a token that was refused, unless another call has replaced it meanwhile.
func (t *tokens) drop(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == token {
		t.token = ""
	}
}
