package main

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Colours that are told apart by people who see red and green alike, on the white that the picture brings along.
var (
	blue   = color.RGBA{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}
	pale   = color.RGBA{R: 0xd6, G: 0xe8, B: 0xf3, A: 0xff}
	orange = color.RGBA{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff}
	dark   = color.RGBA{R: 0x44, G: 0x44, B: 0x44, A: 0xff}
	light  = color.RGBA{R: 0xdd, G: 0xdd, B: 0xdd, A: 0xff}
)

// draw writes the picture: calls accepted and refused a second, the server's limit, and what the run allowed itself.
func (t *trial) draw(samples []sample) error {
	p := t.frame(samples[len(samples)-1].at)
	accepted, refused := perSecond(samples)
	area, err := plotter.NewLine(accepted)
	if err != nil {
		return err
	}
	area.StepStyle, area.FillColor, area.Color, area.Width = plotter.PostStep, pale, blue, 1.5
	bars := &plotter.Histogram{Bins: refused, FillColor: orange, Width: 1}
	own, err := plotter.NewLine(paces(samples))
	if err != nil {
		return err
	}
	own.Color, own.Width = dark, 1
	limit := &plotter.Line{XYs: plotter.XYs{{X: 0, Y: t.limit}, {X: p.X.Max, Y: t.limit}},
		LineStyle: draw.LineStyle{Color: dark, Width: 1, Dashes: []vg.Length{4, 3}}}
	p.Add(area, bars, limit, own)
	p.Legend.Add("calls accepted", area)
	p.Legend.Add("calls refused with 429", bars)
	p.Legend.Add(fmt.Sprintf("the server's limit, %g", t.limit), limit)
	p.Legend.Add("the run's own pace", own)
	return write(p, t.svg)
}

// frame is an empty plot.
func (t *trial) frame(end time.Duration) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.White
	p.Title.Text = fmt.Sprintf("run --rate %g against a server that allows %g calls a second", t.rate, t.limit)
	p.Title.Padding = 8
	p.X.Label.Text, p.Y.Label.Text = "seconds", "calls a second"
	p.X.Min, p.X.Max = 0, end.Seconds()
	p.Y.Min, p.Y.Max = 0, t.rate*1.05
	p.X.Padding, p.Y.Padding = 0, 0
	p.X.Tick.Marker, p.Y.Tick.Marker = every(10), every(25)
	for _, f := range []*text.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		f.Font.Variant = "Sans"
	}
	p.Legend.Top = true
	p.Legend.Padding = 2
	g := plotter.NewGrid()
	g.Vertical.Color = nil
	g.Horizontal.Color = light
	p.Add(g)
	return p
}

// every puts a number at each multiple of step.
func every(step float64) plot.Ticker {
	return plot.TickerFunc(func(least, most float64) (ticks []plot.Tick) {
		for n := least; n <= most; n += step {
			ticks = append(ticks, plot.Tick{Value: n, Label: fmt.Sprint(n)})
		}
		return ticks
	})
}

// perSecond turns what was counted so far into what came a second, for each whole second: an average over the samples
// that lie in it.
func perSecond(samples []sample) (accepted plotter.XYs, refused []plotter.HistogramBin) {
	from := sample{} // the first call is at 0, and nothing was counted before
	for _, s := range samples {
		d := (s.at - from.at).Seconds()
		if d < 0.95 {
			continue
		}
		accepted = append(accepted, plotter.XY{X: from.at.Seconds(), Y: (s.accepted - from.accepted) / d})
		if s.refused > from.refused {
			refused = append(refused, plotter.HistogramBin{Min: from.at.Seconds(), Max: s.at.Seconds(), Weight: (s.refused - from.refused) / d})
		}
		from = s
	}
	return accepted, refused
}

func paces(samples []sample) (xys plotter.XYs) {
	for _, s := range samples {
		xys = append(xys, plotter.XY{X: s.at.Seconds(), Y: s.limit})
	}
	return xys
}

// write makes the SVG, with fonts that every reader has.
func write(p *plot.Plot, path string) error {
	c := vgsvg.New(800, 300)
	whole := draw.New(c)
	whole.SetColor(color.White)
	whole.Fill(whole.Rectangle.Path())
	p.Draw(draw.Crop(whole, 4, -12, 4, -6))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return err
	}
	svg := bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif"))
	return os.WriteFile(path, svg, 0o644)
}
