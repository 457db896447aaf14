package job

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/client"
)

// probed is what a probe of a sandbox with ten users found out, by question. Whatever the sandbox is like, nobody but
// the three is named in a call that changes something, but for IDs that nobody has; the three are gone afterwards, and
// the pace is kept.
func probed(t *testing.T, cfg sandbox.Config, adjust ...func(*client.Config)) (*Probe, map[string]string) {
	t.Helper()
	var all, named []string
	var calls []time.Time
	for i := range 10 {
		all = append(all, id(i+1))
	}
	cfg.IDs = slices.Values(all)
	cfg.Observe = func(c sandbox.Call) {
		calls = append(calls, c.At)
		if c.Name == "delete-users-batch" || c.Name == "update-user-batch" {
			named = append(named, c.IDs...)
		}
	}
	api, err := sandbox.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := &Probe{Client: probeClient(t, api, adjust...), Names: ProbeNames()}
	asked := p.Ask(t.Context())
	if asked != nil && len(cfg.Faults.Shares) < 2 {
		t.Fatal(asked)
	}
	if left, err := RemoveProbe(t.Context(), p.Client, p.Names); len(left) > 0 || err != nil {
		t.Errorf("%q are left: %v", left, err)
	}
	if api.Len() != 10 {
		t.Errorf("%d users exist, want 10", api.Len())
	}
	for _, id := range named {
		if !slices.Contains(p.users, id) && !slices.Contains(p.Names, id) && !strings.HasPrefix(id, "00000000") ||
			slices.Contains(all, id) {
			t.Errorf("a deletion names %s", id)
		}
	}
	for i := 5; i < len(calls); i++ {
		if span := calls[i].Sub(calls[i-5]); span < time.Second-time.Millisecond {
			t.Fatalf("calls %d to %d take %s", i-5, i, span)
		}
	}
	answers := map[string]string{}
	for _, f := range p.Findings {
		answers[f.Question] = f.Answer
	}
	if len(answers) != len(p.Findings) {
		t.Errorf("a question stands twice: %v", p.Findings)
	}
	return p, answers
}

