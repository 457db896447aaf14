package chart

import (
	"fmt"
	"math"
	"testing"
	"time"
)

func TestScale(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		scale       scale
		value, want float64
	}{
		{scale{0, 100, 40, 240}, 0, 40},
		{scale{0, 100, 40, 240}, 100, 240},
		{scale{0, 100, 40, 240}, 25, 90},
		{scale{0, 1050, 200, 0}, 1000, 9.5}, // upwards
		{scale{-1, 1, 0, 10}, 0, 5},
		{scale{0, 3, 0, 10}, 1, 3.3},
		{scale{0, 100, 40, 240}, -7, 40},
		{scale{0, 100, 40, 240}, 1e300, 240},
		{scale{0, 100, 40, 240}, inf, 240},
		{scale{0, 100, 40, 240}, -inf, 40},
		{scale{0, 100, 40, 240}, nan, 40},
		{scale{5, 5, 40, 240}, 5, 40},
		{scale{0, inf, 40, 240}, 5, 40},
	} {
		if got := c.scale.at(c.value); got != c.want {
			t.Errorf("%v on %v lies at %v, want %v", c.value, c.scale, got, c.want)
		}
	}
}

func TestCounts(t *testing.T) {
	for _, c := range []struct {
		last  float64
		limit int
		want  string
	}{
		{0, 4, "[0]"},
		{0.4, 4, "[0]"},
		{1.05, 4, "[0 1]"}, // nobody deletes half a user
		{3, 4, "[0 1 2 3]"},
		{4.2, 4, "[0 2 4]"},
		{17, 4, "[0 5 10 15]"},
		{105, 4, "[0 50 100]"},
		{117, 12, "[0 10 20 30 40 50 60 70 80 90 100 110]"},
		{999, 4, "[0 500]"},
		{1050, 4, "[0 500 1000]"},
		{4000, 4, "[0 1000 2000 3000 4000]"},
		{123_456, 2, "[0 100000]"},
		{4e11, 4, "[0 1e+11 2e+11 3e+11 4e+11]"},
		{-3, 4, "[0]"},
		{math.NaN(), 4, "[0]"},
		{math.Inf(1), 1, "[0 +Inf]"}, // ends
	} {
		if got := fmt.Sprint(Counts(c.last, c.limit)); got != c.want {
			t.Errorf("up to %v, at most %d: %v, want %v", c.last, c.limit, got, c.want)
		}
	}
}

func TestTimes(t *testing.T) {
	const s, day = time.Second, 24 * time.Hour
	for _, c := range []struct {
		last  time.Duration
		limit int
		want  string
	}{
		{0, 9, "[0s]"},
		{80 * time.Millisecond, 9, "[0s]"},
		{1100 * time.Millisecond, 9, "[0s 250ms 500ms 750ms 1s]"},
		{9 * s, 9, "[0s 1s 2s 3s 4s 5s 6s 7s 8s 9s]"},
		{9*s + 1, 9, "[0s 2s 4s 6s 8s]"},
		{58 * s, 4, "[0s 15s 30s 45s]"},
		{320 * s, 4, "[0s 2m0s 4m0s]"},
		{time.Hour, 9, "[0s 10m0s 20m0s 30m0s 40m0s 50m0s 1h0m0s]"},
		{3 * day, 4, "[0s 24h0m0s 48h0m0s 72h0m0s]"},
		{9*day + 1, 4, "[0s 72h0m0s 144h0m0s 216h0m0s]"}, // 3, 6, 9 days
		{-s, 4, "[0s]"},
	} {
		if got := fmt.Sprint(Times(c.last, c.limit)); got != c.want {
			t.Errorf("up to %v, at most %d: %v, want %v", c.last, c.limit, got, c.want)
		}
	}
	const century = 100 * 365 * day
	for last := time.Millisecond; last < century; last += 1 + last/3 {
		if n := len(Times(last, 9)); last > s && n < 4 || n > 10 {
			t.Errorf("up to %v: %d of them", last, n)
		}
	}
}
