package main

import (
	"fmt"
	"html/template"
	"os"

	"bulkdelete/internal/chart"
)

// Colours that are told apart by people who see red and green alike. The picture brings its paper along, because nobody
// knows what it will lie on, and fonts that every reader has.
const style template.CSS = `
svg { color: #333; font-family: "Liberation Sans", Arial, Helvetica, sans-serif; }
.paper { fill: #fff; } .grid { color: #ddd; }
.accepted { color: #0072b2; } .area { fill: #d6e8f3; fill-opacity: 1; } .refused { color: #d55e00; }
@media (prefers-color-scheme: dark) {
  svg { color: #ddd; }
  .paper { fill: #1b2024; } .grid { color: #3d464e; }
  .accepted { color: #6fb1de; } .area { fill: #22394a; } .refused { color: #f0904a; }
}
`

// draw writes the picture: calls accepted and refused a second, the server's limit, and what the run allowed itself.
func (t *trial) draw(samples []sample) error {
	svg, err := t.chart(samples).SVG()
	if err != nil {
		return err
	}
	return os.WriteFile(t.svg, []byte(svg), 0o644)
}

func (t *trial) chart(samples []sample) *chart.Chart {
	end := samples[len(samples)-1].at.Seconds()
	accepted, refused := perSecond(samples)
	from, to := t.busy()
	var limit []chart.Step
	for _, turn := range []struct{ at, left float64 }{
		{0, t.limit}, {from.Seconds(), t.limit}, {from.Seconds(), t.limit - t.others}, {to.Seconds(), t.limit - t.others},
		{to.Seconds(), t.limit}, {end, t.limit},
	} {
		limit = append(limit, chart.Step{From: turn.at, Y: turn.left})
	}
	return &chart.Chart{
		Title: "How the pace finds the server's limit",
		Desc:  fmt.Sprintf("Calls a second over %.0f seconds: accepted, refused, the limit and the run's own pace", end),
		Width: 800, Style: style, X: axis(end, 12, " s"),
		Panels: []chart.Panel{{
			Name:   fmt.Sprintf("calls a second: run --rate %g; the server allows %g, faults %s", t.rate, t.limit, t.faults),
			Height: 220, Y: axis(t.rate*1.05, 4, ""),
			Areas: []chart.Steps{{Class: "accepted", Name: "calls accepted", Steps: accepted}},
			Bars:  []chart.Steps{{Class: "refused", Name: "calls refused with 429", Steps: refused}},
			Lines: []chart.Steps{
				{Name: "what the server allows: others use it too", Dashed: true, Steps: limit},
				{Name: "the run's own pace", Steps: paces(samples)},
			},
		}},
	}
}

// axis is one from nought to last.
func axis(last float64, limit int, unit string) chart.Axis {
	a := chart.Axis{Max: last}
	for _, n := range chart.Counts(last, limit) {
		a.Ticks = append(a.Ticks, chart.Tick{At: n, Label: fmt.Sprint(n, unit)})
	}
	return a
}

// perSecond turns what was counted so far into what came a second, for each whole second: an average over the samples
// that lie in it.
func perSecond(samples []sample) (accepted, refused []chart.Step) {
	from := sample{} // the first call is at 0, and nothing was counted before
	for _, s := range samples {
		d := (s.at - from.at).Seconds()
		if d < 0.95 {
			continue
		}
		step := chart.Step{From: from.at.Seconds(), To: s.at.Seconds(), Y: (s.accepted - from.accepted) / d}
		accepted = append(accepted, step)
		step.Y = (s.refused - from.refused) / d
		refused = append(refused, step)
		from = s
	}
	return accepted, refused
}

func paces(samples []sample) (points []chart.Step) {
	for _, s := range samples {
		points = append(points, chart.Step{From: s.at.Seconds(), Y: s.limit})
	}
	return points
}
