package main

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// ownTerminal is the console that this process has, even where its standard streams lead elsewhere.
const ownTerminal = "CONIN$"

// leave ends the process. Ctrl-C and Ctrl-Break are an interrupt here; a console that is closed, a user who logs off
// and a machine that goes down are a SIGTERM, with some seconds to end.
func leave(s os.Signal) { os.Exit(128 + int(s.(syscall.Signal))) }

// isClosedPipe says whether nobody reads any more what is written.
func isClosedPipe(err error) bool {
	return errors.Is(err, windows.ERROR_NO_DATA) || errors.Is(err, windows.ERROR_BROKEN_PIPE)
}

// hasCursor has a console understand the sequences that move its cursor and show colours, and says whether it does.
// What Unicode it shows does not hang on its code page: the Go runtime writes to a console in UTF-16.
func hasCursor(w any) bool {
	f := under(w)
	if f == nil || os.Getenv("TERM") == "dumb" {
		return false
	}
	var mode uint32
	h := windows.Handle(f.Fd())
	return windows.GetConsoleMode(h, &mode) == nil &&
		windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
