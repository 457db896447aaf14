package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSecretsShowThemselvesToNobody(t *testing.T) {
	s := Secret("hush")
	text, err := json.Marshal(map[string]any{"s": s})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{AccessKeySecret: s}
	formatted := fmt.Sprintf("%v %+v %#v %s %q %+v", s, s, s, s, s, cfg)
	for _, shown := range []string{fmt.Sprint(s), formatted, string(text)} {
		if strings.Contains(shown, "hush") {
			t.Errorf("the secret is shown: %s", shown)
		}
	}
}

const hush = "5f0c7a1e-very-secret"

// echo answers with all that it got, in every place that an answer has, and in a way that depends on the mode.
type echo struct {
	mode  string
	login bool // echoes logins too
	token string
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	isLogin := strings.HasSuffix(r.URL.Path, "get-management-token")
	if isLogin && !e.login {
		fmt.Fprintf(w, `{"statusCode":200,"requestId":"%s","data":{"access_token":"%s"}}`, e.token, e.token)
		return
	}
	body, _ := io.ReadAll(r.Body)
	all := fmt.Sprintf("%s %s %s %s", hush, r.Header.Get("Authorization"), body, e.token)
	w.Header().Set("X-Request-Id", all)
	w.Header().Set("Location", "https://"+hush+":"+e.token+"@"+hush+".example/?token="+e.token)
	quoted, _ := json.Marshal(all)
	switch e.mode {
	case "refusal":
		fmt.Fprintf(w, `{"statusCode":400,"apiCode":7,"message":%s,"requestId":%s}`, quoted, quoted)
	case "success":
		fmt.Fprintf(w, `{"statusCode":200,"message":%s,"requestId":%s,"data":{"success":true}}`, quoted, quoted)
	case "header alone":
		io.WriteString(w, `{"statusCode":404}`)
	case "page":
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprintf(w, "<html>%s</html>", all)
	case "long page": // what is cut off must not leave a part of a secret behind
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprintf(w, "%s%s%s", strings.Repeat("x", 75), hush, e.token)
	case "redirect":
		w.WriteHeader(http.StatusFound)
	case "no success":
		fmt.Fprintf(w, `{"statusCode":200,"message":%s,"data":{"access_token":["%s"]}}`, quoted, e.token)
	case "cut":
		panic(http.ErrAbortHandler)
	}
}

// leaky fails with an error, which may hold what is not to be shown.
type leaky struct{ error }

func (l leaky) RoundTrip(*http.Request) (*http.Response, error) { return nil, l.error }

// everything is all the text that a call gives away: its error, all that wraps, its receipt and what was observed.
func everything(t *testing.T, auth string, transport http.RoundTripper) string {
	var seen []string
	c := newClient(t, nil, func(cfg *Config) {
		cfg.Auth, cfg.Transport, cfg.AccessKeySecret, cfg.Retries = auth, transport, hush, 0
		cfg.Observe = func(_ context.Context, a Attempt) { seen = append(seen, fmt.Sprintf("%+v", a)) }
	})
	r, err := c.DeleteUsers(t.Context(), "user_id", []string{"a"})
	seen = append(seen, fmt.Sprintf("%+v %v", r, err))
	var open func(error)
	open = func(err error) {
		if err == nil {
			return
		}
		seen = append(seen, fmt.Sprintf("%v %+v %#v", err, err, err))
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, each := range many.Unwrap() {
				open(each)
			}
		}
		open(errors.Unwrap(err))
	}
	open(err)
	return strings.Join(seen, "\n")
}

// Whatever a server or a proxy echoes, no secret leaves this package.
func TestNothingThatIsEchoedGivesASecretAway(t *testing.T) {
	token := jwt("pool-1")
	for _, login := range []bool{false, true} {
		for _, mode := range []string{
			"refusal", "success", "header alone", "page", "long page", "redirect", "no success", "cut"} {
			synctest.Test(t, func(t *testing.T) {
				shown := everything(t, "token", wire{&echo{mode: mode, login: login, token: token}})
				for _, secret := range []string{hush[:8], token, token[:20]} {
					if strings.Contains(shown, secret) {
						t.Errorf("%s, login %v: %q is shown in\n%s", mode, login, secret, shown)
					}
				}
				if (mode == "refusal" || mode == "header alone") && !login && !strings.Contains(shown, redacted) {
					t.Errorf("%s: nothing was redacted:\n%s", mode, shown)
				}
			})
		}
	}
}

