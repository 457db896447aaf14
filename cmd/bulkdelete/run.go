package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "check a CSV, ask, delete its users, and prove what became of each",
		ArgsUsage: "FILE|URL",
		Description: `Examples:
   bulkdelete run --sandbox samples/offboarding.csv  # no account needed
   bulkdelete run users.csv --stop-after 50          # a trial
   bulkdelete run users.csv                          # goes on with the others
   bulkdelete run users.csv --yes --max-deletes 500  # in a cron container`,
		Flags:        jobFlags(),
		OnUsageError: usageError,
		Action: func(ctx context.Context, c *cli.Command) error {
			s, err := newSession(c)
			if err != nil {
				return err
			}
			if c.Bool("dry-run") {
				return s.end(s.runPlan(ctx, ""))
			}
			if s.metrics, err = newMetrics(c); err != nil {
				return err
			}
			err = s.end(s.runAll(ctx))
			if lost := s.metrics.end(asError(err).Code); lost != nil { // the exit code speaks of the users alone
				s.console.log.Warn().Err(lost).Msg("metrics lost")
			}
			return err
		},
	}
}

// runAll goes on with what earlier runs left, if --out tells where they are, and then does its own.
func (s *session) runAll(ctx context.Context) (err error) {
	if s.dir, err = outDir(s.flags, s.name, time.Now()); err != nil {
		return err
	}
	done, err := s.runEarlier(ctx)
	if done || asError(err).Code > job.Incomplete {
		return err
	}
	if own := s.run(ctx); own != nil { // what it says comes after what was said of the earlier ones
		return own
	}
	return err
}

// run takes a session from the input to the last file of the run's folder.
func (s *session) run(ctx context.Context) error {
	j, err := s.newJob()
	if err != nil {
		return err
	}
	if err := s.read(ctx, j); err != nil {
		return err
	}
	if j.Folder.Finished() && j.Folder.HasFiles() {
		return s.finishedBefore(ctx, j.Folder)
	}
	if j.Folder.Remaining() > 0 {
		if err := s.approve(ctx, j.Folder); err != nil {
			return err
		}
		if err := s.beginUpload(ctx, j.Folder); err != nil {
			return err
		}
	} else if err := s.console.showPlan(s.console.err, s, 0, "there is nobody left to delete"); err != nil {
		return err
	}
	j.Input, j.Plan, j.Client = s.input, s.plan, s.client
	return s.conclude(ctx, j, s.delete(ctx, j))
}

// newJob reads the flags that only run has.
func (s *session) newJob() (*job.Job, error) {
	limit, err := job.ParseLimit(s.flags.String("max-failures"))
	if err != nil {
		return nil, fmt.Errorf("--max-failures: %w", err)
	}
	if n := s.flags.Int("stop-after"); n < 0 || s.flags.IsSet("stop-after") && n == 0 {
		return nil, fmt.Errorf("--stop-after %d: give a number of users from 1", n)
	}
	if d := s.flags.Duration("max-duration"); d < 0 {
		return nil, fmt.Errorf("--max-duration %s: give a time above 0", d)
	}
	return &job.Job{
		Workers: s.config.Workers, StopAfter: s.flags.Int("stop-after"), MaxFailures: limit,
		MaxDuration: s.flags.Duration("max-duration"), Verify: s.flags.Bool("verify"),
		Observe: func(r report.Row) {
			s.console.row(r)
			if s.metrics != nil {
				s.metrics.row(r)
			}
		},
	}, nil
}

// read is everything offline: the input, the plan, and what earlier runs on the folder did.
func (s *session) read(ctx context.Context, j *job.Job) error {
	if s.spools() { // the copy needs the folder now
		if err := report.MakeDir(s.dir); err != nil {
			return fmt.Errorf("the run's folder cannot be made: %w", err)
		}
	}
	var err error
	if j.Folder, err = job.OpenFolder(s.dir); err != nil {
		return err
	}
	s.close = append(s.close, j.Folder.Close)
	if err := s.open(ctx, j.Folder); err != nil {
		return err
	}
	if err := s.scan(ctx); err != nil {
		return err
	}
	return j.Folder.Adopt(s.want)
}

