package chunker

import (
	"bufio"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// naive reads CSV character by character, as the standard says and without a thought for speed. ok: every quote stands
// where the standard wants it.
func naive(text string, comma rune) (rows [][]string, ok bool) {
	const start, bare, quoted, closed = 0, 1, 2, 3
	var row []string
	var cell strings.Builder
	state, blank := start, true
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	for _, r := range text {
		switch {
		case state == quoted && r == '"':
			state = closed
		case state == quoted, state == closed && r == '"':
			state = quoted
			cell.WriteRune(r)
		case r == comma, r == '\n':
			blank = blank && r == '\n'
			row = append(row, cell.String())
			cell.Reset()
			state = start
			if r == '\n' {
				if !blank {
					rows = append(rows, row)
				}
				row, blank = nil, true
			}
		case state == closed, r == '"' && state == bare:
			return nil, false
		case r == '"':
			state, blank = quoted, false
		default:
			state, blank = bare, blank && (r == ' ' || r == '\r')
			cell.WriteRune(r)
		}
	}
	return rows, state == start
}

// FuzzDifferential: what another reader makes of a text of the standard is what this one does.
func FuzzDifferential(f *testing.F) { f.Fuzz(rapid.MakeFuzz(differ)) }

func TestDifferential(t *testing.T) {
	for range 30 { // so many texts are of the standard and over several lines
		rapid.Check(t, differ)
	}
}

// differ compares the two readers over a random text in a random dialect. Where the text is not of the standard, each
// line has to be in one record all the same, or the text is refused.
func differ(t *rapid.T) {
	comma := rapid.SampledFrom([]rune(delimiters)).Draw(t, "delimiter")
	piece := rapid.SampledFrom([]string{"a", "B", "7", " ", `"`, `""`, `"a"`, "=", `="1"`, ",", ";", "\t", "|",
		string(comma), string(comma), "\n", "\n", "\r\n", "张", "\"a\nb\"", `"x""y"`, "\"c\r\n,;\t|\"", ` "b"`})
	text := strings.Join(rapid.SliceOfN(piece, 0, 40).Draw(t, "text"), "")
	want, standard := naive(text, comma)

	r := &reader{text: bufio.NewReader(strings.NewReader(text)), encoding: "utf-8", eol: '\n', comma: byte(comma)}
	var rows [][]string
	var raws []string
	err := r.next()
	for ; err == nil; err = r.next() {
		var row []string
		for _, cell := range r.cells {
			row = append(row, string(cell))
		}
		rows, raws = append(rows, row), append(raws, string(r.raw))
		if standard && r.odd {
			t.Fatalf("%q is called odd", r.raw)
		}
	}
	switch {
	case standard && (err != io.EOF || !slices.EqualFunc(rows, want, slices.Equal)):
		t.Fatalf("%q is %q (%v), want %q", text, rows, err, want)
	case err == io.EOF && !slices.Equal(lineList(strings.Join(raws, "\n")), lineList(text)):
		t.Fatalf("%q has the records %q: a line is in none", text, raws)
	}
}

// lineList gives a text's lines that are not blank.
func lineList(text string) (lines []string) {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimRight(line, "\r"); strings.Trim(line, " \r") != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
