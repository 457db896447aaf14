package main

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"bulkdelete/internal/sandbox"
)

// scraped is what Prometheus itself reads in a text. Names and helps have to pass promtool's own checks.
func scraped(t *testing.T, text string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	return families
}

// value gives a counter's or gauge's value, of one label's value if one is given.
func value(t *testing.T, families map[string]*dto.MetricFamily, name string, label ...string) float64 {
	t.Helper()
	if families[name] == nil {
		t.Fatalf("there is no %s", name)
	}
	for _, m := range families[name].GetMetric() {
		if len(label) > 0 && m.GetLabel()[0].GetValue() != label[0] {
			continue
		}
		if m.GetHistogram() != nil {
			return float64(m.GetHistogram().GetSampleCount())
		}
		return m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	t.Fatalf("%s has no %v", name, label)
	return math.NaN()
}

// The text file says what the run's own summary says, and when a run last succeeded stays when one fails.
func TestMetricsFile(t *testing.T) {
	p := newPool(t, 250, "429=20%,seed=3")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 250)
	code, printed := exit(t, p.command(dir, "run", "all.csv", "--yes", "--rate", "500", "--metrics-file", "m.prom"))
	text, err := os.ReadFile(filepath.Join(dir, "m.prom"))
	if err != nil || code != 0 {
		t.Fatalf("exit code %d, %v:\n%s", code, err, printed)
	}
	m := scraped(t, string(text))
	if n := value(t, m, "bulkdelete_users_total", "deleted"); n != 250 {
		t.Errorf("%v users deleted, not 250", n)
	}
	if n := value(t, m, "bulkdelete_calls_total", "200"); n < 5 {
		t.Errorf("%v calls answered with 200, there are 5 chunks", n)
	}
	throttled := value(t, m, "bulkdelete_throttled_total")
	if n := value(t, m, "bulkdelete_calls_total", "429"); n != throttled || n == 0 {
		t.Errorf("%v calls answered with 429, %v throttled", n, throttled)
	}
	if n := value(t, m, "bulkdelete_call_seconds"); n < 5+throttled {
		t.Errorf("%v calls timed", n)
	}
	if value(t, m, "bulkdelete_users_remaining") != 0 || value(t, m, "bulkdelete_last_exit_code") != 0 {
		t.Error("the run is not shown as finished")
	}
	won := value(t, m, lastSuccess)
	if won == 0 || won != value(t, m, "bulkdelete_last_run_timestamp_seconds") {
		t.Errorf("the last success is %v", won)
	}
	if limit := value(t, m, "bulkdelete_pace_limit"); limit <= 0 || limit > 500 {
		t.Errorf("the pace is limited to %v", limit)
	}

	exit(t, p.command(dir, "run", "all.csv", "--yes", "--out", "other", "--expect", "7", "--metrics-file", "m.prom"))
	if text, err = os.ReadFile(filepath.Join(dir, "m.prom")); err != nil {
		t.Fatal(err)
	}
	m = scraped(t, string(text))
	if value(t, m, lastSuccess) != won || value(t, m, lastExit) != 3 || value(t, m, lastRun) < won {
		t.Errorf("after a refused run:\n%s", text)
	}
}

// A run that dies leaves a file that shows it: its start is later than the end of the one before, whose exit code
// stays.
func TestMetricsOfARunThatDies(t *testing.T) {
	p := newPool(t, 2000, "latency=50ms")
	dir := t.TempDir()
	file := filepath.Join(dir, "m.prom")
	read := func() map[string]*dto.MetricFamily {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return scraped(t, string(text))
	}
	die := func(input string) map[string]*dto.MetricFamily {
		c := p.command(dir, "run", input+".csv", "--yes", "--rate", "20", "--metrics-file", file)
		start(t, c, filepath.Join(dir, input+".bulkdelete", "audit.csv"))
		c.Process.Kill()
		c.Wait()
		return read()
	}
	for i, input := range []string{"first", "another"} {
		writeUsers(t, filepath.Join(dir, input+".csv"), 1, 1000-i)
		m := die(input)
		if m[lastExit] != nil || m[lastRun] != nil || value(t, m, lastSuccess) != 0 ||
			value(t, m, "bulkdelete_users_remaining") != float64(1000-i) {
			t.Errorf("no run has ended, and there is %v", m)
		}
	}
	if code, printed := exit(t,
		p.command(dir, "run", "first.csv", "--yes", "--rate", "2000", "--metrics-file", file)); code != 0 {
		t.Fatal(printed)
	}
	ended := value(t, read(), lastRun)
	writeUsers(t, filepath.Join(dir, "second.csv"), 1001, 2000)
	m := die("second")
	if value(t, m, lastExit) != 0 || value(t, m, lastRun) != ended || value(t, m, lastSuccess) != ended {
		t.Error("how the run before ended is forgotten")
	}
	if began := value(t, m, "bulkdelete_last_start_timestamp_seconds"); began < ended {
		t.Errorf("the run that died began at %v, the one before ended at %v", began, ended)
	}
}

