package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
		given  string
		tokens []string
		pool   string
		second Kind // of the call after the renewal
		calls  string
		guess  string // "first" or "always"; "": never
	}{
		{"one pool", "", []string{"p1"}, "p1", "", "p1 p1", ""},
		{"another pool after a renewal", "", []string{"p1", "p2"}, "p1", WrongPool, "p1", ""},
		{"renewed without a word of it", "", []string{"p1", ""}, "p1", "", "p1 p1", ""},
		{"never said", "", []string{""}, key, "", key + " " + key, "always"},
		{"not said, then another", "", []string{"", "p2"}, key, WrongPool, key, "always"},
		{"not said, then confirmed", "", []string{"", key}, key, "", key + " " + key, "first"},
		{"given, never said", "p1", []string{""}, "p1", "", "p1 p1", ""},
		{"given and said", "p1", []string{"p1"}, "p1", "", "p1 p1", ""},
		{"given, then another", "p1", []string{"", "p2"}, "p1", WrongPool, "p1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := &pools{list: c.tokens}
				client := newClient(t, api, func(cfg *Config) { cfg.UserPool = c.given })
				if pool, err := client.Login(t.Context()); pool != c.pool || err != nil {
					t.Errorf("logged in to %q: %v", pool, err)
				}
				if client.PoolIsGuessed() != (c.guess != "") {
					t.Errorf("guessed: %v", client.PoolIsGuessed())
				}
				for _, kind := range []Kind{"", c.second} {
					_, err := client.DeleteUsers(t.Context(), "user_id", []string{"a"})
					if (kind == "") != (err == nil) || err != nil && !errors.Is(err, kind) {
						t.Errorf("a call ends with %v, want %v", err, kind)
					}
					named := fmt.Sprintf(`"p2", and %q is expected`, c.pool)
					if kind == WrongPool && !strings.Contains(err.Error(), named) {
						t.Errorf("the pools are not named: %v", err)
					}
					time.Sleep(2 * time.Hour)
				}
				if client.PoolIsGuessed() != (c.guess == "always") {
					t.Errorf("guessed in the end: %v", client.PoolIsGuessed())
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

// A token that says another pool than the one given is refused before anything else is sent.
func TestATokenForAnotherPoolThanTheOneGiven(t *testing.T) {
	api := &pools{list: []string{"p2"}}
	c := newClient(t, api, func(cfg *Config) { cfg.UserPool = "p1" })
	if _, err := c.Login(t.Context()); !errors.Is(err, WrongPool) || len(api.named) > 0 {
		t.Errorf("%v; calls named %q", err, api.named)
	}
}

// Nothing names the pool of signed calls but the access key, or who was asked. A pool that was given is signed too.
func TestSignaturesAndTheUserPool(t *testing.T) {
	for _, given := range []string{"", sandbox.UserPool, "another"} {
		for _, dialect := range []string{"authing", "genauth"} {
			api, err := sandbox.New(sandbox.Config{})
			if err != nil {
				t.Fatal(err)
			}
			c := newClient(t, api, func(cfg *Config) {
				cfg.Auth, cfg.Dialect, cfg.UserPool = "signature", dialect, given
			})
			want := cmp.Or(given, sandbox.AccessKeyID)
			if pool, err := c.Login(t.Context()); pool != want || err != nil || c.PoolIsGuessed() != (given == "") {
				t.Errorf("pool %q, guessed %v, %v", pool, c.PoolIsGuessed(), err)
			}
			_, err = c.DeleteUsers(t.Context(), "user_id", []string{"a"})
			if (err != nil) != (given == "another") || err != nil && !strings.Contains(err.Error(), "user pool") {
				t.Errorf("%s, %s: %v", given, dialect, err)
			}
		}
	}
}

// apiCodes 2020, 2206 and 2207 ask for another token, whatever stands beside them.
func TestCodesThatAskForAnotherToken(t *testing.T) {
	statuses := []int{200, 401, 403, 404, 422, 500, 503}
	for _, code := range []int{2020, 2206, 2207} {
		for i := range len(statuses) * 2 {
			status, http := statuses[i/2], 200
			if i%2 > 0 {
				http = status
			}
			synctest.Test(t, func(t *testing.T) {
				text := fmt.Sprintf(`%d {"statusCode":%d,"apiCode":%d}`, http, status, code)
				api := &answers{list: []string{text, yes}}
				_, err := newClient(t, api, nil).DeleteUsers(t.Context(), "user_id", []string{"a"})
				if err != nil || len(api.seen) != 2 {
					t.Errorf("%s: sent %d times, %v", text, len(api.seen), err)
				}
				api = &answers{list: []string{text}}
				_, err = newClient(t, api, nil).DeleteUsers(t.Context(), "user_id", []string{"a"})
				if !errors.Is(err, Credentials) || len(api.seen) != 2 {
					t.Errorf("%s for ever: sent %d times, %v", text, len(api.seen), err)
				}
			})
		}
	}
}

// A token that lives shorter than a call waits for its slot is renewed in time, or where the API says more than is true
// renewed again: no call is refused for that, and the slots are not wasted.
func TestTokensThatLiveShorterThanTheWait(t *testing.T) {
	for _, c := range []struct {
		name    string
		rate    float64
		workers int
		life    int // in seconds
		lie     bool
		slots   int // at the most, for 48 calls
	}{
		{"they say so", 1, 16, 8, false, 60},
		{"a slot each three seconds", 1. / 3, 16, 8, false, 110},
		{"they say more", 1, 16, 3, true, 140},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				api, err := sandbox.New(sandbox.Config{TokenLifetime: time.Duration(c.life) * time.Second,
					Observe: func(sandbox.Call) { asked++ }})
				if err != nil {
					t.Fatal(err)
				}
				refused := 0
				client := newClient(t, lying{api, c.lie}, func(cfg *Config) {
					cfg.Rate, cfg.Workers = PerSecond(c.rate), c.workers
					cfg.Observe = func(_ context.Context, a Attempt) {
						if a.kind == Credentials {
							refused++
						}
					}
				})
				var pool sync.WaitGroup
				for range c.workers {
					pool.Go(func() {
						for range 3 {
							if _, err := client.DeleteUsers(t.Context(), "user_id", []string{"a"}); err != nil {
								t.Error(err)
							}
						}
					})
				}
				pool.Wait()
				if asked > c.slots || !c.lie && refused > 0 {
					t.Errorf("%d attempts, %d of them refused", asked, refused)
				}
			})
		})
	}
}

