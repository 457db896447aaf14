package report

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// shade is a colour that stands in for another: a drawing is made in shades, and the page's style says what becomes of
// them in the light, in the dark and on paper.
type shade uint8

const (
	ink    shade = 0x11
	muted  shade = 0x22
	grid   shade = 0x33
	bars   shade = 0x44
	area   shade = 0x55
	repeat shade = 0x66
)

// RGBA makes a shade a color.Color.
func (s shade) RGBA() (r, g, b, a uint32) { return color.Gray{Y: uint8(s)}.RGBA() }

func recolour() *strings.Replacer {
	return strings.NewReplacer(
		"#111111", "var(--ink)", "#222222", "var(--muted)", "#333333", "var(--line)",
		"#444444", "var(--bar)", "#555555", "var(--area)", "#666666", "var(--repeat)",
		"font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal;", "", // the page's own
	)
}

// size is how large a drawing is. Each is made twice, for a screen or paper and for a phone: text that is scaled with
// the picture cannot be read on one of them.
type size struct {
	class string
	width vg.Length
	ticks int // on the horizontal axis, at the most
}

func sizes() []size { return []size{{"wide", 800, 9}, {"narrow", 350, 4}} }

// drawBoth makes a drawing in both sizes. what says what it shows to those who cannot see it.
func drawBoth(what string, height vg.Length, paint func(draw.Canvas, size) error) (template.HTML, error) {
	var b strings.Builder
	for _, z := range sizes() {
		c := vgsvg.New(z.width, height)
		if err := paint(draw.New(c), z); err != nil {
			return "", err
		}
		var svg bytes.Buffer
		if _, err := c.WriteTo(&svg); err != nil {
			return "", err
		}
		_, body, ok := strings.Cut(svg.String(), "xlink\">\n")
		if !ok {
			return "", errors.New("the drawing has no beginning")
		}
		fmt.Fprintf(&b, `<svg class="%s" viewBox="0 0 %g %g" role="img" aria-label="%s">%s`, z.class, float64(z.width), float64(height),
			template.HTMLEscapeString(what), recolour().Replace(body))
	}
	return template.HTML(b.String()), nil // numbers and our own words only
}

// newPlot is an empty plot in the page's manner: no box, no vertical lines, text that can be read.
func newPlot(title string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.Title.Text = title
	p.Title.Padding = 6
	p.Title.TextStyle = style(ink, draw.XCenter, draw.YTop)
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Padding = 0
		a.Color, a.Width = grid, 1
		a.Tick.Label.Font, a.Tick.Label.Color = style(muted, 0, 0).Font, muted
		a.Tick.LineStyle.Color, a.Tick.LineStyle.Width, a.Tick.Length = grid, 1, 4
	}
	p.Y.Width, p.Y.Tick.Width, p.Y.Padding = 0, 0, 5 // the lines across the plot are enough
	p.Y.Tick.Marker = plot.TickerFunc(func(_, most float64) []plot.Tick { return countTicks(most, 4) })
	g := plotter.NewGrid()
	g.Vertical.Color = nil
	g.Horizontal.Color, g.Horizontal.Width = grid, 1
	p.Add(g)
	return p
}

func style(c color.Color, x text.XAlignment, y text.YAlignment) text.Style {
	return text.Style{Color: c, Font: font.Font{Typeface: "Liberation", Variant: "Sans", Size: 12}, XAlign: x, YAlign: y,
		Handler: plot.DefaultTextHandler}
}

