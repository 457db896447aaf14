package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bulkdelete/internal/apidoc"
	"bulkdelete/internal/sandbox"
)

// wire carries requests to a handler without sockets. A handler that aborts is a connection that is cut.
type wire struct{ http.Handler }

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	ended := make(chan bool, 1)
	go func() {
		defer func() { ended <- recover() != nil }()
		w.ServeHTTP(rec, r)
	}()
	select {
	case cut := <-ended:
		if cut {
			return nil, errors.New("connection reset by peer")
		}
		return rec.Result(), nil
	case <-r.Context().Done():
		<-ended
		return nil, r.Context().Err()
	}
}

// answers is an API that gives these answers one after another to every call but the login, the last one for ever.
type answers struct {
	mu    sync.Mutex
	list  []string // HTTP status, a blank, the body; "cut" for none
	seen  []*http.Request
	after func(n int)
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "get-management-token") {
		io.WriteString(w, `{"statusCode":200,"data":{"access_token":"`+jwt("pool-1")+`","expires_in":7200}}`)
		return
	}
	a.mu.Lock()
	a.seen = append(a.seen, r)
	n := len(a.seen)
	text := a.list[min(n, len(a.list))-1]
	a.mu.Unlock()
	if a.after != nil {
		a.after(n)
	}
	status, body, _ := strings.Cut(text, " ")
	if status == "cut" {
		panic(http.ErrAbortHandler)
	}
	var code int
	fmt.Sscan(status, &code)
	if location, ok := strings.CutPrefix(body, "-> "); ok {
		w.Header().Set("Location", location)
		body = ""
	}
	w.WriteHeader(code)
	io.WriteString(w, body)
}

