package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// step is how often the run is asked.
const step = 250 * time.Millisecond

// sample is what the run's metrics said at a moment, counted from its first call.
type sample struct {
	at       time.Duration
	accepted float64 // calls that were not refused, so far
	refused  float64 // calls that were answered 429, so far
	limit    float64 // the pace that the run allows itself, in calls a second
}

// watch reads the run's metrics until it ends. The samples begin with its first call, when first is called.
func watch(ctx context.Context, url string, done <-chan error, first func()) ([]sample, error) {
	var samples []sample
	began := time.Now()
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err == nil && len(samples) < 2 {
				err = errors.New("the run ended before its metrics could be read")
			}
			return samples, err
		case <-tick.C:
		}
		s, err := read(ctx, url)
		if err != nil {
			continue // not listening yet, or not any more
		}
		if s.accepted+s.refused == 0 {
			began = time.Now() // nothing has been sent yet
			continue
		}
		if len(samples) == 0 {
			first()
		}
		s.at = time.Since(began)
		samples = append(samples, s)
	}
}

func read(ctx context.Context, url string) (s sample, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return s, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return s, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return s, fmt.Errorf("HTTP %d", response.StatusCode)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return s, err
	}
	for _, m := range families["bulkdelete_calls_total"].GetMetric() {
		s.accepted += m.GetCounter().GetValue()
	}
	for _, m := range families["bulkdelete_throttled_total"].GetMetric() {
		s.refused = m.GetCounter().GetValue()
	}
	s.accepted -= s.refused
	for _, m := range families["bulkdelete_pace_limit"].GetMetric() {
		s.limit = m.GetGauge().GetValue()
	}
	return s, nil
}
