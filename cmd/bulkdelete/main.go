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
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"

	"bulkdelete/pkg/job"
)

func main() {
	ctx, stop := untilSignal(context.Background())
	code := run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(int(code))
}

// run carries out one command line. Only here do errors become messages and exit codes.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) job.Code {
	app := newApp()
	app.Reader, app.Writer, app.ErrWriter = in, out, errOut
	err := app.Run(ctx, helpFirst(args))
	if err == nil {
		return job.OK
	}
	e := asError(err)
	if text := e.Error(); text != "" {
		fmt.Fprintf(errOut, "bulkdelete: %s\n", text)
	}
	for line := range strings.Lines(e.Hint) {
		fmt.Fprintf(errOut, "hint: %s\n", strings.TrimSuffix(line, "\n"))
	}
	if e.Next != "" {
		fmt.Fprintf(errOut, "hint: to go on, run\n%s\n", e.Next)
	}
	return e.Code
}

// asError gives an error its exit code. What the command line library refuses, and plain errors of the first steps, come
// before anything is sent.
func asError(err error) *job.Error {
	if e, ok := errors.AsType[*job.Error](err); ok {
		return e
	}
	if err == nil {
		return &job.Error{Code: job.OK}
	}
	return &job.Error{Code: job.Usage, Err: plainUsage(err)}
}

func newApp() *cli.Command {
	return &cli.Command{
		Name:    "bulkdelete",
		Usage:   "delete the users a CSV names from a GenAuth user pool, and prove it row by row",
		Version: version(),
		Description: `Try it without an account:
   bulkdelete run --sandbox samples/offboarding.csv`,
		Commands:                        withHelp(runCommand(), planCommand(), reportCommand(), verifyCommand(), restoreCommand(), sandboxCommand(), versionCommand(), helpCommand(), manCommand()),
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

// untilSignal gives a context that the first signal ends, with a cause that says which. The second finds the system's
// own handling again and ends the process at once, which is as safe as any crash.
func untilSignal(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		select {
		case s := <-signals:
			signal.Reset()
			cancel(job.Fail(job.Interrupted, "", "stopped by a signal (%s)", s))
		case <-done:
		}
	}()
	return ctx, func() { close(done); cancel(nil) }
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
	name := c.Args().First()
	if name == "" {
		return cli.ShowRootCommandHelp(c)
	}
	return noSuchCommand(c, name)
}

func versionCommand() *cli.Command {
	return &cli.Command{Name: "version", Usage: "print the version", Action: func(_ context.Context, c *cli.Command) error {
		_, err := fmt.Fprintf(c.Root().Writer, "bulkdelete %s\n", version())
		return err
	}}
}

// release is the version that a build is given with -ldflags "-X main.release=v1.2.3".
var release string

// version is the release, or what the Go toolchain recorded of the module.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