func probeClient(t *testing.T, api http.Handler, adjust ...func(*client.Config)) *client.Client {
	t.Helper()
	cfg := client.Config{Host: "http://127.0.0.1", AccessKeyID: sandbox.AccessKeyID,
		AccessKeySecret: sandbox.AccessKeySecret, Rate: client.PerSecond(ProbeRate), Workers: 1, Retries: 8,
		Timeout: time.Second, Transport: wire{api}}
	for _, f := range adjust {
		f(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	batchOf  = "what becomes of a batch with one unknown ID?"
	aloneOf  = "what is the deletion of an unknown ID alone answered?"
	absentOf = "what does reading a user who does not exist give?"
	brokenOf = "what is broken authority answered?"
	lagOf    = "how long can a deleted user be read?"
)

// A probe names rightly what a sandbox was told to do, in every combination of what it can be told.
func TestProbeNamesWhatTheAPIDoes(t *testing.T) {
	unknown := map[string][2]string{
		sandbox.UnknownSucceeds: {"the unknown ID is ignored", "success"},
		sandbox.UnknownNotFound: {"refused as a whole", "no such user (HTTP 200, statusCode 404, apiCode 2004)"},
		sandbox.UnknownPartial:  {"part is done, then a failure (HTTP 200, statusCode 404", "no such user"},
		sandbox.UnknownPartial422: {"part is done, then a failure (HTTP 200, statusCode 422",
			"refused (HTTP 200, statusCode 422)"},
	}
	absent := map[string]string{"": "an empty list", "absent-404": "no such user", "absent-null": "success without data"}
	lags := map[string]string{"": "not at all", "readable=3s": "about 3", "readable=20s": "about 20"}
	for how, want := range unknown {
		for quirk, none := range absent {
			for lag, long := range lags {
				for _, more := range []string{"", "bare-404", "code-2020"} {
					spec := strings.Join([]string{quirk, lag, more}, ",")
					inBubble(t, how+","+spec, func(t *testing.T) {
						faults, err := sandbox.ParseFaults(spec)
						if err != nil {
							t.Fatal(err)
						}
						wants := map[string]string{batchOf: want[0], aloneOf: want[1], absentOf: none, lagOf: long,
							brokenOf: "HTTP 200, statusCode 401, apiCode 2020", "does reading find users?": "yes",
							"does reading take 21 IDs a call?": "no", "does reading take 50 IDs a call?": "no",
							"which header names the user pool?": "x-authing-userpool-id or x-genauth-userpool-id; without: " +
								"HTTP 200, statusCode 403, apiCode 2224",
							"do successes have a request ID?":                     "yes",
							"what is a deletion that names an ID twice answered?": twice(how),
							"how far are the clocks apart?":                       "2 seconds at the most",
							"does update-user-batch keep the other fields?":       "yes",
							"does its answer name every user?":                    "2 of 2",
							"does it note when the status was changed?":           "yes",
							"does a deletion end the user's sessions?":            "not asked"}
						if more == "bare-404" && (how == sandbox.UnknownNotFound || how == sandbox.UnknownPartial) {
							wants[aloneOf] = "refused (HTTP 200, statusCode 404)"
						}
						if more == "code-2020" {
							wants[brokenOf] = "HTTP 200, statusCode 403, apiCode 2020"
						}
						p, got := probed(t, sandbox.Config{Unknown: how, Faults: faults})
						for question, answer := range wants {
							if !strings.HasPrefix(got[question], answer) {
								t.Errorf("%s %q, want %q", question, got[question], answer)
							}
						}
						if p.Open != 0 || len(wants) != len(got) {
							t.Errorf("%d questions are open, %d of %d are looked at: %v", p.Open, len(wants), len(got), got)
						}
					})
				}
			}
		}
	}
}

func twice(unknown string) string {
	if unknown == sandbox.UnknownSucceeds {
		return "success"
	}
	return "the user is deleted, and the answer is a failure" // the second mention is of a user who is gone
}

// Whether update-user-batch keeps what it does not name, whom its answer names, and whether it works at all.
func TestProbeOfUpdates(t *testing.T) {
	const fields, names = "does update-user-batch keep the other fields?", "does its answer name every user?"
	for spec, want := range map[string][2]string{
		"part-shown": {"yes", "1 of 2"}, "none-shown": {"yes", "0 of 2"}, "encrypted": {"yes", "2 of 2"},
		"resets": {"no: other ones afterwards are name", "2 of 2"},
	} {
		inBubble(t, spec, func(t *testing.T) {
			p, got := probed(t, sandbox.Config{Faults: seeded(t, spec)})
			if got[fields] != want[0] || !strings.HasPrefix(got[names], want[1]) || p.Open > 0 {
				t.Errorf("%q, %q", got[fields], got[names])
			}
		})
	}
	for answer, want := range map[string]string{
		`{"statusCode":403,"message":"no"}`:            "refused (HTTP 200, statusCode 403)",
		`{"statusCode":200,"message":"","data":[]}`:    "success, and the status is as it was",
		`{"statusCode":500,"message":"","data":"odd"}`: "refused (HTTP 200, statusCode 500)",
	} {
		inBubble(t, want, func(t *testing.T) {
			api, err := sandbox.New(sandbox.Config{})
			if err != nil {
				t.Fatal(err)
			}
			p := &Probe{Names: ProbeNames()}
			p.Client = probeClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "update-user-batch") {
					io.WriteString(w, answer)
					return
				}
				api.ServeHTTP(w, r)
			}))
			if err := p.Ask(t.Context()); err != nil || !strings.Contains(fmt.Sprint(p.Findings), "{"+fields+" "+want+" ") {
				t.Errorf("%v: %v", err, p.Findings)
			}
		})
	}
}

