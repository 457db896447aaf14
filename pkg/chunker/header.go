package chunker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// ownPrefix starts the columns that a run adds to failed.csv. They are passed over, so that the file can be fed back.
const ownPrefix = "bulkdelete_"

// layout is what the first record says about all others.
type layout struct {
	column int  // of the IDs, from 0
	header bool // the first record is a header
	named  bool // the column was found by the header's name
	note   string
}

// findColumn finds the column of the IDs in the first record's cells, and whether that record is a header or data.
func findColumn(cells []string, o Options) (layout, error) {
	if o.Column != "" {
		return askedColumn(cells, o)
	}
	t := typeOf(o.IDType)
	if !o.NoHeader {
		found := pick(cells, func(name string) bool { return spelledAs(name, t.exact) },
			func(name string) bool { return spelledAs(name, t.loose) })
		switch {
		case len(found) == 1:
			return layout{column: found[0], header: true, named: true}, nil
		case len(found) > 1:
			return layout{}, fmt.Errorf("%d columns could hold the %s: "+
				"choose one with --column; the columns are %s", len(found), o.IDType, listColumns(cells))
		}
	}
	found := pick(cells, func(name string) bool { return !strings.HasPrefix(strings.ToLower(name), ownPrefix) })
	if len(found) != 1 && t.fits != nil {
		found = pick(cells, func(cell string) bool { return isData(cell, o.IDType) })
	}
	if len(found) == 1 {
		return numbered(cells, found[0], o), nil
	}
	what := "no column is named like a " + o.IDType
	if o.NoHeader {
		what = "without a header it is not clear which column holds the " + o.IDType
	}
	return layout{}, fmt.Errorf("%s: choose one with --column; the columns are %s", what, listColumns(cells))
}

// askedColumn finds --column: a very name, else a name in a loose spelling, else a number.
func askedColumn(cells []string, o Options) (layout, error) {
	if !o.NoHeader {
		found := pick(cells, func(name string) bool { return name == o.Column },
			func(name string) bool { return fold(name) == fold(o.Column) })
		switch {
		case len(found) == 1:
			return layout{column: found[0], header: true, named: true}, nil
		case len(found) > 1:
			return layout{}, fmt.Errorf("%d columns are named %s: give --column a number; the columns are %s",
				len(found), quote(o.Column), listColumns(cells))
		}
	}
	n, err := strconv.Atoi(o.Column)
	switch {
	case err != nil && o.NoHeader:
		return layout{}, fmt.Errorf("without a header a column has no name: "+
			"give --column a number from 1 to %d", len(cells))
	case err != nil || n < 1 || n > len(cells):
		return layout{}, fmt.Errorf("there is no column %s: the columns are %s", quote(o.Column), listColumns(cells))
	}
	return numbered(cells, n-1, o), nil
}

// numbered says what the first record is when the column is known by its place alone.
func numbered(cells []string, column int, o Options) layout {
	l, cell := layout{column: column}, cells[column]
	switch {
	case o.NoHeader:
	case isData(cell, o.IDType):
		l.note = "the first row is data, not a header: its cell is itself an ID"
		if t := looksLike([]byte(cell)); t != "" {
			l.note = "the first row is data, not a header: its cell is itself a " + t
		}
	default:
		l.header = true
		l.note = fmt.Sprintf("the first row is taken for the header, with %s for the IDs: "+
			"if it is a user, give --no-header", quote(cell))
	}
	return l
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

// isData says whether a first row's cell is an ID itself, or one that a spreadsheet damaged, so that no user is lost to
// a missing header.
func isData(cell, idType string) bool {
	if looksLike([]byte(cell)) != "" {
		return true
	}
	c := checker{idType: typeOf(idType)}
	code, _ := c.judge([]byte(cell))
	if c.distinct {
		return code == "" || code == codeSpreadsheet
	}
	return code == "" && c.fits != nil && !namesBothHalves(cell)
}

// namesBothHalves tells a header such as extIdpId:userIdInIdp from an identity.
func namesBothHalves(cell string) bool {
	left, right, _ := strings.Cut(cell, ":")
	const words = "extidpid idpid idp provider connection source userid useridinidp id openid unionid identity relation " +
		"身份源 用户id"
	return spelledAs(left, words) && spelledAs(right, words)
}

// fold makes spellings of a header comparable: lower case, half width, without spaces, hyphens and underscores.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0xff01 && r <= 0xff5e { // full-width ASCII
			r -= 0xfee0
		}
		if r == '-' || r == '_' || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Pd, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

func spelledAs(name, words string) bool { return slices.Contains(strings.Fields(words), fold(name)) }
