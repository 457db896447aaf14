package chunker

import (
	"errors"
	"fmt"
	"strings"
)

// ErrChanged says that a later pass did not meet the input that was planned. It comes wrapped, with the lines or the
// reason, so test for it with errors.Is.
var ErrChanged = errors.New("the input has changed since it was planned")

// Error is why an input cannot be read at all: nothing of it may be sent. Its text is for people.
type Error struct {
	Line int // input line, from 1; 0 when the trouble has no line, such as an empty input
	Err  error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("line %d: %v", e.Line, e.Err)
}

// Unwrap gives the cause, such as an error of the reader beneath.
func (e *Error) Unwrap() error { return e.Err }

// The codes of a RejectError.
const (
	CodeEmpty       = "empty"       // the ID is empty, or a database's word for that
	CodeType        = "type"        // not an ID of the type that was asked for
	CodeSpreadsheet = "spreadsheet" // a spreadsheet changed the ID: 1.38E+10, ="00123", '123
	CodeControl     = "control"     // a control or invisible character inside the ID
	CodeColumns     = "columns"     // the row has more or fewer columns than the first
	CodeDuplicate   = "duplicate"   // an earlier row holds the same ID
	CodeProtected   = "protected"   // the ID is in Options.Protect
)

// RejectError is why one row is never sent. The other rows are not concerned.
type RejectError struct {
	Line   int    // input line on which the row starts, from 1
	Code   string // one of the Code constants
	Reason string // for people: what is wrong and how to mend it; never the ID of another row
}

func (e *RejectError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Invalid says whether the row itself is wrong. Duplicates and protected rows are set aside as asked: they are not
// invalid and do not make a run fail.
func (e *RejectError) Invalid() bool { return e.Code != CodeDuplicate && e.Code != CodeProtected }

func fail(line int, format string, args ...any) *Error {
	return &Error{Line: line, Err: fmt.Errorf(format, args...)}
}

// listColumns names the columns of a first record, with their numbers, for an error that asks for --column.
func listColumns(cells []string) string {
	const most = 40
	var b strings.Builder
	for i, c := range cells {
		if i == most {
			fmt.Fprintf(&b, ", ... %d in all", len(cells))
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d %s", i+1, quote(c))
	}
	return b.String()
}

// quote shows a cell to people: invisible characters become escapes, and a long one is cut.
func quote(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return fmt.Sprintf("%q...", string(r[:most]))
	}
	return fmt.Sprintf("%q", s)
}
