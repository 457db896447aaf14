// Package chart draws charts as SVG: some panels above each other over one horizontal axis. A chart has no colours. Its
// parts take the page's text colour, and the page's style gives each class its own, for the light, the dark and paper.
package chart

import (
	_ "embed"
	"html/template"
	"strings"
)

// Chart is a picture. Text in it is escaped.
type Chart struct {
	Title, Desc string // what it shows, for those who cannot see it
	Class       string
	Width       float64 // of the picture's own units: its text is 12 of them high
	X           Axis
	Panels      []Panel
	Style       template.CSS // of a picture that stands in a file of its own
}

// Axis is a stretch of values and those that are written beside it.
type Axis struct {
	Min, Max float64
	Ticks    []Tick
}

// Tick is a place on an axis.
type Tick struct {
	At    float64
	Label string
}

// Panel is one plot. What is named in it is explained above it.
type Panel struct {
	Name   string
	Height float64 // of the plot alone
	Y      Axis
	Areas  []Steps
	Bars   []Steps
	Lines  []Steps // from the beginning of a step to that of the next
	Marks  []Tick  // on the horizontal axis: dashed lines across, each with its label to the right
}

// Steps are heights over stretches of the horizontal axis.
type Steps struct {
	Class, Name string
	Dashed      bool // if it is a line
	Steps       []Step
}

// Step is one of Steps.
type Step struct{ From, To, Y float64 }

//go:embed chart.svg
var source string

// SVG draws the chart, as one element.
func (c *Chart) SVG() (template.HTML, error) {
	t, err := template.New("chart").Parse(source)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, c.drawing())
	return template.HTML(b.String()), err // the template has escaped what is not ours
}
