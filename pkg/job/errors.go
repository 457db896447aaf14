package job

import (
	"errors"
	"fmt"
	"slices"
)

// Code is the program's exit code. It tells the truth: OK is never given while a row is failed, unknown, invalid or not
// attempted.
type Code int

const (
	OK          Code = 0 // every accepted row is deleted, absent or spared as asked, and no row was invalid
	Incomplete  Code = 1 // finished, but some rows failed, are unknown, were invalid or describe somebody else
	Usage       Code = 2 // bad usage or configuration, unreadable input; nothing was sent
	Guard       Code = 3 // a guard refused; nothing was sent
	Halted      Code = 4 // stopped early: credentials refused, too many failures, disk full, API out of reach
	Interrupted Code = 5 // stopped by a signal, --max-duration or --stop-after; calls in flight were finished and recorded
)

// Error is an error that knows the exit code it leads to and what a person can do next.
type Error struct {
	Code Code
	Err  error
	Hint string // what to do next, or ""
	Next string // the exact command that goes on, or ""
}

// What an *Error can be told from by errors.Is.
var (
	ErrInUse     = errors.New("another run works on it")
	ErrStopAfter = errors.New("stopped by --stop-after") // as many users are done as Job.StopAfter says
)

// Fail makes an *Error whose text is formatted as fmt.Errorf does.
func Fail(code Code, hint, format string, args ...any) *Error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...), Hint: hint}
}

// Error gives the cause's text without the hint.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// onError closes what a function has opened if the function fails.
func onError(err *error, close func() error) {
	if *err != nil {
		*err = errors.Join(*err, close())
	}
}

// closeAll closes what was opened last first.
func closeAll(closers []func() error) (err error) {
	for _, f := range slices.Backward(closers) {
		err = errors.Join(err, f())
	}
	return err
}
