package chunker

import (
	"errors"
	"fmt"
	"strings"
)

// ErrChanged says that a later pass did not meet the input that was planned. It comes wrapped, with the lines or the
// reason, so test for it with errors.Is.
var ErrChanged = errors.New("the input has changed since it was planned")

// fail says why an input cannot be read at all: nothing of it may be sent. line is 0 where the trouble has none, as
// that of an empty input.
func fail(line int, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if line == 0 {
		return err
	}
	return fmt.Errorf("line %d: %w", line, err)
}

// Why a row is rejected (Row.Code).
const (
	codeEmpty       = "empty"       // the ID is empty, or a word for that
	codeType        = "type"        // not an ID of the type that was asked for
	codeSpreadsheet = "spreadsheet" // a spreadsheet changed the ID: 1.38E+10, ="00123", '123
	codeControl     = "control"     // a control or invisible character inside the ID
	codeColumns     = "columns"     // more or fewer columns than the first row, or a quote that took rows in
	codeNoUser      = "no_user"     // a sum, a comment, a line drawn, the header repeated
	codeDuplicate   = "duplicate"   // an earlier row holds the same ID
	codeProtected   = "protected"   // the ID is in Options.Protect
)

// listColumns names the columns of a first record, with their numbers, for an error that asks for --column.
func listColumns(cells []string) string {
	const most = 40
	var list []string
	for i, c := range cells[:min(most, len(cells))] {
		list = append(list, fmt.Sprintf("%d %s", i+1, quote(c)))
	}
	if len(cells) > most {
		list = append(list, fmt.Sprintf("... %d in all", len(cells)))
	}
	return strings.Join(list, ", ")
}

// quote shows a cell to people: invisible characters become escapes, and a long one is cut.
func quote(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return fmt.Sprintf("%q...", string(r[:most]))
	}
	return fmt.Sprintf("%q", s)
}
