//go:build !windows

package main

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// ownTerminal is the terminal that this process has, even where its standard streams lead elsewhere.
const ownTerminal = "/dev/tty"

// leave ends the process as the system does when nobody listens for a signal.
func leave(s os.Signal) {
	signal.Reset()
	number := s.(syscall.Signal)
	syscall.Kill(os.Getpid(), number) //nolint:errcheck // the last line
	<-time.After(time.Second)         // it is on its way
	os.Exit(128 + int(number))
}

// isClosedPipe says whether nobody reads any more what is written.
func isClosedPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }

// hasCursor says whether a terminal can move its cursor and show colours.
func hasCursor(any) bool { return os.Getenv("TERM") != "dumb" }
