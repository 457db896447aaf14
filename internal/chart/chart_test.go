package chart

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const hostile = `</title></svg><script>alert("1")</script>' onload='x <!-- &`

// whole is a chart that has one of everything, its numbers beyond all bounds and its text not ours.
func whole() *Chart {
	odd := []float64{0, 5, 20, -3, math.NaN(), math.Inf(1), math.Inf(-1), 1e300}
	p := Panel{Name: hostile, Height: 100, Y: Axis{Max: 10, Ticks: []Tick{{0, "<i>"}, {10, "ten"}}}}
	steps, points := []Step{}, []Step{}
	for _, x := range odd {
		for _, y := range odd {
			steps, points = append(steps, Step{x, y, x}), append(points, Step{From: x, Y: y})
		}
		p.Marks = append(p.Marks, Tick{x, hostile})
	}
	p.Areas = []Steps{{"a", "<i>", false, steps}, {}}
	p.Bars = []Steps{{"b", "<i>", false, steps}, {}}
	p.Lines = []Steps{{"c", "<i>", true, points}, {}}
	return &Chart{Title: hostile, Desc: hostile, Class: hostile, Width: 300,
		X: Axis{Max: 10, Ticks: []Tick{{10, hostile}}}, Panels: []Panel{p, p}}
}

func svg(t *testing.T, c *Chart) string {
	t.Helper()
	text, err := c.SVG()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// elements counts what is in a picture, which has to be XML for that.
func elements(t *testing.T, text string) map[string]int {
	t.Helper()
	n, d := map[string]int{}, xml.NewDecoder(strings.NewReader(text))
	for {
		switch token, err := d.Token(); {
		case errors.Is(err, io.EOF):
			return n
		case err != nil:
			t.Fatalf("%v in %s", err, text)
		default:
			if e, ok := token.(xml.StartElement); ok {
				n[e.Name.Local]++
			}
		}
	}
}

func TestForeignTextStaysText(t *testing.T) {
	n := elements(t, svg(t, whole()))
	if n["svg"] != 1 || n["title"] != 1 || n["desc"] != 1 || n["script"] != 0 {
		t.Errorf("the picture holds %v", n)
	}
	harmless := whole()
	harmless.Title, harmless.Desc = "x", "x"
	if m := elements(t, svg(t, harmless)); fmt.Sprint(m) != fmt.Sprint(n) {
		t.Errorf("text made %v of %v", n, m)
	}
}

func TestNothingLeavesThePicture(t *testing.T) {
	text := svg(t, whole())
	for _, bad := range []string{"NaN", "Inf", "e+"} {
		if strings.Contains(text, bad) {
			t.Errorf("the picture holds %s", bad)
		}
	}
	// 24 for the name, 20 for the key, 100 for the plot, 22 for its axis, twice, and 10 in between.
	if !strings.Contains(text, `viewBox="0 0 300 342"`) {
		t.Errorf("its size is another: %.200s", text)
	}
	for _, path := range regexp.MustCompile(` d="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		for _, number := range regexp.MustCompile(`-?[0-9.]+`).FindAllString(path[1], -1) {
			if n, err := strconv.ParseFloat(number, 64); err != nil || n < 0 || n > 342 {
				t.Errorf("%s in %s", number, path[1])
			}
		}
	}
}

// plot is a panel whose plot is 100 by 100 units, its upper left corner at 26, 24.
func plot(p Panel) (panel, []label) {
	p.Height, p.Y.Max = 100, 10
	p.Y.Ticks = []Tick{{10, "10"}}
	c := &Chart{Width: 134, X: Axis{Max: 10}, Panels: []Panel{p}}
	d := c.drawing()
	return d.Panels[0], d.Panels[0].Labels
}

func TestShapes(t *testing.T) {
	got, _ := plot(Panel{
		Areas: []Steps{{Steps: []Step{{0, 2, 5}, {2, 4, 10}, {6, 8, 1}}}},
		Bars:  []Steps{{Steps: []Step{{0, 5, 5}, {5, 6, 0}, {6, 6, .001}}}},
		Lines: []Steps{{Steps: []Step{{From: 0, Y: 0}, {From: 5, Y: 10}, {From: 10, Y: 0}}}},
		Marks: []Tick{{At: 5}},
	})
	for _, c := range []struct{ what, got, want string }{
		{"the area, in two pieces", got.Areas[0].Path, "M26 124V74H46V24H66V124ZM86 124V114H106V124Z"},
		{"its edge", got.Areas[0].Edge, "M26 74V74H46V24H66M86 114V114H106"},
		{"bars, none for nothing and one to be seen for little", got.Bars[0].Path, "M26 124V74H76V124ZM86 124V123H87V124Z"},
		{"the line", got.Lines[0].Path, "M26 124L76 24L126 124"},
		{"the mark", got.Lines[1].Path, "M76 124V24"},
		{"the grid and the axis", got.Grid, "M26 24H126M26 124H126"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
}

func TestLabels(t *testing.T) {
	_, labels := plot(Panel{Marks: []Tick{{At: 5, Label: "right"}, {At: 1}}})
	want := "[{18 28 end 10} {80 36 start right}]"
	if got := fmt.Sprint(labels); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	var q panel
	q.axis([]Tick{{0, "0 s"}, {10, "10 s"}}, scale{0, 10, 0, 100}, 50, 108)
	if got := fmt.Sprint(q.Labels); got != "[{0 67 middle 0 s} {108 67 end 10 s}]" {
		t.Errorf("an axis is labelled %s", got)
	}
}

func TestKeysStandInARow(t *testing.T) {
	p := Panel{Areas: []Steps{{Class: "a", Name: "one"}, {Class: "unnamed"}}, Bars: []Steps{{Class: "b", Name: "two"}},
		Lines: []Steps{{Class: "c", Name: "three", Dashed: true}}}
	all := keys(&p, 10, 20)
	if len(all) != 3 {
		t.Fatalf("%d keys, want 3", len(all))
	}
	end := 0.0
	for i, name := range []string{"one", "two", "three"} {
		k := all[i]
		if k.Name.Text != name || k.Name.X < end || k.Dashed != (name == "three") {
			t.Errorf("key %d is %v and begins before %v", i, k, end)
		}
		end = k.Name.X + long(name)
	}
}

func TestAPictureInAFileBringsItsStyle(t *testing.T) {
	c := whole()
	if text := svg(t, c); strings.Contains(text, "xmlns") || strings.Contains(text, "<style") {
		t.Error("a picture in a page has a style of its own")
	}
	c.Style = `.a { font-family: "Arial"; }`
	text := svg(t, c)
	n := elements(t, text)
	if n["style"] != 1 || n["rect"] != 1 || !strings.Contains(text, `<svg xmlns="http://www.w3.org/2000/svg"`) ||
		!strings.Contains(text, string(c.Style)) {
		t.Errorf("the picture begins %.300s", text)
	}
}