// A call whose turn comes late is repeated with as many tokens as run out meanwhile, if others had use of them. A token
// that nobody could use is no better the second time, nor one that is brought again, nor is the ninth.
func TestTokensThatRanOut(t *testing.T) {
	for _, c := range []struct {
		name            string
		refusals        int
		same, used      bool // every login brings the same token; another call uses each
		attempts        int
		refusedInTheEnd bool
	}{
		{"used by others", 4, false, true, 5, false},
		{"used by nobody", 4, false, false, 2, true},
		{"brought again", 4, true, true, 2, true},
		{"for ever", 100, false, true, 9, true},
	} {
		logins, attempts := 0, 0
		var client *Client
		api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			switch {
			case strings.HasSuffix(r.URL.Path, "get-management-token"):
				if logins++; c.same {
					logins = 1
				}
				fmt.Fprintf(w, `{"statusCode":200,"data":{"access_token":"t%d","expires_in":7200}}`, logins)
			case strings.Contains(string(text), `"late"`):
				if attempts++; attempts <= c.refusals {
					io.WriteString(w, `{"statusCode":401}`)
					return
				}
				fallthrough
			default:
				io.WriteString(w, `{"statusCode":200,"data":{"success":true}}`)
			}
		})
		other := func(ctx context.Context) {
			if _, err := client.DeleteUsers(ctx, "user_id", []string{"other"}); err != nil && !c.same {
				t.Errorf("%s: another call: %v", c.name, err)
			}
		}
		synctest.Test(t, func(t *testing.T) {
			client = newClient(t, api, nil)
			if other(t.Context()); c.used {
				client.cfg.Observe = func(ctx context.Context, a Attempt) {
					if a.kind == Credentials && !c.same {
						other(ctx)
					}
				}
			}
			_, err := client.DeleteUsers(t.Context(), "user_id", []string{"late"})
			if attempts != c.attempts || errors.Is(err, Credentials) != c.refusedInTheEnd {
				t.Errorf("%s: %d attempts, %v", c.name, attempts, err)
			}
		})
	}
}

// A token that others had use of has run out, even if another one has been of use since.
func TestATokenThatRanOutWhileItsAnswerWasSlow(t *testing.T) {
	logins, attempts, revoked := 0, 0, ""
	var client *Client
	other := func(ctx context.Context) {
		if _, err := client.DeleteUsers(ctx, "user_id", []string{"other"}); err != nil {
			t.Errorf("another call: %v", err)
		}
	}
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		refused := r.Header.Get("Authorization") == revoked
		if strings.Contains(string(text), `"slow"`) {
			attempts++
			refused = attempts <= 2
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "get-management-token"):
			logins++
			fmt.Fprintf(w, `{"statusCode":200,"data":{"access_token":"t%d","expires_in":7200}}`, logins)
			return
		case refused && attempts == 2 && revoked == "":
			other(r.Context()) // has use of the second token
			revoked = "Bearer t2"
			other(r.Context()) // and then of the third
		}
		if refused {
			io.WriteString(w, `{"statusCode":401}`)
			return
		}
		io.WriteString(w, `{"statusCode":200,"data":{"success":true}}`)
	})
	synctest.Test(t, func(t *testing.T) {
		client = newClient(t, api, nil)
		_, err := client.DeleteUsers(t.Context(), "user_id", []string{"slow"})
		if err != nil || attempts != 3 || logins != 3 {
			t.Errorf("%d attempts, %d logins, %v", attempts, logins, err)
		}
	})
}

// lying is an API that says that its tokens live for two hours.
type lying struct {
	http.Handler
	lies bool
}

func (l lying) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !l.lies || !strings.HasSuffix(r.URL.Path, "get-management-token") {
		l.Handler.ServeHTTP(w, r)
		return
	}
	rec := httptest.NewRecorder()
	l.Handler.ServeHTTP(rec, r)
	io.WriteString(w, strings.Replace(rec.Body.String(), `"expires_in":3`, `"expires_in":7200`, 1))
}

// Where no token lives as long as the pace leaves between two calls, that is said: nothing else would help.
func TestTokensThatLiveShorterThanTheGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		api, err := sandbox.New(sandbox.Config{TokenLifetime: 2 * time.Second, Observe: func(sandbox.Call) { asked++ }})
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, api, func(cfg *Config) { cfg.Rate = PerSecond(0.2) })
		_, err = c.DeleteUsers(t.Context(), "user_id", []string{"a"})
		if !errors.Is(err, Unsupported) || !strings.Contains(err.Error(), "raise --rate") || asked > 5 {
			t.Errorf("%v after %d logins", err, asked)
		}
	})
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
