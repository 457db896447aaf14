package report

import (
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"bulkdelete/internal/chart"
	"bulkdelete/internal/text"
)

// drawBoth draws a chart twice, for a screen or paper and for a phone: text that is scaled with the picture cannot be
// read on one of them. ticks gives those of the horizontal axis, at most so many.
func drawBoth(c chart.Chart, ticks func(limit int) []chart.Tick) (both template.HTML, err error) {
	for _, size := range []struct {
		class string
		width float64
		ticks int
	}{{"wide", 800, 9}, {"narrow", 350, 4}} {
		c.Class, c.Width, c.X.Ticks = size.class, size.width, ticks(size.ticks)
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

// DrawPace shows users a second over working time and, beneath it, the calls that had to be repeated, if any. A run
// that is over at once has no drawing.
func (p *page) DrawPace() (template.HTML, error) {
	steps := p.Steps
	if len(p.timings) < fewestRows || len(steps) < fewestSteps {
		return "", nil
	}
	end := steps[len(steps)-1].to
	c := chart.Chart{Title: "Users a second over time", X: chart.Axis{Max: end.Seconds()}, Panels: p.panels(),
		Desc: fmt.Sprintf("%s of work; %s repeated", span(end), text.Things(p.Repeated, "call"))}
	return drawBoth(c, func(limit int) (ticks []chart.Tick) {
		for _, t := range chart.Times(end, limit) {
			ticks = append(ticks, chart.Tick{At: t.Seconds(), Label: tickTime(t)})
		}
		return ticks
	})
}

func (p *page) panels() []chart.Panel {
	var marks []chart.Mark
	for _, pause := range p.Pauses {
		marks = append(marks, chart.Mark{X: pause.at.Seconds()})
	}
	steps := p.Steps
	pace, most := overTime("pace", steps, func(t step) float64 { return float64(t.users) / (t.to - t.from).Seconds() })
	all := []chart.Panel{{Name: "users a second", Height: 170, Y: counts(most*1.05, 4), Areas: pace, Marks: marks}}
	if p.Repeated > 0 {
		again, most := overTime("again", steps, func(t step) float64 { return float64(t.again) })
		all = append(all, chart.Panel{Name: "repeated calls (throttled or failed in passing)", Height: 56,
			Y: counts(most*1.05, 2), Bars: again, Marks: marks})
	}
	return all
}

// overTime gives what there was of something in each step, and the most, at least 1.
func overTime(class string, steps []step, of func(step) float64) (all []chart.Steps, most float64) {
	shape := chart.Steps{Class: class}
	most = 1
	for _, t := range steps {
		shape.Steps = append(shape.Steps, chart.Step{From: t.from.Seconds(), To: t.to.Seconds(), Y: of(t)})
		most = max(most, of(t))
	}
	return []chart.Steps{shape}, most
}

// DrawLatencies shows how many chunks took how long, on a logarithmic scale of milliseconds.
func (p *page) DrawLatencies() (template.HTML, error) {
	if len(p.timings) < fewestRows {
		return "", nil
	}
	bars, most := latencyBars(p.timings)
	first, last := bars[0].From, bars[len(bars)-1].To
	lack := max(0, 1-(last-first))            // a decade at least, or one bar fills the picture
	edge := max(lack/2, (last-first+lack)*.1) // room for what is written beside the marks
	l := p.LatencyMS
	c := chart.Chart{Title: "How long chunks took",
		Desc: fmt.Sprintf("Half of them up to %g ms, 99%% up to %g ms", l.P50, l.P99),
		X:    chart.Axis{Min: first - edge, Max: last + edge},
		Panels: []chart.Panel{{Name: "chunks by time taken", Height: 180, Y: counts(most*1.2, 4),
			Bars: []chart.Steps{{Class: "pace", Steps: bars}},
			// The median's name stands to the left and the other to the right, so that they never lie on each other.
			Marks: []chart.Mark{{X: logMS(l.P50), Label: "50%", Left: true}, {X: logMS(l.P99), Label: "99%"}}}}}
	return drawBoth(c, func(limit int) []chart.Tick { return latencyTicks(c.X, limit) })
}

func logMS(ms float64) float64 { return math.Log10(max(ms, 1)) }

// latencyBars counts durations, each bar up to 21% longer ones than the bar before, and leaves a gap between bars.
func latencyBars(timings []timing) (bars []chart.Step, most float64) {
	width := math.Log10(1.21)
	n := map[int]int{}
	for _, c := range timings {
		n[int(logMS(float64(c.took)/float64(time.Millisecond))/width)]++
	}
	for _, i := range slices.Sorted(maps.Keys(n)) {
		from := float64(i) * width
		bars = append(bars, chart.Step{From: from + width*.06, To: from + width*.94, Y: float64(n[i])})
		most = max(most, float64(n[i]))
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
