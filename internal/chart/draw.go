package chart

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// drawing is a chart in the picture's units, as the template writes it down.
type drawing struct {
	*Chart
	Height float64
	Panels []panel
}

type panel struct {
	Name   label
	Keys   []key
	Grid   string
	Labels []label

	Areas, Bars, Lines []shape
}

type label struct {
	X, Y         float64
	Anchor, Text string
}

type shape struct {
	Class, Path, Edge string
	Dashed            bool
}

// key explains a shape.
type key struct {
	shape
	Width float64
	Name  label
}

const (
	letter  = 6.7 // about as wide as a letter is on average; what the reader's font is nobody knows
	rim     = 8   // right of the plots
	heading = 24  // above a plot
	keyRow  = 20
	footing = 22 // beneath a plot, for the axis
	between = 10 // panels
	tick    = 4
	middle  = 4 // from the middle of a line of text down to where its letters stand
)

func long(text string) float64 { return letter * float64(utf8.RuneCountInString(text)) }

func (c *Chart) drawing() *drawing {
	left := 0.0
	for _, p := range c.Panels {
		for _, t := range p.Y.Ticks {
			left = max(left, math.Ceil(long(t.Label))+tick+8)
		}
	}
	d := &drawing{Chart: c}
	x := scale{c.X.Min, c.X.Max, left, c.Width - rim}
	for i, p := range c.Panels {
		if i > 0 {
			d.Height += between
		}
		top := d.Height + heading
		d.Panels = append(d.Panels, panel{Name: label{left, d.Height + 14, "start", p.Name}})
		q := &d.Panels[i]
		if q.Keys = keys(&p, left, top+4); q.Keys != nil {
			top += keyRow
		}
		d.Height = top + p.Height + footing
		q.plot(&p, x, scale{p.Y.Min, p.Y.Max, top + p.Height, top})
		q.axis(c.X.Ticks, x, top+p.Height, c.Width)
	}
	return d
}

// plot draws what lies within the axes.
func (q *panel) plot(p *Panel, x, y scale) {
	for _, t := range p.Y.Ticks {
		q.Grid += fmt.Sprintf("M%v %vH%v", x.from, y.at(t.At), x.to)
		q.Labels = append(q.Labels, label{x.from - tick - 4, y.at(t.At) + middle, "end", t.Label})
	}
	for _, a := range p.Areas {
		q.Areas = append(q.Areas, area(a, x, y))
	}
	for _, b := range p.Bars {
		q.Bars = append(q.Bars, bars(b, x, y))
	}
	for _, l := range p.Lines {
		q.Lines = append(q.Lines, line(l, x, y))
	}
	for _, m := range p.Marks {
		at := x.at(m.At)
		q.Lines = append(q.Lines, shape{Class: "muted", Dashed: true, Path: fmt.Sprintf("M%v %vV%v", at, y.from, y.to)})
		if m.Label != "" {
			q.Labels = append(q.Labels, label{at + 4, y.to + 12, "start", m.Label})
		}
	}
}

// axis writes beneath a plot. A label that would leave the picture is moved to its edge.
func (q *panel) axis(ticks []Tick, x scale, bottom, width float64) {
	q.Grid += fmt.Sprintf("M%v %vH%v", x.from, bottom, x.to)
	for _, t := range ticks {
		at := x.at(t.At)
		q.Grid += fmt.Sprintf("M%v %vv%v", at, bottom, tick)
		l := label{at, bottom + tick + 13, "middle", t.Label}
		if at+long(t.Label)/2 > width {
			l.X, l.Anchor = width, "end"
		}
		q.Labels = append(q.Labels, l)
	}
}

// area fills each stretch without a gap in one piece: between two pieces side by side a seam would be seen.
func area(a Steps, x, y scale) shape {
	var inner, edge strings.Builder
	for i, s := range a.Steps {
		from, to, height := x.at(s.From), x.at(s.To), y.at(s.Y)
		if i == 0 || s.From != a.Steps[i-1].To {
			fmt.Fprintf(&edge, "M%v %v", from, height)
			fmt.Fprintf(&inner, "M%v %v", from, y.from)
		}
		fmt.Fprintf(&edge, "V%vH%v", height, to)
		fmt.Fprintf(&inner, "V%vH%v", height, to)
		if i == len(a.Steps)-1 || s.To != a.Steps[i+1].From {
			fmt.Fprintf(&inner, "V%vZ", y.from)
		}
	}
	return shape{Class: a.Class, Path: inner.String(), Edge: edge.String()}
}

// bars draws what is more than nothing so that it can be seen.
func bars(b Steps, x, y scale) shape {
	var path strings.Builder
	for _, s := range b.Steps {
		if s.Y <= 0 {
			continue
		}
		from := x.at(s.From)
		fmt.Fprintf(&path, "M%v %vV%vH%vV%vZ", from, y.from, min(y.at(s.Y), y.from-1), max(x.at(s.To), from+1), y.from)
	}
	return shape{Class: b.Class, Path: path.String()}
}

func line(l Steps, x, y scale) shape {
	s := shape{Class: l.Class, Dashed: l.Dashed}
	for i, p := range l.Steps {
		s.Path += fmt.Sprintf("%c%v %v", "ML"[min(i, 1)], x.at(p.From), y.at(p.Y))
	}
	return s
}

// keys explain what has a name, in a row.
func keys(p *Panel, x, y float64) (all []key) {
	for i, shapes := range [][]Steps{p.Areas, p.Bars, p.Lines} {
		for _, s := range shapes {
			if s.Name == "" {
				continue
			}
			sample := shape{Class: s.Class, Path: fmt.Sprintf("M%v %vh16", x, y), Dashed: s.Dashed}
			all = append(all, key{sample, []float64{2, 8, 1}[i], label{x + 21, y + middle, "start", s.Name}})
			x = math.Ceil(x + 21 + long(s.Name) + 16)
		}
	}
	return all
}
