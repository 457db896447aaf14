package report

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// Small runs draw no nonsense.
func TestPageDrawsNoPictureOfNextToNothing(t *testing.T) {
	const one, ten = time.Second, 10 * time.Second
	for _, c := range []struct {
		rows        int
		every, took time.Duration
		pace        bool
		vain        int
		says        string
	}{
		{1, 0, 0, false, 0, "the work took less than a second. No attempt was in vain."},
		{1, 0, 80 * time.Millisecond, false, 1, "the work took less than a second. Attempts in vain: 1 connection lost."},
		{3, one, one, false, 0, "the work took 3 s, 1.0 users a second."},
		{40, 0, 0, false, 1, "the work took less than a second. Attempts in vain: 40 connection lost."},
		{40, one, 0, true, 2, "Attempts in vain: 80 connection lost."},
		{3, 90 * one, ten, false, 0, "Pauses: 2026-11-02 09:00:10 UTC to 2026-11-02 09:01:30 UTC; "},
		{5, 90 * one, ten, true, 0, "Left out, where the dashed lines stand: 2026-11-02 09:00:10 UTC"},
	} {
		run, s := madeUp(t, 0, 0, true)
		for i := range c.rows {
			r := Row{Chunk: i, Users: 1, Outcome: Deleted, Attempts: c.vain + 1, Duration: c.took,
				StartedAt: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC).Add(time.Duration(i) * c.every)}
			if c.vain > 0 {
				r.Message = OnTheWay(map[string]int{"connection lost": c.vain})
			}
			settle(s, &r)
		}
		s.Rows, s.Accepted = c.rows, c.rows
		b, err := renderPage(run, s)
		must(t, err)
		text := strings.ReplaceAll(string(b), "\n", " ")
		if pace := strings.Contains(text, "Users a second over time"); pace != c.pace ||
			strings.Contains(text, "90% ") != c.pace || !c.pace && c.took < one && strings.Contains(text, "users a second") {
			t.Errorf("%d rows every %v: pace drawn %v", c.rows, c.every, pace)
		}
		if !strings.Contains(text, c.says) || strings.Contains(text, "NaN") {
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
			all.add(&Row{Users: 50, Attempts: 3, Message: onTheWay + "2x throttled (429)", StartedAt: begun,
				Duration: 10 * time.Millisecond})
		}
		s := page{stats: &all}
		s.overTime()
		users, again := 0, 0
		for i, x := range s.steps {
			users, again = users+x.users, again+x.vain
			if x.to <= x.from || i > 0 && x.from != s.steps[i-1].to {
				t.Fatalf("every %v: step %d is from %v to %v", every, i, x.from, x.to)
			}
		}
		end := (n-1)*every + 10*time.Millisecond
		last := s.steps[len(s.steps)-1].to
		if users != n*50 || again != n*2 || s.vain != n*2 {
			t.Errorf("every %v: %d users, %d repeated or %d", every, users, again, s.vain)
		}
		if len(s.steps) > mostSteps || last != end || s.Working != end {
			t.Errorf("every %v: %d steps up to %v", every, len(s.steps), last)
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
	if page.Working != 300*time.Second || page.MorePauses != 9 || len(page.Pauses) != 20 {
		t.Errorf("%v of work, %d pauses of which %d are shown", page.Working, len(page.pauses), len(page.Pauses))
	}
	if p := page.Pauses[1]; page.working(p.From) != 20*time.Second || p.To.Sub(p.From) != 24*time.Hour {
		t.Errorf("the second pause is at %v, from %v to %v", page.working(p.From), p.From, p.To)
	}
}

func TestSeriesOfAnImpossibleAuditEnds(t *testing.T) {
	run, s := madeUp(t, 0, 0, true)
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	for _, d := range []time.Duration{time.Second, math.MaxInt64, math.MinInt64, 0, 1} {
		settle(s, &Row{Outcome: Deleted, Users: 1, StartedAt: at, Duration: d})
	}
	page, users := newPage(run, s), 0
	for _, x := range page.steps {
		users += x.users
	}
	if users != 5 {
		t.Errorf("%d users, want 5", users)
	}
	if _, err := page.drawPace(); err != nil {
		t.Error(err)
	}
}

func TestAxesAreLabelled(t *testing.T) {
	if got := fmt.Sprint(counts(1050, 4)); got != "{0 1050 [{0 0} {500 500} {1000 1,000}]}" {
		t.Errorf("up to 1050: %s", got)
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
		settle(s, &Row{Outcome: Deleted, Users: 50, Attempts: 2, Message: onTheWay + "1x connection lost",
			StartedAt: at, Duration: 10 * time.Second})
		at = at.Add(time.Hour)
	}
	panels := newPage(run, s).panels()
	if len(panels) != 2 {
		t.Fatalf("%d plots", len(panels))
	}
	for _, p := range panels {
		if got := fmt.Sprint(p.Marks); got != "[{10 } {20 }]" {
			t.Errorf("%s: %s", p.Name, got)
		}
	}
}

// What bulkdelete pace changed stands in both plots, with its number in the list beneath; what a run kept of the one
// before stands there once.
func TestChangesOfPaceAreMarked(t *testing.T) {
	run, s := madeUp(t, 0, 0, true)
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	for i := range 20 {
		after := time.Duration(i) * 5 * time.Second
		if i >= 10 {
			after += time.Hour // a pause, which is no time at work
		}
		settle(s, &Row{Outcome: Deleted, Users: 50, Attempts: 2, Message: onTheWay + "1x connection lost",
			StartedAt: at.Add(after), Duration: 5 * time.Second})
	}
	change := func(after time.Duration, rate string) PaceChange { return PaceChange{at.Add(after), "ana@ops", rate} }
	first := change(20*time.Second, "5")
	run.Runs = []Session{{Paces: []PaceChange{first}},
		{Paces: []PaceChange{first, change(time.Hour+60*time.Second, Pause), change(time.Hour+61*time.Second, Resume)}}}
	for _, p := range newPage(run, s).panels() {
		if got := fmt.Sprint(p.Marks); got != "[{50 } {20 1} {60 2, 3}]" {
			t.Errorf("%s: %s", p.Name, got)
		}
	}
	text := rendered(t, run, s)
	for _, want := range []string{"<li>2026-11-02 09:00:20 UTC by ana@ops: at most 5 calls a second</li>" +
		"<li>2026-11-02 10:01:00 UTC by ana@ops: paused</li><li>2026-11-02 10:01:01 UTC by ana@ops: went on</li></ol>"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	outside := page{start: at, Working: time.Minute}
	if a, b := outside.working(at.Add(-time.Hour)), outside.working(at.Add(time.Hour)); a != 0 || b != time.Minute {
		t.Errorf("before the first call and after the last answer: %v, %v", a, b)
	}
}
