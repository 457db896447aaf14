package report

import (
	"fmt"
	"html/template"
	"strconv"
	"time"

	"bulkdelete/internal/chart"
	"bulkdelete/internal/text"
)

// What is worth a picture: less would be a block in the middle of it, and the page's sentences say as much.
const (
	fewestRows  = 5 // of the audit
	fewestSteps = 4
)

// drawPace shows users a second over working time and, beneath it, the attempts in vain, if any. A run that is over at
// once has no drawing. It is drawn twice, for a screen or paper and for a phone: text that is scaled with the picture
// cannot be read on one of them.
func (p *page) drawPace() (both template.HTML, err error) {
	if len(p.rows) < fewestRows || len(p.steps) < fewestSteps {
		return "", nil
	}
	end := p.steps[len(p.steps)-1].to
	for _, size := range []struct {
		class string
		width float64
		ticks int
	}{{"wide", 800, 9}, {"narrow", 350, 4}} {
		c := chart.Chart{Title: "Users a second over time", Class: size.class, Width: size.width, Panels: p.panels(),
			Desc: fmt.Sprintf("%s of work; %s in vain", span(end), text.Things(p.vain, "attempt")),
			X:    chart.Axis{Max: end.Seconds()}}
		for _, t := range chart.Times(end, size.ticks) {
			c.X.Ticks = append(c.X.Ticks, chart.Tick{At: t.Seconds(), Label: tickTime(t)})
		}
		svg, err := c.SVG()
		if err != nil {
			return "", err
		}
		both += svg
	}
	return both, nil
}

func (p *page) panels() []chart.Panel {
	pauses := p.marks()
	perSecond := func(s stretch) float64 { return float64(s.users) / (s.to - s.from).Seconds() }
	pace, most := heights("pace", p.steps, perSecond)
	all := []chart.Panel{{Name: "users a second", Height: 170, Y: counts(most*1.05, 4), Areas: pace, Marks: pauses}}
	if p.vain > 0 {
		vain, most := heights("vain", p.steps, func(s stretch) float64 { return float64(s.vain) })
		all = append(all, chart.Panel{Name: "attempts in vain, where their chunk was done", Height: 56,
			Y: counts(most*1.05, 2), Bars: vain, Marks: pauses})
	}
	return all
}

// marks stand where nobody worked, and, with their numbers, where the pace was changed. Of changes that lie too close
// for two labels one has the numbers of both.
func (p *page) marks() (all []chart.Tick) {
	for _, gap := range p.pauses {
		all = append(all, chart.Tick{At: p.working(gap.From).Seconds()})
	}
	near := len(all)
	for i, c := range p.Paces {
		x, label := p.working(c.At).Seconds(), strconv.Itoa(i+1)
		if n := len(all); n > near && x-all[n-1].At < p.Working.Seconds()/30 {
			all[n-1].Label += ", " + label
			continue
		}
		all = append(all, chart.Tick{At: x, Label: label})
	}
	return all
}

// heights gives what there was of something in each step, and the most, at least 1.
func heights(class string, steps []stretch, of func(stretch) float64) (all []chart.Steps, most float64) {
	shape := chart.Steps{Class: class}
	most = 1
	for _, t := range steps {
		shape.Steps = append(shape.Steps, chart.Step{From: t.from.Seconds(), To: t.to.Seconds(), Y: of(t)})
		most = max(most, of(t))
	}
	return []chart.Steps{shape}, most
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
