package chunker

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// headRows is among how many of the first rows the header is looked for.
const headRows = 20

// ownPrefix starts the columns that a run adds to its files. They are never data.
const ownPrefix = "bulkdelete_"

// head is an input's first rows, with their cells trimmed, and what find finds in them.
type head struct {
	rows  [][]string
	raws  [][]byte // as they stand
	lines []int    // where they start
	opts  Options
	idType

	column int  // of the IDs, from 0
	header int  // which of the rows is the header; -1: none
	data   int  // which of them is the first with data; those before are the header and what stands above it
	named  bool // the column was found by the header's name
	note   string
}

// garbled is how many cells are Chinese that some program read in the wrong encoding.
func (h *head) garbled() (n int) {
	for _, cells := range h.rows {
		n += len(pick(cells, isGarbled))
	}
	return n
}

const garbledNote = "the Chinese in it looks like UTF-8 that was read as GBK: get the file again, or save it as UTF-8"

// find says how the input is laid out. Where there are two ways to read it, it says so and chooses neither.
func (h *head) find() error {
	row := slices.IndexFunc(h.rows, func(cells []string) bool { return slices.ContainsFunc(cells, isAdded) })
	switch asked := h.opts.Column; {
	case row >= 0:
		return h.ownHeader(row)
	case asked != "":
		return h.askedColumn(asked)
	case h.opts.NoHeader:
		return h.unnamed()
	}
	return h.namedColumn()
}

// isAdded says whether a cell is the name of a column that a run adds. Others that begin like that may be people's.
func isAdded(name string) bool {
	return is(strings.ToLower(name), "bulkdelete_line bulkdelete_outcome bulkdelete_reason bulkdelete_request_id")
}

func isOwn(name string) bool { return strings.HasPrefix(strings.ToLower(name), ownPrefix) }

// ownHeader reads a file that a run made: the row with its columns is the header whatever the options say.
func (h *head) ownHeader(row int) error {
	cells := h.rows[row]
	others := pick(cells, func(name string) bool { return !isOwn(name) })
	if asked := h.opts.Column; asked != "" {
		n, err := strconv.Atoi(asked)
		found := pick(cells, func(name string) bool { return name == asked },
			func(name string) bool { return fold(name) == fold(asked) })
		switch {
		case len(found) == 0 && err == nil && n >= 1 && n <= len(cells):
			found = []int{n - 1}
		case len(found) != 1:
			return h.fail(row, "there is no one column %s: the columns are %s", quote(asked), listColumns(cells))
		}
		if isOwn(cells[found[0]]) {
			return h.fail(row, "column %s was added by an earlier run and never holds the IDs: the columns are %s",
				quote(asked), listColumns(cells))
		}
		h.under(row, found[0])
		return nil
	}
	if found := h.namedIn(h.rows[row]); len(found) > 0 {
		others = found
	}
	if column, ok := h.narrow(row, others); ok {
		h.under(row, column)
		return h.checkAbove()
	}
	return h.choose(row, "no column is named like %s", article(h.name))
}

// askedColumn finds --column: a very name, else a name in a loose spelling, else a number.
func (h *head) askedColumn(asked string) error {
	n, notNumber := strconv.Atoi(asked)
	rows := len(h.rows)
	if notNumber == nil { // below the first row a number is data
		rows = 1
	}
	for _, same := range []func(string) bool{
		func(name string) bool { return name == asked }, func(name string) bool { return fold(name) == fold(asked) },
	} {
		if h.opts.NoHeader {
			break
		}
		first, column := -1, -1
		for row, cells := range h.rows[:rows] {
			for _, c := range pick(cells, same) {
				switch {
				case first < 0:
					first, column = row, c
				case c != column:
					return h.fail(first, "two columns are named %s (here and in line %d): "+
						"give --column a number; the columns are %s", quote(asked), h.lines[row], listColumns(h.rows[first]))
				}
			}
		}
		if first >= 0 {
			h.under(first, column)
			return nil
		}
	}
	if widest := h.rows[h.widest()]; notNumber != nil && h.opts.NoHeader {
		return h.fail(0, "without a header a column has no name: give --column a number from 1 to %d", len(widest))
	} else if notNumber != nil || n < 1 || n > len(widest) {
		return h.fail(h.widest(), "there is no column %s: the columns are %s", quote(asked), listColumns(widest))
	}
	return h.numbered(n - 1)
}

