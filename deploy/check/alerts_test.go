package check

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// alerts reads the rules as Prometheus does, unknown fields refused.
func alerts(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile("../prometheus/alerts.yaml", false, model.LegacyValidation,
		parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var rules []rulefmt.Rule
	for _, g := range groups.Groups {
		rules = append(rules, g.Rules...)
	}
	return rules
}

// What the rules are about is what the program writes.
func TestAlertsNameMetricsOfTheProgram(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "metrics.prom")
	c := exec.Command(program(t), "run", "--sandbox", "../../samples/offboarding.csv", "--yes", "--rate=1000",
		"--out", filepath.Join(dir, "out"), "--metrics-file", file)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range alerts(t) {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(rule.Expr)
		if err != nil {
			t.Fatal(err)
		}
		parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
			if s, ok := node.(*parser.VectorSelector); ok && !strings.Contains(string(text), "\n"+s.Name+" ") {
				t.Errorf("%s asks for %s, which the program does not write", rule.Alert, s.Name)
			}
			return nil
		})
	}
}

// ended is a run that ended so long before the end of the history.
type ended struct {
	ago  time.Duration
	code float64
}

const night = 24 * time.Hour

func TestAlertsFireWhenTheyShould(t *testing.T) {
	for _, c := range []struct {
		name string
		runs []ended
		want string // what fires at the end
	}{
		{"every night well",
			[]ended{{3*night + time.Hour, 0}, {2*night + time.Hour, 0}, {night + time.Hour, 0}, {time.Hour, 0}}, ""},
		{"the first run, well", []ended{{time.Hour, 0}}, ""},
		{"a night an hour longer than the one before", []ended{{25 * time.Hour, 0}}, ""},
		{"a night was left out", []ended{{2 * night, 0}, {27 * time.Hour, 0}}, "BulkdeleteDidNotRun"},
		{"never ran", nil, "BulkdeleteUnknown"},
		{"rows failed", []ended{{night, 0}, {time.Hour, 1}}, "BulkdeleteRowsFailed"},
		{"bad configuration", []ended{{night, 0}, {time.Hour, 2}}, "BulkdeleteRefused"},
		{"guard", []ended{{night, 0}, {time.Hour, 3}}, "BulkdeleteRefused"},
		{"out of reach", []ended{{night, 0}, {time.Hour, 4}}, "BulkdeleteStopped"},
		{"out of reach, about to be started again", []ended{{night, 0}, {10 * time.Minute, 4}}, ""},
		{"out of reach, mended by a restart", []ended{{night, 0}, {time.Hour, 4}, {50 * time.Minute, 0}}, ""},
		{"a large file takes three nights", []ended{{2*night + time.Hour, 5}, {night + time.Hour, 5}, {time.Hour, 5}}, ""},
		{"a large file took three nights",
			[]ended{{3*night + time.Hour, 5}, {2*night + time.Hour, 5}, {night + time.Hour, 5}, {time.Hour, 0}}, ""},
		{"it never finishes",
			[]ended{{4 * night, 0}, {3*night + time.Hour, 5}, {2*night + time.Hour, 5}, {night + time.Hour, 5}, {time.Hour, 5}},
			"BulkdeleteNotFinished"},
		{"finished on one night of four",
			[]ended{{3*night + time.Hour, 5}, {2*night + time.Hour, 5}, {night + time.Hour, 0}, {time.Hour, 5}}, ""},
		{"mended, then failed again",
			[]ended{{2*night + time.Hour, 1}, {night + time.Hour, 0}, {time.Hour, 1}}, "BulkdeleteRowsFailed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(firing(t, c.runs), " "); got != c.want {
				t.Errorf("%q fires, want %q", got, c.want)
			}
		})
	}
}

const step = 5 * time.Minute // between two scrapes, and two evaluations

// firing evaluates the rules over the last hours of a history of five days, and gives the alerts that fire at its end.
func firing(t *testing.T, runs []ended) []string {
	t.Helper()
	end := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	data := history(end, runs)
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: step + time.Second})
	var fire []string
	for _, rule := range alerts(t) {
		since := end.Add(step)
		for at := end; !at.Before(end.Add(-2 * time.Hour)); at = at.Add(-step) { // back to where it was not active
			query, err := engine.NewInstantQuery(t.Context(), data, nil, rule.Expr, at)
			if err != nil {
				t.Fatal(err)
			}
			found, err := query.Exec(t.Context()).Vector()
			if err != nil {
				t.Fatalf("%s: %v", rule.Alert, err)
			}
			if len(found) == 0 {
				break
			}
			since = at
		}
		if end.Sub(since) >= time.Duration(rule.For) && !since.After(end) {
			fire = append(fire, rule.Alert)
		}
	}
	slices.Sort(fire)
	return fire
}

// history is what scrapes would have seen of the runs.
func history(end time.Time, runs []ended) storage.Queryable {
	series := map[string][]chunks.Sample{}
	for at := end.Add(-5 * night); !at.After(end); at = at.Add(step) {
		var last, success, code float64
		for _, r := range runs {
			if when := end.Add(-r.ago); !when.After(at) {
				last, code = float64(when.Unix()), r.code
				if code == 0 {
					success = last
				}
			}
		}
		if last == 0 {
			continue
		}
		for name, value := range map[string]float64{
			"bulkdelete_last_run_timestamp_seconds":     last,
			"bulkdelete_last_success_timestamp_seconds": success,
			"bulkdelete_last_exit_code":                 code,
		} {
			series[name] = append(series[name], sample{at: at.UnixMilli(), value: value})
		}
	}
	find := func(_ bool, _ *storage.SelectHints, m ...*labels.Matcher) storage.SeriesSet {
		for name, samples := range series {
			if m[len(m)-1].Matches(name) { // the rules select by name alone
				named := labels.FromStrings(model.MetricNameLabel, name, "job", "node")
				return &one{storage.NewListSeries(named, samples), false}
			}
		}
		return storage.EmptySeriesSet()
	}
	return &storage.MockQueryable{MockQuerier: &storage.MockQuerier{SelectMockFunction: find}}
}

// sample is a value at a time, in milliseconds.
type sample struct {
	chunks.Sample // what a plain number does not have
	at            int64
	value         float64
}

func (s sample) T() int64                 { return s.at }
func (s sample) ST() int64                { return 0 }
func (s sample) F() float64               { return s.value }
func (s sample) Type() chunkenc.ValueType { return chunkenc.ValFloat }

// one is a set of one series.
type one struct {
	storage.Series
	read bool
}

func (o *one) Next() bool                               { first := !o.read; o.read = true; return first }
func (o *one) At() storage.Series                       { return o.Series }
func (o *one) Err() error                               { return nil }
func (o *one) Warnings() (none annotations.Annotations) { return nil }