func jwt(pool string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{}`)) + "." + part([]byte(`{"scoped_userpool_id":"`+pool+`"}`)) + ".x"
}

func newClient(t *testing.T, h http.Handler, change func(*Config)) *Client {
	t.Helper()
	cfg := Config{Host: "http://127.0.0.1", AccessKeyID: sandbox.AccessKeyID, AccessKeySecret: sandbox.AccessKeySecret,
		Rate: PerSecond(1000), Workers: 4, Retries: 5, Timeout: time.Second, Version: "test",
		Transport: wire{apidoc.Load(t).Requests(t, h)}}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The table of docs/genauth-api.md, "Answers": what each answer means, how often the call is sent, and whether it may
// have been carried out.
func TestWhatAnAnswerMeans(t *testing.T) {
	const yes = `{"statusCode":200,"message":"","data":{"success":true}}`
	for _, c := range []struct {
		answer  string
		kind    Kind
		sent    int
		inDoubt bool
	}{
		{"200 " + yes, "", 1, false},
		{`200 {"statusCode":"200","apiCode":"20001","data":{"success":true}}`, "", 1, false},
		{`200 {"statusCode":200,"data":{"success":false}}`, ServerError, 4, true},
		{`200 {"statusCode":200,"data":{"success":"true"}}`, ServerError, 4, true},
		{`200 {"statusCode":200,"data":{"success":1}}`, ServerError, 4, true},
		{`200 {"statusCode":200,"data":null}`, ServerError, 4, true},
		{`200 {"statusCode":200}`, ServerError, 4, true},
		{`200 {"data":{"success":true}}`, ServerError, 4, true},
		{`200 `, ServerError, 4, true},
		{`204 `, ServerError, 4, true},
		{`200 {"statusCode":201,"data":{"success":true}}`, ServerError, 4, true},
		{`200 <html>Welcome, success: true</html>`, ServerError, 4, true},
		{`200 [` + yes + `]`, ServerError, 4, true},
		{`500 ` + yes, ServerError, 4, true},
		{`404 ` + yes, Refused, 1, false},
		{`302 -> https://elsewhere.example/ok`, ServerError, 4, true},
		{`200 {"statusCode":400,"message":"bad"}`, Refused, 1, false},
		{`200 {"statusCode":"422"}`, Refused, 1, false},
		{`200 {"statusCode":401,"apiCode":2020}`, Credentials, 2, false},
		{`401 `, Credentials, 2, false},
		{`401 {"statusCode":200,"data":{"success":true}}`, Credentials, 2, false},
		{`200 {"statusCode":400,"apiCode":2020}`, Credentials, 2, false},
		{`200 {"statusCode":403,"apiCode":"2206"}`, Credentials, 2, false},
		{`200 {"statusCode":500,"apiCode":2207}`, Credentials, 2, false},
		{`200 {"statusCode":402,"apiCode":4021}`, Payment, 1, false},
		{`200 {"statusCode":403}`, Credentials, 1, false},
		{`200 {"statusCode":403,"apiCode":2224}`, Credentials, 1, false},
		{`200 {"statusCode":403,"apiCode":2209}`, Refused, 1, false},
		{`200 {"statusCode":403,"apiCode":"2212"}`, Refused, 1, false},
		{`200 {"statusCode":400,"apiCode":2005}`, Refused, 1, false},
		{`200 {"statusCode":404,"apiCode":2004}`, NotFound, 1, false},
		{`200 {"statusCode":404,"apiCode":2210}`, NotFound, 1, false},
		{`404 {"statusCode":404,"apiCode":2004}`, NotFound, 1, false},
		{`404 <html>no such page</html>`, Refused, 1, false},
		{`200 {"statusCode":409}`, Refused, 1, false},
		{`200 {"statusCode":413}`, TooLarge, 1, false},
		{`413 <html>too large</html>`, TooLarge, 1, false},
		{`200 {"statusCode":499}`, Refused, 1, false},
		{`200 {"statusCode":500}`, ServerError, 4, true},
		{`500 oops`, ServerError, 4, true},
		{`200 {"statusCode":501}`, Unsupported, 1, false},
		{`200 {"statusCode":502}`, Unavailable, 6, true},
		{`502 <html>Bad Gateway</html>`, Unavailable, 6, true},
		{`503 {"statusCode":503}`, Unavailable, 6, true},
		{`504 `, Unavailable, 6, true},
		{`408 `, Unavailable, 6, true},
		{`425 `, Unavailable, 6, false},
		{`200 {"statusCode":601}`, Unavailable, 6, true},
		{`200 {"statusCode":602}`, ServerError, 2, true},
		{`200 {"statusCode":603}`, ServerError, 2, true},
		{`200 {"statusCode":400,"apiCode":1300}`, Credentials, 1, false},
		{`200 {"statusCode":403,"apiCode":1306}`, Unavailable, 6, true},
		{`200 {"statusCode":777}`, Refused, 1, false},
		{`418 tea`, Refused, 1, false},
		{"cut", Unavailable, 6, true},
	} {
		t.Run(c.answer, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := &answers{list: []string{c.answer}}
				r, err := newClient(t, api, nil).DeleteUsers(t.Context(), "user_id", []string{"a"})
				if (c.kind == "") != (err == nil) || err != nil && !errors.Is(err, c.kind) {
					t.Errorf("it means %v, want %v", err, c.kind)
				}
				if len(api.seen) != c.sent || r.Attempts != c.sent {
					t.Errorf("sent %d times (receipt: %d), want %d", len(api.seen), r.Attempts, c.sent)
				}
				if r.InDoubt != c.inDoubt {
					t.Errorf("in doubt: %v", r.InDoubt)
				}
			})
		})
	}
}

// Being throttled is never a failure and never a retry, however long it takes.
func TestThrottlingIsNoFailure(t *testing.T) {
	for _, answer := range []string{
		`429 {"statusCode":429}`, `200 {"statusCode":429}`, `200 {"statusCode":"429"}`, `429 slow down`} {
		synctest.Test(t, func(t *testing.T) {
			api := &answers{list: append(slices.Repeat([]string{answer}, 40), yes)}
			c := newClient(t, api, func(c *Config) { c.Retries = 0 })
			r, err := c.DeleteUsers(t.Context(), "user_id", []string{"a"})
			if err != nil || r.Attempts != 41 || r.InDoubt {
				t.Errorf("%s: %v, %+v", answer, err, r)
			}
		})
	}
}

