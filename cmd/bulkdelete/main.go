// Command bulkdelete deletes the users that a CSV names from a GenAuth (Authing) user pool, in batches, at a polite
// pace, and leaves a folder that proves row by row what became of each of them. See the README.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	_ "time/tzdata" // for --rate by the local time: images often have no time zones

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/job"
)

func main() {
	p := &process{errOut: &output{w: os.Stderr}}
	ctx, stop := p.untilSignal(context.Background())
	code := p.run(ctx, os.Args, os.Stdin, os.Stdout)
	stop()
	os.Exit(int(code))
}

// process is one run of the program.
type process struct {
	errOut *output
	sent   atomic.Bool // calls that change something may have been sent: from then on no exit code says otherwise
}

// run carries out one command line. Only here do errors become messages and exit codes.
func (p *process) run(ctx context.Context, args []string, in io.Reader, out io.Writer) job.Code {
	app := p.newApp()
	app.Reader, app.Writer, app.ErrWriter = in, &output{w: out}, p.errOut
	return p.explain(p.await(ctx, func() error { return app.Run(ctx, helpFirst(args)) }))
}

// hurry is how long what a signal stops may go on while nothing is sent that counts.
const hurry = 700 * time.Millisecond

// await gives what f gives. When ctx ends, what does not hear of that, such as a disk or a server that does not answer
// a login, is left behind, which is as safe as a crash; but once calls that change something may be under way, it is
// waited for.
func (p *process) await(ctx context.Context, f func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- guarded(f) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	for {
		select {
		case err := <-ended:
			return err
		case <-time.After(hurry):
			if !p.sent.Load() {
				return context.Cause(ctx)
			}
		}
	}
}

// guarded makes an error of a mistake in the program.
func guarded(f func() error) (err error) {
	defer func() {
		if mistake := recover(); mistake != nil {
			err = job.Fail(job.Usage, "please report this, with the lines below\n"+string(debug.Stack()),
				"internal error: %v", mistake)
		}
	}()
	return f()
}

// explain says what an error is about and gives the exit code it leads to.
func (p *process) explain(err error) job.Code {
	if err == nil {
		return job.OK
	}
	e := asError(err)
	if message := e.Error(); message != "" {
		fmt.Fprintf(p.errOut, "bulkdelete: %s\n", text.CleanLines(withoutURLSecrets(message)))
	}
	for line := range strings.Lines(e.Hint) {
		fmt.Fprintf(p.errOut, "hint: %s\n", text.Clean(strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", "  ")))
	}
	if e.Next != "" {
		fmt.Fprintf(p.errOut, "hint: to go on, run\n%s\n", text.Clean(e.Next))
	}
	if p.sent.Load() && (e.Code == job.Usage || e.Code == job.Guard) {
		return job.Halted // these two say that nothing was sent
	}
	return e.Code
}

// asError gives an error its exit code. What the command line library refuses, and plain errors of the first steps,
// come before anything is sent.
func asError(err error) *job.Error {
	if e, ok := errors.AsType[*job.Error](err); ok {
		return e
	}
	if err == nil {
		return &job.Error{Code: job.OK}
	}
	return &job.Error{Code: job.Usage, Err: plainUsage(err)}
}

func (p *process) newApp() *cli.Command {
	return &cli.Command{
		Name:    "bulkdelete",
		Usage:   "delete a CSV's users from a GenAuth pool, proved row by row",
		Version: version(),
		Description: `Try it without an account, with users that are made up:
   seq -f user%g@example.com 500 > try.csv
   bulkdelete run try.csv --sandbox --id-type email`,
		Commands: withHelp(p.runCommand(), p.planCommand(), reportCommand(), verifyCommand(), p.restoreCommand(),
			statusCommand(), paceCommand(), p.probeCommand(), sandboxCommand(), versionCommand(), helpCommand(), manCommand()),
		HideHelpCommand:                 true, // its own knows topics too
		EnableShellCompletion:           true,
		ConfigureShellCompletionCommand: describeCompletion,
		Suggest:                         true,
		HideVersion:                     true,
		ExitErrHandler:                  func(context.Context, *cli.Command, error) {}, // run does that
		OnUsageError:                    usageError,
		Action:                          noCommand,
	}
}

// usageError keeps the library from printing the whole help over the one line that matters.
func usageError(_ context.Context, c *cli.Command, err error, _ bool) error {
	hint := fmt.Sprintf("%s --help shows the flags", c.FullName())
	if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: "); ok {
		if near := cli.SuggestFlag(c.Flags, strings.TrimLeft(name, "-"), false); near != "" {
			hint = fmt.Sprintf("did you mean %s?\n%s", near, hint)
		}
		err = fmt.Errorf("there is no flag --%s", strings.TrimLeft(name, "-"))
	}
	return job.Fail(job.Usage, hint, "%w", plainUsage(err))
}

func noCommand(_ context.Context, c *cli.Command) error {
	if c.NArg() == 0 {
		return cli.ShowRootCommandHelp(c)
	}
	return noSuchCommand(c, c.Args().First())
}

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