// drawPace shows users a second over working time and, beneath it, the calls that had to be repeated, if any.
func drawPace(s *series) (template.HTML, error) {
	steps, again := s.steps(), s.repeated()
	end := steps[len(steps)-1].to
	what := fmt.Sprintf("Users a second over %s of work; %s repeated", span(end), things(again, "call"))
	height, beneath := vg.Length(220), vg.Length(0)
	if again > 0 {
		height, beneath = 330, 112
	}
	return drawBoth(what, height, func(c draw.Canvas, z size) error {
		upper, lower, err := pacePlots(s, steps)
		if err != nil {
			return err
		}
		for _, p := range []*plot.Plot{upper, lower} {
			p.X.Min, p.X.Max = 0, end.Seconds()
			p.X.Tick.Marker = plot.TickerFunc(func(_, most float64) []plot.Tick { return timeTicks(most, z.ticks) })
		}
		top := draw.Crop(c, 0, -8, beneath, -2)
		if again == 0 {
			upper.Draw(top)
			return nil
		}
		drawAligned(upper, top, lower, draw.Crop(c, 0, -8, 0, beneath-height-14))
		return nil
	})
}

func pacePlots(s *series, steps []step) (upper, lower *plot.Plot, err error) {
	var pace plotter.XYs
	again := &plotter.Histogram{FillColor: repeat}
	most, mostAgain := 0.0, 0.0
	for _, t := range steps {
		rate := float64(t.users) / (t.to - t.from).Seconds()
		pace = append(pace, plotter.XY{X: t.from.Seconds(), Y: rate})
		most = max(most, rate)
		if t.again > 0 {
			again.Bins = append(again.Bins, plotter.HistogramBin{Min: t.from.Seconds(), Max: t.to.Seconds(), Weight: float64(t.again)})
			mostAgain = max(mostAgain, float64(t.again))
		}
	}
	pace = append(pace, plotter.XY{X: steps[len(steps)-1].to.Seconds(), Y: pace[len(pace)-1].Y})
	line, err := plotter.NewLine(pace)
	if err != nil {
		return nil, nil, err
	}
	line.StepStyle, line.FillColor, line.Color, line.Width = plotter.PostStep, area, bars, 1.5
	upper, lower = newPlot("users a second"), newPlot("repeated calls (throttled or failed in passing)")
	upper.Add(line)
	lower.Add(again)
	upper.Y.Min, upper.Y.Max = 0, max(most, 1)*1.05
	lower.Y.Min, lower.Y.Max = 0, max(mostAgain, 1)*1.05
	lower.Y.Tick.Marker = plot.TickerFunc(func(_, most float64) []plot.Tick { return countTicks(most, 2) })
	for _, b := range s.pauses {
		at := b.at.Seconds()
		upper.Add(mark(at, upper.Y.Max))
		lower.Add(mark(at, lower.Y.Max))
	}
	return upper, lower, nil
}

// mark is a dashed line from the bottom to the top.
func mark(x, top float64) *plotter.Line {
	return &plotter.Line{XYs: plotter.XYs{{X: x, Y: 0}, {X: x, Y: top}},
		LineStyle: draw.LineStyle{Color: muted, Width: 1, Dashes: []vg.Length{3, 3}}}
}

// drawAligned draws two plots so that their horizontal axes lie above each other.
func drawAligned(a *plot.Plot, ca draw.Canvas, b *plot.Plot, cb draw.Canvas) {
	da, db := a.DataCanvas(ca), b.DataCanvas(cb)
	left, right := max(da.Min.X, db.Min.X), min(da.Max.X, db.Max.X)
	a.Draw(draw.Crop(ca, left-da.Min.X, right-da.Max.X, 0, 0))
	b.Draw(draw.Crop(cb, left-db.Min.X, right-db.Max.X, 0, 0))
}

