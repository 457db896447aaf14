package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bulkdelete/internal/sandbox"
)

// A token is fetched once for all workers, renewed before it runs out, and an expiry in the middle costs no chunk.
func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logins := 0
		api, err := sandbox.New(sandbox.Config{TokenLifetime: 10 * time.Minute, Observe: func(c sandbox.Call) {
			if c.Name == "get-management-token" {
				logins++
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		c := newClient(t, api, func(c *Config) {
			c.Observe = func(_ context.Context, a Attempt) {
				if a.kind == Credentials {
					refused++
				}
			}
		})
		var pool sync.WaitGroup
		for range 4 {
			pool.Go(func() {
				for range 60 {
					if _, err := c.DeleteUsers(t.Context(), "user_id", []string{"a"}); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Minute)
				}
			})
		}
		pool.Wait()
		if refused > 0 || logins < 6 || logins > 9 {
			t.Errorf("%d logins and %d refused calls in an hour of 10-minute tokens", logins, refused)
		}
	})
}

func TestTokenThatIsRefusedEarlyIsRenewedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logins := 0
		inner, err := sandbox.New(sandbox.Config{Observe: func(c sandbox.Call) {
			if c.Name == "get-management-token" {
				logins++
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		revoked := true
		var mu sync.Mutex
		first := ""
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			token := r.Header.Get("Authorization")
			if first == "" {
				first = token
			}
			bad := revoked && token == first && token != ""
			mu.Unlock()
			if bad {
				io.WriteString(w, `{"statusCode":401,"apiCode":2020,"message":"revoked"}`)
				return
			}
			inner.ServeHTTP(w, r)
		})
		c := newClient(t, h, nil)
		var pool sync.WaitGroup
		for range 8 {
			pool.Go(func() {
				if _, err := c.DeleteUsers(t.Context(), "user_id", []string{"a"}); err != nil {
					t.Error(err)
				}
			})
		}
		pool.Wait()
		if logins != 2 {
			t.Errorf("%d logins, want 2", logins)
		}
	})
}

// A clock that is off is corrected once by the server's; a nonce is never used twice.
func TestSignatureWithAClockThatIsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		// The server lives an hour ahead: it shows the client its own date, and sees the client's an hour shifted.
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent++
			at, err := http.ParseTime(r.Header.Get("Date"))
			if err != nil {
				t.Error(err)
			}
			if time.Until(at) < 50*time.Minute {
				w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
				io.WriteString(w, `{"statusCode":400,"apiCode":1305,"message":"clock"}`)
				return
			}
			io.WriteString(w, `{"statusCode":200,"data":{"success":true}}`)
		})
		c := newClient(t, h, func(c *Config) { c.Auth = "signature" })
		for range 3 {
			if _, err := c.DeleteUsers(t.Context(), "user_id", []string{"a"}); err != nil {
				t.Fatal(err)
			}
		}
		if sent != 4 {
			t.Errorf("%d attempts for three calls", sent)
		}
	})
}

// pools is an API whose tokens are for these user pools, one after another, "" for one that does not say; the last for
// ever. It refuses tokens when told to.
type pools struct {
	list   []string
	logins int
	revoke bool
	named  []string // the pool that each call but a login named
}

func (p *pools) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "get-management-token") {
		pool := p.list[min(p.logins, len(p.list)-1)]
		p.logins++
		p.revoke = false
		fmt.Fprintf(w, `{"statusCode":200,"data":{"access_token":"%s","expires_in":7200}}`, jwt(pool))
		return
	}
	p.named = append(p.named, r.Header.Get("x-authing-userpool-id"))
	if p.revoke {
		io.WriteString(w, `{"statusCode":401,"apiCode":2020}`)
		return
	}
	io.WriteString(w, `{"statusCode":200,"data":{"success":true}}`)
}

// The pool of the first token is the pool of every call.
func TestTheUserPoolStaysTheSame(t *testing.T) {
	const key = sandbox.AccessKeyID
	for _, c := range []struct {
		name   string
		tokens []string
		pool   string
		second Kind // of the call after the renewal
		calls  string
	}{
		{"one pool", []string{"p1"}, "p1", 0, "p1 p1"},
		{"another pool after a renewal", []string{"p1", "p2"}, "p1", WrongPool, "p1"},
		{"renewed without a word of it", []string{"p1", ""}, "p1", 0, "p1 p1"},
		{"never said", []string{""}, key, 0, key + " " + key},
		{"not said, then another", []string{"", "p2"}, key, WrongPool, key},
		{"not said, then confirmed", []string{"", key}, key, 0, key + " " + key},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := &pools{list: c.tokens}
				client := newClient(t, api, nil)
				if pool, err := client.Login(t.Context()); pool != c.pool || err != nil {
					t.Errorf("logged in to %q: %v", pool, err)
				}
				for _, kind := range []Kind{0, c.second} {
					_, err := client.DeleteUsers(t.Context(), "user_id", []string{"a"})
					if (kind == 0) != (err == nil) || err != nil && !errors.Is(err, kind) {
						t.Errorf("a call ends with %v, want %v", err, kind)
					}
					named := fmt.Sprintf(`"p2", and %q is expected`, c.pool)
					if kind == WrongPool && !strings.Contains(err.Error(), named) {
						t.Errorf("the pools are not named: %v", err)
					}
					time.Sleep(2 * time.Hour)
				}
				if got := strings.Join(api.named, " "); got != c.calls {
					t.Errorf("calls named the pools %q, want %q", got, c.calls)
				}
			})
		})
	}
}

// The pool that counts is that of the token which the call would carry, even when that was fetched in its middle.
func TestWrongPoolInTheMiddleOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &pools{list: []string{"p1", "p2"}}
		c := newClient(t, api, nil)
		if _, err := c.Login(t.Context()); err != nil {
			t.Fatal(err)
		}
		api.revoke = true
		r, err := c.DeleteUsers(t.Context(), "user_id", []string{"a"})
		if !errors.Is(err, WrongPool) || r.Attempts != 1 || r.InDoubt || len(api.named) != 1 {
			t.Errorf("%v, %+v, sent %q", err, r, api.named)
		}
	})
}

// Nothing names the pool of signed calls but the access key.
func TestSignaturesAndTheUserPool(t *testing.T) {
	c := newClient(t, &pools{}, func(cfg *Config) { cfg.Auth = "signature" })
	if pool, err := c.Login(t.Context()); pool != sandbox.AccessKeyID || err != nil {
		t.Errorf("pool %q, %v", pool, err)
	}
}

// Stopped is what a login is too that never began, whichever way there is to authorize.
func TestLoginAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, auth := range []string{"token", "signature"} {
		c := newClient(t, &pools{}, func(cfg *Config) { cfg.Auth = auth })
		if _, err := c.Login(ctx); !errors.Is(err, Stopped) {
			t.Errorf("%s: %v", auth, err)
		}
	}
}