// approve is every check between the plan and the first call that changes something, the person's own last.
func (s *session) approve(ctx context.Context, folder *job.Folder) error {
	if !s.flags.Bool("yes") && !s.console.interactive {
		return job.Fail(job.Guard, "answer on a terminal, or give --yes; look first with bulkdelete plan", "not confirmed: there is no terminal to ask on, and no --yes")
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	if err := folder.AdoptTarget(s.want); err != nil {
		return err
	}
	if err := s.guards(ctx); err != nil {
		return err
	}
	if err := s.checkPlan(); err != nil {
		return err
	}
	if err := s.console.showPlan(s.console.err, s, folder.Remaining(), ""); err != nil {
		return err
	}
	if s.flags.Bool("yes") {
		return nil
	}
	return s.console.confirm(ctx, "delete", folder.Remaining(), s.name == "-")
}

// delete runs the job with the progress shown.
func (s *session) delete(ctx context.Context, j *job.Job) error {
	if j.Folder.Remaining() == 0 {
		return j.Run(ctx) // which finds that there is nothing to do
	}
	if err := s.metrics.begin(j.Folder.Remaining()); err != nil {
		return err
	}
	allowGarbage()
	j.Draining = func(calls int) { s.console.draining(calls, ctx.Err() != nil) }
	stop := s.console.showProgress(j.Folder.Remaining(), s.client)
	err := j.Run(ctx)
	stop()
	if hint := s.console.fewWorkers(s.config.Workers, s.config.Rate); hint != "" {
		s.console.say("%s", hint)
	}
	return err
}

// allowGarbage lets some 20 MiB of garbage gather between collections. What a run still holds once the plan's table of IDs
// is gone is so little that collecting each time as much again has been allocated, which is the runtime's default, took a
// tenth of the CPU time. A first collection makes the table's memory the room for it, so that the peak stays the plan's;
// where much is held, such as a million protected IDs, the default stays.
func allowGarbage() {
	const garbage = 16 << 20
	if os.Getenv("GOGC") != "" { // the operator has decided
		return
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetGCPercent(min(400, max(100, int(100*garbage/m.HeapAlloc))))
}

// finishedBefore answers a run whose folder has nothing left to do, without a single call to the API.
func (s *session) finishedBefore(ctx context.Context, folder *job.Folder) error {
	summary, err := report.LoadSummary(folder.Dir)
	if err != nil {
		return err
	}
	s.console.say("nothing to do: %s is finished", folder.Dir)
	return s.finishUpload(ctx, folder.Dir, true, s.verdict(summary, folder.Dir))
}

// conclude makes the folder's files, copies them if that was asked for, and says what happened and what to do next.
func (s *session) conclude(ctx context.Context, j *job.Job, ended error) error {
	resume := ""
	if ended != nil {
		resume = s.resumeCommand(os.Args)
	}
	summary, err := j.WriteFiles(resume)
	if err != nil {
		return errors.Join(ended, err)
	}
	return s.finishUpload(ctx, j.Folder.Dir, false, s.result(j, summary, ended, resume))
}

// result shows the summary and turns how the run ended into an error that says what to do next.
func (s *session) result(j *job.Job, summary *report.Summary, ended error, resume string) error {
	if ended == nil {
		return s.verdict(summary, j.Folder.Dir)
	}
	if err := s.console.showSummary(summary, j.Folder.Dir); err != nil {
		return errors.Join(ended, err)
	}
	return unfinishedError(ended, summary.Remaining, summary.Accepted, resume)
}

// unfinishedError adds how many users are left, and the command that goes on.
func unfinishedError(ended error, left, of int, resume string) error {
	e, ok := errors.AsType[*job.Error](ended)
	if !ok {
		return ended
	}
	return &job.Error{Code: e.Code, Err: fmt.Errorf("%w; %s of %s users are left", e, count(left), count(of)), Hint: e.Hint, Next: resume}
}

// verdict shows a finished run's summary and turns its exit code into an error that says what to do.
func (s *session) verdict(summary *report.Summary, dir string) error {
	if err := s.console.showSummary(summary, dir); err != nil {
		return err
	}
	if s.flags.Bool("backup") && summary.Deleted > 0 {
		s.console.say("To create the users again from the backup, with new user IDs: bulkdelete restore %s", quote(dir))
	}
	if summary.ExitCode == 0 {
		return nil
	}
	hint := "rejected.csv says how to mend each row"
	if summary.Failed+summary.Unknown > 0 {
		hint = "failed.csv says why; to try them again: bulkdelete run " + quote(filepath.Join(dir, "failed.csv"))
	}
	return job.Fail(job.Code(summary.ExitCode), hint, "%s users failed, %s are unknown, %s rows were invalid",
		count(summary.Failed), count(summary.Unknown), count(summary.Invalid))
}

// resumeCommand is the command line that goes on with this run: the same one, but in the place of standard input, and of a
// URL that may hold a signature, stands the copy in the run's folder.
func (s *session) resumeCommand(args []string) string {
	hide := s.object != nil && s.object.Presigned() && slices.Contains(args, s.given)
	words := slices.Clone(args)
	for i, arg := range args {
		if arg == "-" || hide && arg == s.given {
			words[i] = s.input.Path
		}
	}
	if hide && !s.flags.IsSet("out") { // it was made from the URL's name
		words = append(words, "--out", s.dir)
	}
	return commandLineOf(words)
}

// commandLineOf makes words that were arguments of this process a command line again.
func commandLineOf(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = quote(arg)
	}
	if strings.Contains(words[0], "/go-build") { // go run's binary is gone by then
		words[0] = "go run ./cmd/bulkdelete"
	}
	return strings.Join(words, " ")
}

// quote makes one word of a POSIX shell's command line.
func quote(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