// Retry-After is honoured in both of its forms, whether the API is out of order or the pace too high.
func TestRetryAfterIsHonoured(t *testing.T) {
	for _, c := range []struct {
		status int
		value  string
		least  time.Duration
		most   time.Duration
	}{
		{503, "7", 7 * time.Second, 7 * time.Second},
		{503, "date", 10 * time.Second, 10 * time.Second},
		{503, "soon", 0, backoffBase},
		{503, "-5", 0, backoffBase},
		{503, "600", maxRetryAfter, maxRetryAfter},
		{429, "7", 7 * time.Second, 8 * time.Second},
		{429, "date", 10 * time.Second, 11 * time.Second},
		{429, "600", maxRetryAfter, maxRetryAfter + time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			var at []time.Time
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				at = append(at, time.Now())
				value := c.value
				if value == "date" { // by the server's clock, which is an hour ahead
					value = time.Now().Add(time.Hour + 10*time.Second).UTC().Format(http.TimeFormat)
				}
				if len(at) == 1 {
					w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
					w.Header().Set("Retry-After", value)
					w.WriteHeader(c.status)
					return
				}
				io.WriteString(w, `{"statusCode":200,"data":{"success":true}}`)
			})
			client := newClient(t, h, func(c *Config) { c.Auth = "signature" })
			if _, err := client.DeleteUsers(t.Context(), "user_id", []string{"a"}); err != nil {
				t.Fatal(err)
			}
			if waited := at[1].Sub(at[0]); waited < c.least || waited > c.most {
				t.Errorf("%d with Retry-After %s: waited %s", c.status, c.value, waited)
			}
		})
	}
}

// Who asks to wait for a day is not waited for: the call ends, and says until when.
func TestADayIsNotWaitedFor(t *testing.T) {
	for _, status := range []int{429, 500, 503} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls++
				w.Header().Set("Retry-After", "86400")
				w.WriteHeader(status)
			})
			client := newClient(t, h, func(c *Config) { c.Auth = "signature" })
			r, err := client.DeleteUsers(t.Context(), "user_id", []string{"a"})
			tomorrow := time.Now().Add(24 * time.Hour).UTC().Format("2006-01-02 15:04 UTC")
			if !errors.Is(err, Postponed) || !strings.Contains(err.Error(), tomorrow) || calls != 1 || r.InDoubt != (status > 429) {
				t.Errorf("%d: %d calls, %+v, %v", status, calls, r, err)
			}
		})
	}
}

// The pace learns the allowance from what was answered before refusals: without that it would begin from nothing.
func TestAnswersTeachThePace(t *testing.T) {
	for _, before := range []string{yes, `200 {"statusCode":500}`, `200 {"statusCode":400}`} {
		synctest.Test(t, func(t *testing.T) {
			list := append(slices.Repeat([]string{before}, 20), `429 `, `429 `, `429 `, `429 `, yes)
			c := newClient(t, &answers{list: list}, func(c *Config) { c.Auth, c.Rate, c.Retries = "signature", PerSecond(40), 0 })
			for range 21 {
				c.DeleteUsers(t.Context(), "user_id", []string{"a"}) //nolint:errcheck // it is about the pace
			}
			if limit := c.Limit(); limit < 10 || limit > 25 {
				t.Errorf("after 20 times %s in a second the pace is %.1f", before, limit)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // what nobody answered was not let pass by anybody
		c := newClient(t, &answers{list: append(slices.Repeat([]string{"cut"}, 20), `429 `, `429 `, `429 `, `429 `, yes)},
			func(c *Config) { c.Auth, c.Rate, c.Retries = "signature", PerSecond(40), 0 })
		for range 21 {
			c.DeleteUsers(t.Context(), "user_id", []string{"a"}) //nolint:errcheck // it is about the pace
		}
		if limit := c.Limit(); limit > 2 {
			t.Errorf("after 20 cut connections the pace is %.1f", limit)
		}
	})
}

// When the context ends no attempt begins, and one that has begun is finished and believed.
func TestStopFinishesWhatHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		api := &answers{list: []string{`200 {"statusCode":200,"data":{"success":true}}`}, after: func(int) {
			cancel()
			time.Sleep(500 * time.Millisecond)
		}}
		c := newClient(t, api, nil)
		if _, err := c.DeleteUsers(ctx, "user_id", []string{"a"}); err != nil {
			t.Errorf("a deletion that had begun is lost: %v", err)
		}
		r, err := c.DeleteUsers(ctx, "user_id", []string{"b"})
		if !errors.Is(err, Stopped) || r.Attempts != 0 || r.InDoubt || len(api.seen) != 1 {
			t.Errorf("after the end: %v, %+v, %d sent", err, r, len(api.seen))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		api := &answers{list: []string{"cut"}, after: func(int) { cancel() }}
		r, err := newClient(t, api, nil).DeleteUsers(ctx, "user_id", []string{"a"})
		if !errors.Is(err, Stopped) || !r.InDoubt || len(api.seen) != 1 {
			t.Errorf("an attempt that was cut while stopping: %v, %+v", err, r)
		}
	})
}

