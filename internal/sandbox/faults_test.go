package sandbox

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Each fault looks as it should, and carries the call out or not as it says.
func TestFaults(t *testing.T) {
	for fault, want := range map[string]struct {
		http   int
		cut    bool
		status int
		left   []int // of 10 users
	}{
		"429":            {429, false, 429, []int{10}},
		"500":            {500, false, 500, []int{0, 10}},
		"502":            {502, false, 502, []int{0, 10}},
		"503":            {503, false, 503, []int{0, 10}},
		"body500":        {200, false, 500, []int{0, 10}},
		"html502":        {502, false, 0, []int{0, 10}},
		"html200":        {200, false, 0, []int{10}},
		"redirect":       {302, false, 0, []int{10}},
		"cut-before":     {200, true, 0, []int{10}},
		"cut-after":      {200, true, 0, []int{0}},
		"truncate":       {200, true, 0, []int{0}},
		"empty":          {200, false, 0, []int{0}},
		"hang":           {200, true, 0, []int{0, 10}},
		"success-false":  {200, false, 200, []int{10}},
		"no-data":        {200, false, 200, []int{0}},
		"string-numbers": {200, false, 0, []int{0}},
		"half":           {200, false, 500, []int{5}},
	} {
		seen := map[int]bool{}
		for seed := range uint64(8) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, Config{}, 10)
				key := token(t, s)
				s.cfg.Faults.Shares = map[string]float64{fault: 1}
				for range seed {
					s.draw()
				}
				var ids []string
				for i := range 10 {
					ids = append(ids, userID(i))
				}
				a := send(t, s, authorized(deletion(ids...), key))
				if a.http != want.http || a.cut != want.cut || a.StatusCode != want.status {
					t.Errorf("%s: HTTP %d, cut %v: %s", fault, a.http, a.cut, a.body)
				}
				seen[s.Len()] = true
			})
		}
		if len(seen) != len(want.left) {
			t.Errorf("%s leaves %v users, want %v", fault, seen, want.left)
		}
		for _, n := range want.left {
			if !seen[n] {
				t.Errorf("%s leaves %v users, want %v", fault, seen, want.left)
			}
		}
	}
}

func TestFaultsRepeat(t *testing.T) {
	draw := func() (all []string) {
		f, err := ParseFaults("all=50%,seed=9,jitter=1ms")
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(t, Config{Faults: f}, 0)
		for range 200 {
			fault, late, delay := s.draw()
			all = append(all, fmt.Sprint(fault, late, delay))
		}
		return all
	}
	if one, two := draw(), draw(); !slices.Equal(one, two) {
		t.Error("the same seed draws other faults")
	}
}

func TestParseFaults(t *testing.T) {
	f, err := ParseFaults("latency=20ms, 429=5%,cut-after=0.02,seed=7")
	if err != nil || f.Latency != 20*time.Millisecond || f.Shares["429"] != 0.05 ||
		f.Shares["cut-after"] != 0.02 || f.Seed != 7 {
		t.Errorf("%+v (%v)", f, err)
	}
	for _, bad := range []string{"429=200%", "429=-1%", "429", "nonsense=1%", "latency=soon", "seed=x", "readable=soon",
		"others=-1", "no-claim=5%",
		"429=60%,500=60%"} {
		if _, err := ParseFaults(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
