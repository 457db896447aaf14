package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/push"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

const (
	lastExit    = "bulkdelete_last_exit_code"
	lastRun     = "bulkdelete_last_run_timestamp_seconds"
	lastSuccess = "bulkdelete_last_success_timestamp_seconds"
	pushTimeout = 10 * time.Second
)

// metrics are what a person on call sees of a run: in a file, on an address, or pushed when it ends. Until they are
// opened they are counted all the same, and go nowhere.
type metrics struct {
	registry               *prometheus.Registry
	users, calls           *prometheus.CounterVec
	seconds                prometheus.Histogram
	throttled              prometheus.Counter
	limit, remaining       prometheus.Gauge
	won, exitCode, endedAt *prometheus.GaugeVec // empty until a run has ended: 0 would be a success in 1970
	audit                  *prometheus.GaugeVec // a witness of the audit's last row, elsewhere

	file   string
	pusher *push.Pusher          // nil: they are not pushed
	stop   func() error          // of serving them; nil: they are not served
	heart  atomic.Pointer[heart] // of the run at work
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	made := promauto.With(m.registry)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return made.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return made.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	m.users = counter("bulkdelete_users_total", "Users settled, by outcome.", "outcome")
	for _, o := range []report.Outcome{report.Deleted, report.Suspended, report.Absent, report.Spared, report.Failed,
		report.Unknown} {
		m.users.WithLabelValues(string(o)) // so that a rate can be taken from the first user on
	}
	m.calls = counter("bulkdelete_calls_total",
		"Attempts sent to the API, by the answer's statusCode; none: no answer.", "status_code")
	m.seconds = made.NewHistogram(prometheus.HistogramOpts{Name: "bulkdelete_call_seconds",
		Help: "How long an attempt took.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 14)})
	m.throttled = counter("bulkdelete_throttled_total",
		"Attempts that the API refused because of its rate limit.").WithLabelValues()
	m.limit = gauge("bulkdelete_pace_limit", "Calls a second that the program allows itself at present.").WithLabelValues()
	m.remaining = gauge("bulkdelete_users_remaining", "Accepted users that are not settled yet.").WithLabelValues()
	gauge("bulkdelete_last_start_timestamp_seconds",
		"When the last run began, Unix time; later than its end: it is running, or died.").WithLabelValues().Set(unixTime())
	m.won = gauge(lastSuccess, "When a run last ended with exit code 0, Unix time; 0: never.")
	m.exitCode = gauge(lastExit, "Exit code of the last run that ended.")
	m.endedAt = gauge(lastRun, "When the last run ended, Unix time.")
	m.audit = gauge("bulkdelete_audit_info", "1, labelled with a run's folder and the hash of its audit's last row.",
		"folder", "last_row_hash")
	gauge("bulkdelete_build_info", "1, labelled with the program's version.", "version").
		WithLabelValues(version()).Set(1)
	return m
}

// open reads the --metrics flags, and what earlier runs left in the file.
func (m *metrics) open(o *jobOptions) (err error) {
	m.file = o.metricsFile
	if err := m.remember(); err != nil {
		return fmt.Errorf("--metrics-file: %w", err)
	}
	if o.metricsPush == "" {
		m.won.WithLabelValues() // 0; pushed, it would replace what an earlier run has pushed
	} else if m.pusher, err = newPusher(o.metricsPush); err != nil {
		return err
	}
	return m.listen(o.metricsAddr)
}

// unixTime is now in seconds, as exact as clocks are.
func unixTime() float64 { return float64(time.Now().UnixMilli()) / 1000 }

// remember takes over how earlier runs ended from the file that this run is going to replace.
func (m *metrics) remember() error {
	text, err := os.ReadFile(m.file)
	if errors.Is(err, fs.ErrNotExist) { // or none was named
		return nil
	}
	if err != nil {
		return err
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s holds something else: %w", m.file, err)
	}
	kept := map[string]*prometheus.GaugeVec{lastSuccess: m.won, lastRun: m.endedAt, lastExit: m.exitCode}
	for name, gauge := range kept {
		for _, metric := range families[name].GetMetric() {
			gauge.WithLabelValues().Set(metric.GetGauge().GetValue())
		}
	}
	return nil
}

// listen serves the metrics until end, and whether the run is well.
func (m *metrics) listen(addr string) error {
	if addr == "" {
		return nil
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("--metrics-addr: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		ails := m.heart.Load().ails()
		if ails != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintln(w, cmp.Or(ails, "ok"))
	})
	m.stop = serve(listener, mux)
	return nil
}

// row counts a row that is on disk.
func (m *metrics) row(r report.Row) {
	m.users.WithLabelValues(string(r.Outcome)).Add(float64(r.Users))
	m.remaining.Sub(float64(r.Users))
}

// attempt counts a call on the wire.
func (m *metrics) attempt(a client.Attempt) {
	code := "none"
	if n := cmp.Or(a.StatusCode, a.HTTPStatus); n != 0 {
		code = strconv.Itoa(n)
	}
	m.calls.WithLabelValues(code).Inc()
	m.seconds.Observe(a.Duration.Seconds())
	m.limit.Set(a.Limit)
	if a.Throttled {
		m.throttled.Inc()
	}
}

// write writes the file, whole.
func (m *metrics) write() error {
	if m.file == "" {
		return nil
	}
	if err := prometheus.WriteToTextfile(m.file, m.registry); err != nil {
		return fmt.Errorf("--metrics-file: %w", err)
	}
	return nil
}

// newPusher pushes to a Pushgateway's root, or to a group of it such as
// https://push:9091/metrics/job/leavers/site/berlin.
func newPusher(url string) (*push.Pusher, error) {
	root, group, named := strings.Cut(url, "/metrics/job/")
	if !named {
		return push.New(url, "bulkdelete"), nil
	}
	labels := strings.Split(strings.Trim(group, "/"), "/")
	if len(labels)%2 == 0 || slices.Contains(labels, "") {
		return nil, fmt.Errorf("--metrics-push: /metrics/job/%s is no group: "+
			"give /metrics/job/NAME and then a value for each label, such as /site/berlin", group)
	}
	to := push.New(root, labels[0])
	for i := 1; i < len(labels); i += 2 {
		to.Grouping(labels[i], labels[i+1])
	}
	return to, nil
}

// end notes how the run ended. Its errors say nothing about the users.
func (m *metrics) end(code job.Code) error {
	at := unixTime()
	m.exitCode.WithLabelValues().Set(float64(code))
	m.endedAt.WithLabelValues().Set(at)
	if code == job.OK {
		m.won.WithLabelValues().Set(at)
	}
	err := m.write()
	if m.pusher != nil {
		ctx, cancel := context.WithTimeout(context.Background(), pushTimeout)
		defer cancel()
		if failed := m.pusher.Gatherer(m.registry).AddContext(ctx); failed != nil {
			err = errors.Join(err, fmt.Errorf("--metrics-push: %s", withoutURLSecrets(failed.Error())))
		}
	}
	if m.stop != nil {
		err = errors.Join(err, m.stop())
	}
	return err
}
