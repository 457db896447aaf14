package report

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"bulkdelete/internal/chart"
)

func TestPageDrawsNoPictureOfNextToNothing(t *testing.T) {
	const one, ten = time.Second, 10 * time.Second
	for _, c := range []struct {
		rows          int
		every, took   time.Duration
		pace, latency bool
		attempts      int
		says          string
	}{
		{1, 0, 0, false, false, 1, "the work took 0 ms. No call had to be repeated."},
		{1, 0, 80 * time.Millisecond, false, false, 2, "the work took 80 ms. 1 call was repeated."},
		{3, one, one, false, false, 1, "the work took 3 s."},
		{40, 0, 0, false, true, 2, "the work took 0 ms. 40 calls were repeated."},
		{40, one, 0, true, true, 2, "40 calls were repeated, shown where"},
		{3, 90 * one, ten, false, false, 1, "Pauses: 2026-11-02 09:00:10 UTC to 2026-11-02 09:01:30 UTC; "},
		{5, 90 * one, ten, true, true, 1, "Left out, where the dashed lines stand: 2026-11-02 09:00:10 UTC"},
	} {
		run, s := madeUp(t, 0, 0, true)
		for i := range c.rows {
			settle(s, &Row{Chunk: i, Users: 1, Outcome: Deleted, Attempts: c.attempts, Duration: c.took,
				StartedAt: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC).Add(time.Duration(i) * c.every)})
		}
		b, err := renderPage(run, s)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if pace := strings.Contains(text, "Users a second over time"); pace != c.pace {
			t.Errorf("%d rows every %v: pace drawn %v", c.rows, c.every, pace)
		}
		if latency := strings.Contains(text, "chunks by time taken"); latency != c.latency {
			t.Errorf("%d rows every %v: latencies drawn %v", c.rows, c.every, latency)
		}
		if text = strings.ReplaceAll(text, "\n", " "); !strings.Contains(text, c.says) || strings.Contains(text, "NaN") {
			t.Errorf("%d rows every %v: the page does not say %q", c.rows, c.every, c.says)
		}
	}
}

func TestSeriesLosesNothing(t *testing.T) {
	start := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	for _, every := range []time.Duration{time.Millisecond, 70 * time.Millisecond, 3 * time.Second, 59 * time.Second} {
		var all stats
		const n = 20_000
		for i := range n {
			i = (i + n/2) % n // as of another shard
			begun := start.Add(time.Duration(i) * every)
			all.add(&Row{Users: 50, Attempts: 3, StartedAt: begun, Duration: 10 * time.Millisecond})
		}
		s := all.series()
		users, again := 0, 0
		for i, x := range s.Steps {
			users, again = users+x.users, again+x.again
			if x.to <= x.from || i > 0 && x.from != s.Steps[i-1].to {
				t.Fatalf("every %v: step %d is from %v to %v", every, i, x.from, x.to)
			}
		}
		end := (n-1)*every + 10*time.Millisecond
		last := s.Steps[len(s.Steps)-1].to
		if users != n*50 || again != n*2 || s.Repeated != n*2 {
			t.Errorf("every %v: %d users, %d repeated or %d", every, users, again, s.Repeated)
		}
		if len(s.Steps) > seriesLen || last != end || s.Working != end {
			t.Errorf("every %v: %d steps up to %v", every, len(s.Steps), last)
		}
	}
}

func TestSeriesLeavesPausesOut(t *testing.T) {
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	run, s := madeUp(t, 0, 0, true)
	for range 30 {
		for range 10 {
			settle(s, &Row{Outcome: Deleted, Users: 50, Attempts: 1, StartedAt: at, Duration: time.Second})
			at = at.Add(time.Second)
		}
		at = at.Add(24 * time.Hour)
	}
	page := newPage(run, s)
	if page.Working != 300*time.Second || page.MorePauses != 29-maxPauses || len(page.Pauses) != maxPauses {
		t.Errorf("%v of work, %d pauses of which %d are shown", page.Working, len(page.series.Pauses), len(page.Pauses))
	}
	if p := page.Pauses[1]; p.at != 20*time.Second || p.To.Sub(p.From) != 24*time.Hour {
		t.Errorf("the second pause is at %v, from %v to %v", p.at, p.From, p.To)
	}
}

func TestSeriesOfAnImpossibleAuditEnds(t *testing.T) {
	run, s := madeUp(t, 0, 0, true)
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	for _, d := range []time.Duration{time.Second, math.MaxInt64, math.MinInt64, 0, 1} {
		settle(s, &Row{Outcome: Deleted, Users: 1, StartedAt: at, Duration: d})
	}
	page, users := newPage(run, s), 0
	for _, x := range page.series.Steps {
		users += x.users
	}
	if users != 5 {
		t.Errorf("%d users, want 5", users)
	}
	if _, err := page.DrawPace(); err != nil {
		t.Error(err)
	}
}

func TestAxesAreLabelled(t *testing.T) {
	if got := fmt.Sprint(counts(1050, 4)); got != "{0 1050 [{0 0} {500 500} {1000 1,000}]}" {
		t.Errorf("up to 1050: %s", got)
	}
	labels := ""
	for _, tick := range latencyTicks(chart.Axis{Min: 1.4, Max: 3.2}, 9) {
		labels += fmt.Sprintf("%.2f %s, ", tick.At, tick.Label)
	}
	if labels != "1.70 50 ms, 2.00 100 ms, 2.30 200 ms, 2.70 500 ms, 3.00 1 s, " {
		t.Errorf("25 ms to 1.6 s: %s", labels)
	}
	for d, want := range map[time.Duration]string{0: "0 s", 250 * time.Millisecond: "0.25 s", 15 * time.Second: "15 s",
		time.Hour: "1 h"} {
		if got := tickTime(d); got != want {
			t.Errorf("%v is written %s", d, got)
		}
	}
}

func TestPausesAreMarkedInBothPlots(t *testing.T) {
	run, s := madeUp(t, 0, 0, true)
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	for range 3 {
		settle(s, &Row{Outcome: Deleted, Users: 50, Attempts: 2, StartedAt: at, Duration: 10 * time.Second})
		at = at.Add(time.Hour)
	}
	panels := newPage(run, s).panels()
	if len(panels) != 2 {
		t.Fatalf("%d plots", len(panels))
	}
	for _, p := range panels {
		if got := fmt.Sprint(p.Marks); got != "[{10  false} {20  false}]" {
			t.Errorf("%s: %s", p.Name, got)
		}
	}
}