// Metrics that cannot be kept are known before anything is sent, where that can be known; where not, the exit code
// is still about the users.
func TestLostMetrics(t *testing.T) {
	p := newPool(t, 100, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 100)
	code, printed := exit(t, p.command(dir, "run", "all.csv", "--yes", "--metrics-file", "nowhere/m.prom"))
	if code != 2 || p.sent() != 0 || !strings.Contains(printed, "--metrics-file") {
		t.Errorf("a folder that is not there: exit code %d, %d calls:\n%s", code, p.sent(), printed)
	}
	nobody := "http://" + refusing(t, 0)
	for _, c := range []struct {
		args []string
		code int
	}{{[]string{"--stop-after", "50"}, 5}, {nil, 0}} {
		args := append([]string{"run", "all.csv", "--yes", "--metrics-push", nobody}, c.args...)
		code, printed = exit(t, p.command(dir, args...))
		if code != c.code || !strings.Contains(printed, "metrics lost") || !strings.Contains(printed, "--metrics-push") {
			t.Errorf("no Pushgateway: exit code %d, want %d:\n%s", code, c.code, printed)
		}
	}
}

// --metrics-addr serves while the run lasts, --metrics-push sends at its end.
func TestMetricsServedAndPushed(t *testing.T) {
	pushed := make(chan string, 1)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		pushed <- r.Method + " " + r.URL.Path + "\n" + string(body)
	}))
	defer gateway.Close()
	p := newPool(t, 2000, "latency=20ms")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 2000)
	c := p.command(dir, "run", "all.csv", "--yes", "--rate", "40", "--metrics-addr", "127.0.0.1:0",
		"--metrics-push", gateway.URL)
	start(t, c, filepath.Join(dir, "all.bulkdelete", "audit.csv"))
	addr := listening(t, c.Process.Pid)
	get := func(path string) string {
		r, err := http.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != 200 {
			t.Fatalf("%s: %s, %v", path, r.Status, err)
		}
		return string(body)
	}
	if text := get("/healthz"); text != "ok\n" {
		t.Errorf("/healthz says %q", text)
	}
	waitFor(t, "a user counted", func() bool { // a row is on disk before it is counted
		n := value(t, scraped(t, get("/metrics")), "bulkdelete_users_remaining")
		return n > 0 && n < 2000
	})
	c.Process.Signal(os.Interrupt)
	c.Wait()
	if text := <-pushed; !strings.HasPrefix(text, "POST /metrics/job/bulkdelete") ||
		!strings.Contains(text, "bulkdelete_last_exit_code") {
		t.Errorf("pushed: %.200q", text)
	}
}

// Before the first answer the API has been silent for as long as the run has waited.
func TestHealthBeforeTheFirstAnswer(t *testing.T) {
	p, dir := newPool(t, 1, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 1)
	c := p.command(dir, "run", "all.csv", "--yes", "--host", "http://"+refusing(t, 0), "--metrics-addr", "127.0.0.1:0")
	log := filepath.Join(dir, "stderr")
	var err error
	if c.Stderr, err = os.Create(log); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { c.Process.Kill(); c.Wait() }()
	waitFor(t, "a first attempt", func() bool { said, _ := os.ReadFile(log); return strings.Contains(string(said), "attempt 2") })
	r, err := http.Get("http://" + listening(t, c.Process.Pid) + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if body, err := io.ReadAll(r.Body); err != nil || regexp.MustCompile(`for \d+h`).Match(body) {
		t.Errorf("%v: /healthz says %q", err, body)
	}
}

// A schedule that goes on with an earlier run tells that run's health.
func TestHealthOfAnEarlierRun(t *testing.T) {
	p, dir := newPool(t, 100, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 100)
	var fails atomic.Bool
	p.proxied(t, func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if fails.Load() && strings.HasSuffix(r.URL.Path, "/delete-users-batch") {
			w.WriteHeader(http.StatusBadGateway)
			return true
		}
		return false
	})
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--stop-after", "50", "--out", "runs/2026-01-01"), 5)
	fails.Store(true)
	c := p.command(dir, "run", "all.csv", "--yes", "--out", "runs/{date}", "--metrics-addr", "127.0.0.1:0")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { c.Process.Kill(); c.Wait() }()
	status := filepath.Join(dir, "runs/2026-01-01/status.json")
	waitFor(t, "the run to say that the API is silent", func() bool {
		text, _ := os.ReadFile(status)
		return strings.Contains(string(text), "has been silent for")
	})
	r, err := http.Get("http://" + listening(t, c.Process.Pid) + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/healthz says %s", r.Status)
	}
}