// drawLatency shows how many chunks took how long, on a logarithmic scale of milliseconds.
func drawLatency(t *stats) (template.HTML, error) {
	h, width := latencyBars(t)
	most := 0.0
	for _, b := range h.Bins {
		most = max(most, b.Weight)
	}
	l := t.latency()
	what := fmt.Sprintf("How long chunks took: half of them up to %g ms, 99%% up to %g ms", l.P50, l.P99)
	return drawBoth(what, 230, func(c draw.Canvas, z size) error {
		p := newPlot("chunks by time taken")
		p.Add(h)
		p.Y.Min, p.Y.Max = 0, most*1.2
		p.X.Min, p.X.Max = h.Bins[0].Min-width, h.Bins[len(h.Bins)-1].Max+width
		if lack := 1 - (p.X.Max - p.X.Min); lack > 0 { // a decade at least, or one bar fills the picture
			p.X.Min, p.X.Max = p.X.Min-lack/2, p.X.Max+lack/2
		}
		p.X.Tick.Marker = plot.TickerFunc(func(least, most float64) []plot.Tick { return latencyTicks(least, most, z.ticks) })
		markPercentile(p, l.P50, "50%", draw.XRight)
		markPercentile(p, l.P99, "99%", draw.XLeft)
		p.Draw(draw.Crop(c, 0, -8, 0, -2))
		return nil
	})
}

// latencyBars joins neighbouring buckets, which are finer than an eye needs. width is that of a bar and its gap.
func latencyBars(t *stats) (h *plotter.Histogram, width float64) {
	const joined = 2
	width = joined * math.Log10(latencyStep)
	h = &plotter.Histogram{FillColor: bars}
	for i := 0; i < latencyBuckets; i += joined {
		n := 0
		for _, m := range t.buckets[i : i+joined] {
			n += m
		}
		if n > 0 {
			from := float64(i/joined) * width
			h.Bins = append(h.Bins, plotter.HistogramBin{Min: from + width*0.06, Max: from + width*0.94, Weight: float64(n)})
		}
	}
	return h, width
}

// markPercentile writes the median's name to the left of its line and the 99th percentile's to the right, so that they
// never lie on each other.
func markPercentile(p *plot.Plot, ms float64, name string, side text.XAlignment) {
	x := math.Log10(max(ms, 1))
	offset := vg.Point{X: 4}
	if side == draw.XRight {
		offset.X = -4
	}
	p.Add(mark(x, p.Y.Max), &plotter.Labels{XYs: plotter.XYs{{X: x, Y: p.Y.Max}}, Labels: []string{name}, Offset: offset,
		TextStyle: []text.Style{style(muted, side, draw.YTop)}})
}

// countTicks are round numbers from nought to the axis' end.
func countTicks(most, limit float64) (ticks []plot.Tick) {
	step := 1.0
	for scale := 1.0; most/step > limit; scale *= 10 {
		for _, n := range []float64{1, 2, 5} {
			if step = n * scale; most/step <= limit {
				break
			}
		}
	}
	for n := 0.0; n <= most; n += step {
		ticks = append(ticks, plot.Tick{Value: n, Label: count(int(n))})
	}
	return ticks
}

// timeTicks are round times from nought to the axis' end, in seconds.
func timeTicks(most float64, limit int) (ticks []plot.Tick) {
	step := math.Inf(1)
	for _, s := range []float64{0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400} {
		if most/s <= float64(limit) {
			step = s
			break
		}
	}
	if math.IsInf(step, 1) {
		step = math.Ceil(most/86400/float64(limit)) * 86400
	}
	for t := 0.0; t <= most; t += step {
		ticks = append(ticks, plot.Tick{Value: t, Label: tickTime(t)})
	}
	return ticks
}

func tickTime(seconds float64) string {
	if seconds < 60 {
		return strconv.FormatFloat(seconds, 'f', -1, 64) + " s"
	}
	return span(time.Duration(seconds * float64(time.Second)))
}

// latencyTicks are times at round places of a logarithmic axis, of milliseconds.
func latencyTicks(least, most float64, limit int) (ticks []plot.Tick) {
	for decade := math.Floor(least); decade <= most; decade++ {
		for _, n := range []float64{1, 2, 5} {
			if n != 1 && (most-least)*3 > float64(limit) {
				continue
			}
			at := decade + math.Log10(n)
			if ms := n * math.Pow(10, decade); at >= least && at <= most && ms >= 1 {
				ticks = append(ticks, plot.Tick{Value: at, Label: span(time.Duration(ms * float64(time.Millisecond)))})
			}
		}
	}
	return ticks
}