// Nobody who lives is ever called gone, whatever get-user-batch answers.
func TestExistingNeverLosesTheLiving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// An API that shows phone numbers in its own way: the answer cannot be mapped, so each is asked alone.
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var list []map[string]string
			for _, id := range r.URL.Query()["userIds[]"] {
				if id != "13900000002" {
					list = append(list, map[string]string{"userId": "x", "phone": "(139) " + id[3:]})
				}
			}
			if list == nil {
				list = []map[string]string{}
			}
			data, _ := json.Marshal(list)
			fmt.Fprintf(w, `{"statusCode":200,"data":%s}`, data)
		})
		c := newClient(t, h, func(c *Config) { c.Auth = "signature" })
		living, _, err := c.Existing(t.Context(), "phone", []string{"13900000001", "13900000002", "13900000003"})
		if err != nil || !slices.Equal(living, []string{"13900000001", "13900000003"}) {
			t.Errorf("living are %q (%v)", living, err)
		}
	})
	for _, bad := range []string{`200 {"statusCode":200}`, `200 {"statusCode":200,"data":null}`,
		`200 {"statusCode":200,"data":{}}`, `200 {"statusCode":200,"data":"x"}`, `200 <html>`} {
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, &answers{list: []string{bad}}, nil)
			if living, _, err := c.Existing(t.Context(), "user_id", []string{"a", "b"}); err == nil {
				t.Errorf("%s says that only %q exist", bad, living)
			}
		})
	}
}

func TestHostsThatAreRefused(t *testing.T) {
	for host, ok := range map[string]bool{
		"https://api.genauth.ai": true, "https://api.genauth.ai/": true, "http://localhost:1": true,
		"http://127.0.0.1:8080": true, "http://[::1]:80": true, "http://127.0.0.1.evil.example": false,
		"http://api.genauth.ai": false, "api.genauth.ai": false, "": false, "ftp://x": false,
		"https://u:p@x": false, "https://x?y=z": false,
	} {
		_, err := New(Config{Host: host, AccessKeyID: "ak", AccessKeySecret: "sk"})
		if (err == nil) != ok {
			t.Errorf("%q: %v", host, err)
		}
	}
}

// FuzzAnswer: nothing that the API can answer may panic or be taken for a success that it is not.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"statusCode":200,"data":{"success":true}}`)
	f.Add(200, `{"statusCode":"200","apiCode":1e3,"data":{"success":"true"}}`)
	f.Add(502, `<html>`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		a := &call{client: &Client{}, succeeded: saysSuccess}
		a.parse(&http.Response{StatusCode: status, Header: http.Header{}}, []byte(body))
		l := a.last
		var e struct {
			StatusCode any
			Data       struct{ Success any }
		}
		sure := json.Unmarshal([]byte(body), &e) == nil && status == 200 && e.Data.Success == true &&
			(e.StatusCode == 200.0 || e.StatusCode == "200")
		if l.kind == "" && !sure {
			// JSON's oddities (duplicate keys, case, 200.0) may make the two readers differ; success must be in the
			// text at least.
			if !strings.Contains(strings.ToLower(body), "success") || !strings.Contains(body, "true") || status != 200 {
				t.Errorf("HTTP %d %q is taken for success", status, body)
			}
		}
		if l.kind != "" && l.Err == nil || strings.ContainsAny(fmt.Sprint(l.Err, l.message), "\n\r\x00") {
			t.Errorf("HTTP %d %q: %v, %q", status, body, l.Err, l.message)
		}
	})
}
