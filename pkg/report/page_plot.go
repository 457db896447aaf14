package report

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"time"

	"bulkdelete/internal/chart"
	"bulkdelete/internal/text"
)

// size is how wide a drawing is. Each is made twice, for a screen or paper and for a phone: text that is scaled with
// the picture cannot be read on one of them.
type size struct {
	class string
	width float64
	ticks int // on the horizontal axis, at the most
}

func drawBoth(draw func(size) *chart.Chart) (both template.HTML, err error) {
	for _, z := range []size{{"wide", 800, 9}, {"narrow", 350, 4}} {
		c := draw(z)
		c.Class, c.Width = z.class, z.width
		svg, err := c.SVG()
		if err != nil {
			return "", err
		}
		both += svg
	}
	return both, nil
}

// What is worth a picture: less would be a block in the middle of it, and the page's tables and sentences say as much.
const (
	fewestRows  = 5 // of the audit
	fewestSteps = 4 // of the series
)

// drawPace shows users a second over working time and, beneath it, the calls that had to be repeated, if any. A run
// that is over at once has no drawing.
func drawPace(s *series) (template.HTML, error) {
	steps, again := s.steps(), s.repeated()
	if len(steps) < fewestSteps {
		return "", nil
	}
	end := steps[len(steps)-1].to
	panels := []chart.Panel{pacePanel(s, steps)}
	if again > 0 {
		panels = append(panels, repeatedPanel(s, steps))
	}
	return drawBoth(func(z size) *chart.Chart {
		x := chart.Axis{Max: end.Seconds()}
		for _, t := range chart.Times(end, z.ticks) {
			x.Ticks = append(x.Ticks, chart.Tick{At: t.Seconds(), Label: tickTime(t)})
		}
		return &chart.Chart{Title: "Users a second over time",
			Desc: fmt.Sprintf("%s of work; %s repeated", span(end), text.Things(again, "call")), X: x, Panels: panels}
	})
}

func pacePanel(s *series, steps []step) chart.Panel {
	pace := chart.Steps{Class: "pace"}
	most := 1.0
	for _, t := range steps {
		rate := float64(t.users) / (t.to - t.from).Seconds()
		pace.Steps = append(pace.Steps, chart.Step{From: t.from.Seconds(), To: t.to.Seconds(), Y: rate})
		most = max(most, rate)
	}
	return chart.Panel{Name: "users a second", Height: 170, Y: counts(most*1.05, 4), Areas: []chart.Steps{pace},
		Marks: pauseMarks(s)}
}

func repeatedPanel(s *series, steps []step) chart.Panel {
	repeated := chart.Steps{Class: "again"}
	most := 1.0
	for _, t := range steps {
		repeated.Steps = append(repeated.Steps, chart.Step{From: t.from.Seconds(), To: t.to.Seconds(), Y: float64(t.again)})
		most = max(most, float64(t.again))
	}
	return chart.Panel{Name: "repeated calls (throttled or failed in passing)", Height: 56, Y: counts(most*1.05, 2),
		Bars: []chart.Steps{repeated}, Marks: pauseMarks(s)}
}

func pauseMarks(s *series) (marks []chart.Mark) {
	for _, p := range s.pauses {
		marks = append(marks, chart.Mark{X: p.at.Seconds()})
	}
	return marks
}

// drawLatency shows how many chunks took how long, on a logarithmic scale of milliseconds.
func drawLatency(t *stats) (template.HTML, error) {
	bars, most := latencyBars(t)
	first, last := bars[0].From, bars[len(bars)-1].To
	lack := max(0, 1-(last-first))            // a decade at least, or one bar fills the picture
	edge := max(lack/2, (last-first+lack)*.1) // room for what is written beside the marks
	x := chart.Axis{Min: first - edge, Max: last + edge}
	l := t.latency()
	panel := chart.Panel{Name: "chunks by time taken", Height: 180, Y: counts(most*1.2, 4),
		Bars: []chart.Steps{{Class: "pace", Steps: bars}},
		// The median's name stands to the left and the other to the right, so that they never lie on each other.
		Marks: []chart.Mark{{X: logMS(l.P50), Label: "50%", Left: true}, {X: logMS(l.P99), Label: "99%"}}}
	return drawBoth(func(z size) *chart.Chart {
		return &chart.Chart{Title: "How long chunks took",
			Desc: fmt.Sprintf("Half of them up to %g ms, 99%% up to %g ms", l.P50, l.P99),
			X:    chart.Axis{Min: x.Min, Max: x.Max, Ticks: latencyTicks(x, z.ticks)}, Panels: []chart.Panel{panel}}
	})
}

func logMS(ms float64) float64 { return math.Log10(max(ms, 1)) }

// latencyBars joins neighbouring buckets, which are finer than an eye needs, and leaves a gap between bars.
func latencyBars(t *stats) (bars []chart.Step, most float64) {
	const joined = 2
	width := joined * math.Log10(latencyStep)
	for i := 0; i < latencyBuckets; i += joined {
		n := 0
		for _, m := range t.buckets[i : i+joined] {
			n += m
		}
		if n > 0 {
			from := float64(i/joined) * width
			bars = append(bars, chart.Step{From: from + width*.06, To: from + width*.94, Y: float64(n)})
			most = max(most, float64(n))
		}
	}
	return bars, most
}

func latencyTicks(x chart.Axis, limit int) (ticks []chart.Tick) {
	ms := func(log float64) time.Duration { return time.Duration(math.Pow(10, log) * float64(time.Millisecond)) }
	for _, t := range chart.LogTimes(ms(x.Min), ms(x.Max), limit) {
		ticks = append(ticks, chart.Tick{At: logMS(float64(t) / float64(time.Millisecond)), Label: span(t)})
	}
	return ticks
}

// counts is an axis from nought to last.
func counts(last float64, limit int) chart.Axis {
	y := chart.Axis{Max: last}
	for _, n := range chart.Counts(last, limit) {
		y.Ticks = append(y.Ticks, chart.Tick{At: n, Label: text.Count(int(n))})
	}
	return y
}

func tickTime(t time.Duration) string {
	if t < time.Minute {
		return strconv.FormatFloat(t.Seconds(), 'f', -1, 64) + " s"
	}
	return span(t)
}
