package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"bulkdelete/pkg/job"
)

// sameSignal is how long after the first signal another one of its kind is taken for the same: timeout(1) sends two.
const sameSignal = 2 * time.Second

// untilSignal gives a context that the first signal ends, with a cause that says which. A later one leaves at once,
// which is as safe as any crash. SIGPIPE is an error of writing like others, and a SIGHUP that nohup has set aside
// stays so.
func (p *process) untilSignal(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	done := make(chan struct{})
	go p.heed(signals, done, cancel, leave)
	return ctx, func() { close(done); cancel(nil) }
}

// heed stops with the first signal and leaves with a later one, until done is closed.
func (p *process) heed(signals <-chan os.Signal, done <-chan struct{},
	stop context.CancelCauseFunc, leave func(os.Signal)) {
	var first os.Signal
	var at time.Time
	for {
		select {
		case s := <-signals:
			switch {
			case s == syscall.SIGQUIT:
				p.dump()
			case first == nil:
				first, at = s, time.Now()
				stop(job.Fail(job.Interrupted, "", "stopped by a signal (%s)", s))
			case s != first || time.Since(at) > sameSignal:
				leave(s)
			}
		case <-done:
			return
		}
	}
}

// leave ends the process as the system does when nobody listens for a signal.
func leave(s os.Signal) {
	signal.Reset()
	number := s.(syscall.Signal)
	syscall.Kill(os.Getpid(), number) //nolint:errcheck // the last line
	<-time.After(time.Second)         // it is on its way
	os.Exit(128 + int(number))
}

// dump shows what the program is doing and ends it, as Go programs do on SIGQUIT, but for the exit code: 2 would
// say that nothing was sent.
func (p *process) dump() {
	text := make([]byte, 1<<20)
	fmt.Fprintf(p.errOut, "SIGQUIT\n%s\n", text[:runtime.Stack(text, true)])
	if p.sent.Load() {
		os.Exit(int(job.Halted))
	}
	os.Exit(int(job.Usage))
}
