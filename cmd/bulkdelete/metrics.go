package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
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

// metrics are what a person on call sees of a run: in a file, on an address, or pushed when it ends.
type metrics struct {
	registry                         *prometheus.Registry
	users, calls                     *prometheus.CounterVec
	seconds                          prometheus.Histogram
	throttled                        prometheus.Counter
	limit, remaining, startedAt, won prometheus.Gauge
	exitCode, endedAt                prometheus.Gauge // registered at the end: 0 would be a success in 1970

	file, push string
	listener   net.Listener
	server     *http.Server
	ended      chan struct{}
}

// newMetrics reads the --metrics flags. Where none is given the metrics are counted all the same, at no
// cost that could be measured.
func newMetrics(o metricsOptions) (*metrics, error) {
	m := &metrics{registry: prometheus.NewRegistry(), file: o.file, push: o.push}
	m.define()
	m.startedAt.Set(now())
	for _, o := range []report.Outcome{report.Deleted, report.Absent, report.Failed, report.Unknown} {
		m.users.WithLabelValues(string(o)) // so that a rate can be taken from the first user on
	}
	if err := m.remember(); err != nil {
		return m, err
	}
	if err := m.write(); err != nil { // now, while nothing has been sent, rather than at the end
		return m, err
	}
	return m, m.listen(o.addr)
}

func (m *metrics) define() {
	made := promauto.With(m.registry)
	counter := func(name, help string) prometheus.CounterOpts { return prometheus.CounterOpts{Name: name, Help: help} }
	gauge := func(name, help string) prometheus.GaugeOpts { return prometheus.GaugeOpts{Name: name, Help: help} }
	m.users = made.NewCounterVec(counter("bulkdelete_users_total", "Users settled, by outcome."), []string{"outcome"})
	m.calls = made.NewCounterVec(counter("bulkdelete_calls_total",
		"Attempts sent to the API, by the answer's statusCode; none: no answer."), []string{"status_code"})
	m.seconds = made.NewHistogram(prometheus.HistogramOpts{Name: "bulkdelete_call_seconds",
		Help: "How long an attempt took.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 14)})
	m.throttled = made.NewCounter(counter("bulkdelete_throttled_total",
		"Attempts that the API refused because of its rate limit."))
	m.limit = made.NewGauge(gauge("bulkdelete_pace_limit",
		"Calls a second that the program allows itself at present."))
	m.remaining = made.NewGauge(gauge("bulkdelete_users_remaining", "Accepted users that are not settled yet."))
	m.startedAt = made.NewGauge(gauge("bulkdelete_last_start_timestamp_seconds",
		"When the last run began, Unix time; later than its end: it is running, or died."))
	m.won = made.NewGauge(gauge(lastSuccess, "When a run last ended with exit code 0, Unix time; 0: never."))
	m.exitCode = prometheus.NewGauge(gauge(lastExit, "Exit code of the last run that ended."))
	m.endedAt = prometheus.NewGauge(gauge(lastRun, "When the last run ended, Unix time."))
	made.NewGaugeVec(gauge("bulkdelete_build_info", "1, labelled with the program's version."), []string{"version"}).
		WithLabelValues(version()).Set(1)
}

// now is in seconds, as exact as clocks are.
func now() float64 { return float64(time.Now().UnixMilli()) / 1000 }

// remember takes over how earlier runs ended from the file that this run is going to replace.
func (m *metrics) remember() error {
	if m.file == "" {
		return nil
	}
	f, err := os.Open(m.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--metrics-file: %w", err)
	}
	defer f.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(f)
	if err != nil {
		return fmt.Errorf("--metrics-file %s holds something else: %w", m.file, err)
	}
	for name, gauge := range map[string]prometheus.Gauge{lastSuccess: m.won, lastRun: m.endedAt, lastExit: m.exitCode} {
		for _, metric := range families[name].GetMetric() {
			gauge.Set(metric.GetGauge().GetValue())
		}
	}
	if families[lastRun] != nil {
		m.showEnd()
	}
	return nil
}

func (m *metrics) listen(addr string) error {
	if addr == "" {
		return nil
	}
	var err error
	if m.listener, err = net.Listen("tcp", addr); err != nil {
		return fmt.Errorf("--metrics-addr: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	m.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	m.ended = make(chan struct{})
	go func() {
		defer close(m.ended)
		m.server.Serve(m.listener) // ends with ErrServerClosed in close
	}()
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
	if n := a.StatusCode; n != 0 {
		code = strconv.Itoa(n)
	} else if a.HTTPStatus != 0 {
		code = strconv.Itoa(a.HTTPStatus)
	}
	m.calls.WithLabelValues(code).Inc()
	m.seconds.Observe(a.Duration.Seconds())
	m.limit.Set(a.Limit)
	if a.Throttled {
		m.throttled.Inc()
	}
}

// begin notes how many users the run has to do.
func (m *metrics) begin(users int) error {
	m.remaining.Set(float64(users))
	return m.write()
}

// showEnd makes how a run ended part of what is shown.
func (m *metrics) showEnd() {
	for _, g := range []prometheus.Gauge{m.exitCode, m.endedAt} {
		m.registry.Unregister(g)
		m.registry.MustRegister(g)
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

// end notes how the run ended. Its errors say nothing about the users.
func (m *metrics) end(code job.Code) error {
	at := now()
	m.exitCode.Set(float64(code))
	m.endedAt.Set(at)
	m.showEnd()
	if code == job.OK {
		m.won.Set(at)
	}
	err := m.write()
	if m.push != "" {
		ctx, cancel := context.WithTimeout(context.Background(), pushTimeout)
		defer cancel()
		if e := push.New(m.push, "bulkdelete").Gatherer(m.registry).AddContext(ctx); e != nil {
			err = errors.Join(err, fmt.Errorf("--metrics-push: %s", withoutURLSecrets(e.Error())))
		}
	}
	return errors.Join(err, m.close())
}

func (m *metrics) close() error {
	if m.server == nil {
		return nil
	}
	err := m.server.Close()
	<-m.ended
	return err
}