// An API that refuses what names an ID twice, or shows the deleted for long, is told from the others.
func TestProbeOfFurtherAnswers(t *testing.T) {
	inBubble(t, "refuses an ID given twice, and whose clock is slow", func(t *testing.T) {
		api, err := sandbox.New(sandbox.Config{})
		if err != nil {
			t.Fatal(err)
		}
		p := &Probe{Names: ProbeNames()}
		p.Client = probeClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			if twice := regexp.MustCompile(`\["(\w+)","(\w+)"\]`).FindSubmatch(body); twice != nil &&
				bytes.Equal(twice[1], twice[2]) {
				io.WriteString(w, `{"statusCode":400,"message":"userIds must be unique"}`)
				return
			}
			rec := httptest.NewRecorder()
			api.ServeHTTP(rec, r)
			w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
			rec.Body.WriteTo(w)
		}))
		if err := p.Ask(t.Context()); err != nil {
			t.Fatal(err)
		}
		found := fmt.Sprint(p.Findings)
		for _, want := range []string{"names an ID twice answered? refused (HTTP 200, statusCode 400)",
			"this machine is 1h0m0s ahead",
			"be read? not at all"} {
			if !strings.Contains(found, want) {
				t.Errorf("%q is not in %s", want, found)
			}
		}
	})
	inBubble(t, "shows the deleted for an hour", func(t *testing.T) {
		api, err := sandbox.New(sandbox.Config{Faults: sandbox.Faults{Readable: time.Hour}})
		if err != nil {
			t.Fatal(err)
		}
		p := &Probe{Client: probeClient(t, api), Names: ProbeNames()}
		err = p.Ask(t.Context())
		found := fmt.Sprint(p.Findings)
		if err != nil || !strings.Contains(found, "be read? longer than 1m0s") ||
			!strings.Contains(found, "unknown ID? open: ") {
			t.Errorf("%v: found %s", err, found)
		}
		if left, _ := RemoveProbe(t.Context(), p.Client, p.Names); len(left) == 0 {
			t.Error("who can still be read is called removed")
		}
	})
}

// Where reading finds nobody, or is denied, nothing is made of it, and the three are removed all the same.
func TestProbeThatCannotReadSaysSo(t *testing.T) {
	for name, cfg := range map[string]sandbox.Config{
		"blind":  {Faults: sandbox.Faults{Quirks: map[string]bool{"no-brackets": true}}},
		"denied": {ReadDenied: true},
	} {
		inBubble(t, name, func(t *testing.T) {
			p, got := probed(t, cfg)
			if p.Open < 3 || !strings.HasPrefix(got[batchOf], "open: ") || !strings.HasPrefix(got[lagOf], "open: ") ||
				!strings.HasPrefix(got["does reading find users?"], "0 of 3") {
				t.Errorf("%d are open: %v", p.Open, got)
			}
		})
	}
}

// With signatures no header names the pool, and a broken one is refused.
func TestProbeThatSigns(t *testing.T) {
	for _, pool := range []string{"", sandbox.UserPool} {
		inBubble(t, pool, func(t *testing.T) {
			_, got := probed(t, sandbox.Config{}, func(c *client.Config) { c.Auth, c.UserPool = "signature", pool })
			if got["which header names the user pool?"] != "none is needed" || got[brokenOf] !=
				"HTTP 200, statusCode 403, apiCode 1300" || !strings.HasPrefix(got[batchOf], "the unknown ID is ignored") {
				t.Errorf("found %v", got)
			}
		})
	}
}

// Throttling makes a probe slower, and never a liar.
func TestProbeThroughNoise(t *testing.T) {
	for seed := range 20 {
		inBubble(t, fmt.Sprint(seed), func(t *testing.T) {
			faults, err := sandbox.ParseFaults(fmt.Sprintf("429=20%%,latency=30ms,seed=%d", seed))
			if err != nil {
				t.Fatal(err)
			}
			_, got := probed(t, sandbox.Config{Faults: faults, Unknown: sandbox.UnknownPartial})
			if !strings.HasPrefix(got[batchOf], "part is done") || !strings.HasPrefix(got[aloneOf], "no such user") {
				t.Errorf("found %v", slices.Sorted(maps.Values(got)))
			}
		})
	}
}

// Whatever goes wrong on the way, a probe removes its users and touches nobody else.
func TestProbeThroughEverything(t *testing.T) {
	for seed := range 40 {
		inBubble(t, fmt.Sprint(seed), func(t *testing.T) {
			faults, err := sandbox.ParseFaults(fmt.Sprintf("all=20%%,seed=%d", seed))
			if err != nil {
				t.Fatal(err)
			}
			probed(t, sandbox.Config{Faults: faults, Unknown: sandbox.UnknownPartial422})
		})
	}
}

// No other names are ever deleted, whatever a file of names says.
func TestProbeRemovesNobodyElse(t *testing.T) {
	for _, name := range []string{"", "ada", "bulkdelete-probe-", "bulkdelete-probe-0123456789abcdef-4",
		"bulkdelete-probe-0123456789abcdef-1\n", "x-bulkdelete-probe-0123456789abcdef-1"} {
		if left, err := RemoveProbe(t.Context(), nil, append(ProbeNames(), name)); err == nil || len(left) != 4 {
			t.Errorf("%q would be deleted", name)
		}
	}
}