// namedColumn looks for a row that names the ID's column.
func (h *head) namedColumn() error {
	row := slices.IndexFunc(h.rows, func(cells []string) bool { return len(h.namedIn(cells)) > 0 })
	if row < 0 {
		return h.unnamed()
	}
	for other := row + 1; other < len(h.rows) && filled(h.rows[row]) == 1; other++ { // a title such as Emails
		if filled(h.rows[other]) > 1 && len(h.namedIn(h.rows[other])) > 0 {
			row = other
		}
	}
	column, ok := h.narrow(row, h.namedIn(h.rows[row]))
	if !ok {
		return h.choose(row, "%d columns could hold the %s", len(h.namedIn(h.rows[row])), h.name)
	}
	for other := row + 1; other < len(h.rows); other++ {
		if h.rivals(row, other, column) {
			return h.choose(row, "lines %d and %d could both be the header, as the names %s and %s say",
				h.lines[row], h.lines[other], quote(h.rows[row][column]), quote(h.rows[other][h.namedIn(h.rows[other])[0]]))
		}
	}
	h.under(row, column)
	return h.checkAbove()
}

// filled is how many cells are not empty.
func filled(cells []string) int {
	return len(pick(cells, func(cell string) bool { return cell != "" }))
}

// namedIn gives the columns of a row that are named like the type.
func (h *head) namedIn(cells []string) []int {
	return pick(cells, func(name string) bool { return h.level(name) > 0 })
}

// narrow chooses among columns under a header: the one that holds IDs of the type, or, where none can be seen, the one
// whose name is the plainest. Two that hold IDs are two readings.
func (h *head) narrow(row int, columns []int) (column int, ok bool) {
	if len(columns) != 1 && h.fits != nil {
		holding := slices.DeleteFunc(slices.Clone(columns), func(c int) bool { return !h.holds(row+1, c) })
		if len(holding) == 0 {
			holding = slices.DeleteFunc(slices.Clone(columns), func(c int) bool { return h.level(h.rows[row][c]) < 2 })
		}
		columns = holding
	}
	if len(columns) != 1 {
		return 0, false
	}
	return columns[0], true
}

// holds says whether a column has an ID of the type in one of the rows from that one on.
func (h *head) holds(from, column int) bool {
	return slices.ContainsFunc(h.rows[from:], func(cells []string) bool {
		return column < len(cells) && h.mayBeID(cells[column])
	})
}

// rivals says whether a row below the header could be the header instead: it names another column, and has no ID where
// the header says that they are. The header repeated is none, nor its translation in the next row.
func (h *head) rivals(row, other, column int) bool {
	named, cells := h.namedIn(h.rows[other]), h.rows[other]
	switch header := h.rows[row]; {
	case len(named) == 0 || slices.Equal(cells, header):
		return false
	case slices.Contains(named, column):
		return other > row+1 || len(named) > 1 || len(cells) != len(header)
	}
	if h.fits == nil {
		return h.level(cells[named[0]]) >= h.level(h.rows[row][column])
	}
	return column >= len(cells) || !h.mayBeID(cells[column])
}

// under says that the rows below a header are data.
func (h *head) under(row, column int) {
	h.column, h.header, h.data, h.named = column, row, row+1, true
	if row > 0 {
		h.note = fmt.Sprintf("the header is line %d: the rows above it are not data", h.lines[row])
	}
}