// The words of a login's answer stay inside, even those that are no secret as far as this program can tell.
func TestALoginsAnswerIsNotQuoted(t *testing.T) {
	for _, answer := range []string{
		`200 {"statusCode":401,"apiCode":2020,"message":"private"}`,
		`200 {"statusCode":200,"data":{"token":"private"}}`,
		`200 {"access_token":"private"}`,
		`200 private`,
		`502 <html>private`,
	} {
		synctest.Test(t, func(t *testing.T) {
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.URL.Path = "/any" // answers knows logins by their path
				(&answers{list: []string{answer}}).ServeHTTP(w, r)
			})
			if shown := everything(t, "token", wire{h}); strings.Contains(shown, "private") {
				t.Errorf("%s is quoted:\n%s", answer, shown)
			}
		})
	}
	for _, raw := range []string{"private\r\n\r\n", "HTTP/1.1 200 OK\r\nprivate\r\n\r\n", "HTTP/1.1 private\r\n\r\n"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				io.WriteString(conn, raw)
				conn.Close()
			}
		}))
		c := newClient(t, nil, func(cfg *Config) { cfg.Host, cfg.Transport, cfg.Retries = s.URL, nil, 0 })
		if _, err := c.Login(t.Context()); err == nil || strings.Contains(err.Error(), "private") {
			t.Errorf("%q: %v", raw, err)
		}
		c.Close()
		s.Close()
	}
}

func TestErrorsOfTheWayLoseUsersAndQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shown := everything(t, "signature", leaky{errors.New(
			`proxyconnect: parse "http://me:private@proxy:x/p?private=1", ` +
				`socks5://me:abc7?def7@proxy, http://x/?mail=abc7@def7`)})
		for _, secret := range []string{"private", "abc7", "def7"} {
			if strings.Contains(shown, secret) {
				t.Errorf("%q is shown in\n%s", secret, shown)
			}
		}
		if !strings.Contains(shown, "http://proxy:x/p") {
			t.Errorf("the proxy is not named:\n%s", shown)
		}
	})
}

func TestHostsAreRefusedWithoutShowingWhatMayBeSecret(t *testing.T) {
	for _, host := range []string{"https://me:private@x", "https://x?private=1", "https://x#private",
		"https://me:private@x:port", "me:private@x", "https://u:pri?private@x"} {
		_, err := New(Config{Host: host, AccessKeyID: "ak", AccessKeySecret: "sk"})
		if err == nil || strings.Contains(err.Error(), "private") || strings.Contains(err.Error(), "me:") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// A client needs a host and an access key, and whatever else is given has to make sense.
func TestConfigurations(t *testing.T) {
	least := Config{Host: "https://api.genauth.ai", AccessKeyID: "ak", AccessKeySecret: "sk"}
	c, err := New(least)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(c.cfg.Rate, c.cfg.Workers, c.cfg.Retries, c.cfg.Timeout, c.cfg.Version, c.cfg.Auth, c.cfg.Dialect)
	if want := fmt.Sprint(20, 16, 0, 30*time.Second, "devel", "token", "authing"); got != want {
		t.Errorf("the defaults are %s, want %s", got, want)
	}
	var zero float64
	for name, change := range map[string]func(*Config){
		"no host":             func(c *Config) { c.Host = "" },
		"no ID":               func(c *Config) { c.AccessKeyID = "" },
		"no secret":           func(c *Config) { c.AccessKeySecret = "" },
		"auth":                func(c *Config) { c.Auth = "basic" },
		"dialect":             func(c *Config) { c.Dialect = "klingon" },
		"negative rate":       func(c *Config) { c.Rate = PerSecond(-1) },
		"tiny rate":           func(c *Config) { c.Rate = PerSecond(1e-300) },
		"infinite rate":       func(c *Config) { c.Rate = PerSecond(1 / zero) },
		"no number":           func(c *Config) { c.Rate = PerSecond(zero / zero) },
		"negative workers":    func(c *Config) { c.Workers = -1 },
		"negative retries":    func(c *Config) { c.Retries = -1 },
		"negative timeout":    func(c *Config) { c.Timeout = -1 },
		"line end in tenant":  func(c *Config) { c.TenantID = "a\nb" },
		"line end in version": func(c *Config) { c.Version = "a\r\nX: y" },
		"line end in ID":      func(c *Config) { c.AccessKeyID = "ak\n" },
	} {
		cfg := least
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