// Logs: one line a failed attempt at debug, one a failed chunk at warn; each names run, chunk and request; at info and
// above no user is named, and at no level a secret.
func TestLogs(t *testing.T) {
	p := newPool(t, 1000, "", func(c *sandbox.Config) { c.Refused = map[string]int{userID(77): 400} })
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 1000)
	_, printed := exit(t, p.command(dir, "run", "all.csv", "--yes", "--rate", "200",
		"--log-format", "json", "--log-level", "debug", "--progress", "plain"))
	runs, seen := map[string]bool{}, map[string]int{}
	for line := range strings.Lines(printed) {
		var l struct {
			Level, Message, Run, Outcome, Reason, Call string
			Chunk, Attempt                             int
			HTTPStatus                                 int      `json:"http_status"`
			RequestID                                  string   `json:"request_id"`
			RequestIDs                                 []string `json:"request_ids"`
		}
		if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &l) != nil || l.Run == "" {
			continue // no line of the log: the plan, or a summary
		}
		runs[l.Run] = true
		seen[l.Level+" "+l.Message]++
		pool := strings.HasPrefix(l.Message, "user pool ")
		if l.Level != "debug" && !pool && regexp.MustCompile(`\b[0-9a-f]{24}\b`).MatchString(line) {
			t.Errorf("a user is named: %s", line)
		}
		if l.Message == "attempt failed" &&
			(l.Attempt == 0 || l.HTTPStatus != 200 || l.RequestID == "" || l.Chunk == 0 && l.Call != "get-management-token") {
			t.Errorf("the line does not say which attempt: %s", line)
		}
		if l.Message == "chunk failed" && (l.Chunk == 0 || l.Outcome != "failed" || len(l.RequestIDs) == 0 ||
			l.Reason != "the batch is refused because of one of its users; still there when read back") {
			t.Errorf("the line does not say which chunk: %s", line)
		}
	}
	if len(runs) != 1 || runs[""] {
		t.Errorf("run IDs: %v", runs)
	}
	if seen["debug attempt failed"] == 0 || seen["warn chunk failed"] == 0 || seen["info progress"] == 0 {
		t.Errorf("lines: %v\n%s", seen, printed)
	}
	if strings.Contains(printed, sandbox.AccessKeySecret) {
		t.Error("a secret is logged")
	}
}

// The alert rules name metrics that there are.
func TestAlertRulesKnowTheMetrics(t *testing.T) {
	rules, err := os.ReadFile("../../deploy/prometheus/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(t, 1, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 1)
	if code, printed := exit(t, p.command(dir, "run", "all.csv", "--yes", "--metrics-file", "m.prom")); code != 0 {
		t.Fatal(printed)
	}
	text, err := os.ReadFile(filepath.Join(dir, "m.prom"))
	if err != nil {
		t.Fatal(err)
	}
	m, names := scraped(t, string(text)), regexp.MustCompile(`bulkdelete_\w+`).FindAllString(string(rules), -1)
	for _, name := range names {
		if m[name] == nil && m[strings.TrimSuffix(name, "_count")] == nil {
			t.Errorf("there is no metric %s", name)
		}
	}
	if len(names) < 6 {
		t.Errorf("the rules name %v", names)
	}
}

// What is pushed is in the group that the URL names, and a run that is refused takes no earlier success away. One that
// another run keeps out leaves the metrics to that.
func TestMetricsOfOthersStay(t *testing.T) {
	paths := make(chan string, 9)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		paths <- r.URL.Path + "\n" + string(body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer gateway.Close()
	p := newPool(t, 400, "latency=50ms")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 400)
	push := gateway.URL + "/metrics/job/leavers/site/berlin"
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--expect", "7", "--metrics-push", push), 3)
	if got := <-paths; !strings.HasPrefix(got, "/metrics/job/leavers/site/berlin\n") || strings.Contains(got, lastSuccess) {
		t.Errorf("a refused run pushed %q", got)
	}
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--metrics-push", push+"/what"), 2, "is no group")
	first := p.command(dir, "run", "all.csv", "--yes", "--rate", "2", "--metrics-file", "m.prom")
	start(t, first, filepath.Join(dir, "all.bulkdelete", "audit.csv"))
	before, err := os.ReadFile(filepath.Join(dir, "m.prom"))
	if err != nil {
		t.Fatal(err)
	}
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--metrics-file", "m.prom"), 3, "another run works on it")
	if after, err := os.ReadFile(filepath.Join(dir, "m.prom")); err != nil || string(after) != string(before) {
		t.Errorf("%v: the metrics of the run at work became\n%s", err, after)
	}
}
