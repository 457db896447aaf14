package chunker

import (
	"errors"
	"fmt"
	"strings"
)

// ErrChanged says that a later pass did not meet the input that was planned. It comes wrapped, with the lines or the
// reason, so test for it with errors.Is.
var ErrChanged = errors.New("the input has changed since it was planned")

// inputError is why an input cannot be read at all: nothing of it may be sent.
type inputError struct {
	line int // from 1; 0 when the trouble has no line, such as an empty input
	err  error
}

func (e *inputError) Error() string {
	if e.line == 0 {
		return e.err.Error()
	}
	return fmt.Sprintf("line %d: %v", e.line, e.err)
}

func (e *inputError) Unwrap() error { return e.err }

func fail(line int, format string, args ...any) error {
	return &inputError{line, fmt.Errorf(format, args...)}
}

// The codes of a RejectError.
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

// RejectError is why one row is never sent. The other rows are not concerned.
type RejectError struct {
	Line   int    // input line on which the row starts, from 1
	Code   string // empty, type, spreadsheet, control, columns, no_user, duplicate or protected
	Reason string // for people: what is wrong and how to mend it; never the ID of another row
}

func (e *RejectError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Invalid says whether the row itself is wrong. Duplicates and protected rows are set aside as asked: they are not
// invalid and do not make a run fail.
func (e *RejectError) Invalid() bool { return e.Code != codeDuplicate && e.Code != codeProtected }

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