// checkAbove refuses rows above the header that may be people: titles have no ID where the header says that IDs are.
func (h *head) checkAbove() error {
	header := h.rows[h.header]
	for row, cells := range h.rows[:h.header] {
		for c, cell := range cells {
			if h.fits != nil && (looksLike([]byte(cell)) == h.name || c == h.column && h.mayBeID(cell)) ||
				h.fits == nil && c == h.column && len(cells) == len(header) && cell != "" && !strings.ContainsAny(cell, " :：") {
				return h.fail(row, "%s may be %s, and stands above line %d, which looks like the header: "+
					"if this line names nobody, give --column %s; if it does, give --no-header --column %d",
					quote(cell), article(h.name), h.lines[h.header], quote(header[h.column]), c+1)
			}
		}
	}
	return nil
}

// unnamed finds the column where no row names it: the only one, or the only one that holds IDs.
func (h *head) unnamed() error {
	widest := h.widest()
	if len(h.rows[widest]) == 1 {
		return h.numbered(0)
	}
	var columns []int
	for c := range h.rows[widest] {
		if h.fits != nil && h.holds(0, c) {
			columns = append(columns, c)
		}
	}
	first := h.rows[0]
	if len(columns) == 1 && columns[0] < len(first) && (h.opts.NoHeader || h.isData(first[columns[0]])) {
		return h.numbered(columns[0])
	}
	what := fmt.Sprintf("no column is named like %s", article(h.name))
	switch {
	case len(columns) > 1:
		what = fmt.Sprintf("no column is named like %s, and %d could hold them", article(h.name), len(columns))
	case h.opts.NoHeader:
		what = fmt.Sprintf("without a header it is not clear which column holds the %s", h.name)
	}
	if h.garbled() > 0 {
		what += " (" + garbledNote + ")"
	}
	return h.choose(widest, "%s", what)
}

// numbered says what the first rows are when the column is known by its place alone.
func (h *head) numbered(column int) error {
	reaches := func(cells []string) bool { return column < len(cells) }
	first, width := slices.IndexFunc(h.rows, reaches), len(h.rows[h.widest()])
	// Titles are narrower than the table, or have nothing in the column.
	row := slices.IndexFunc(h.rows, func(cells []string) bool {
		return reaches(cells) && cells[column] != "" && (len(cells) == width || h.isData(cells[column]))
	})
	if row < 0 {
		row = first
	}
	cell := h.rows[row][column]
	switch named := slices.IndexFunc(h.rows, func(cells []string) bool {
		return reaches(cells) && h.level(cells[column]) > 0
	}); {
	case h.opts.NoHeader:
		h.column, h.data = column, first
		return nil
	case named >= 0 && (h.fits != nil || named == row):
		h.under(named, column)
	case h.isData(cell):
		width = len(h.rows[row]) // rows as wide as this one are data, though they lack an ID
		h.column, h.data = column, slices.IndexFunc(h.rows, func(cells []string) bool { return len(cells) == width })
		h.note = "the first row is data, not a header: its cell is itself a " + cmp.Or(looksLike([]byte(cell)), h.name)
		if h.data > 0 {
			h.note = fmt.Sprintf("line %d is the first row of data, and none above it is a header", h.lines[h.data])
		}
		return nil
	default:
		h.under(row, column)
		h.named = false
		h.note = fmt.Sprintf("line %d is taken for the header, with %s for the IDs: "+
			"if it is a user, give --no-header", h.lines[row], quote(cell))
	}
	return h.checkAbove()
}

// widest gives the first of the rows that have the most cells: titles have few.
func (h *head) widest() (row int) {
	for i, cells := range h.rows {
		if len(cells) > len(h.rows[row]) {
			row = i
		}
	}
	return row
}

func (h *head) fail(row int, format string, args ...any) error {
	return fail(h.lines[row], format, args...)
}

func (h *head) choose(row int, format string, args ...any) error {
	return h.fail(row, format+": choose one with --column; the columns are %s",
		append(args, listColumns(h.rows[row]))...)
}

// pick gives the columns whose cells pass the first of the tests that any cell passes.
func pick(cells []string, tests ...func(cell string) bool) (found []int) {
	for _, passes := range tests {
		for i, cell := range cells {
			if passes(cell) {
				found = append(found, i)
			}
		}
		if found != nil {
			break
		}
	}
	return found
}
