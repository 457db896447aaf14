package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
	folder, err := s.read(ctx)
	if err != nil {
		return err
	}
	j.Record = job.Record{Folder: folder, Input: s.input, Plan: s.plan}
	if folder.Finished() {
		return s.finishedBefore(ctx, &j.Record)
	}
	if folder.Remaining() > 0 {
		if err := s.approve(ctx, folder); err != nil {
			return err
		}
		if err := s.beginUpload(ctx, folder.Run); err != nil {
			return err
		}
	} else if err := s.console.showPlan(s.console.err, s, 0, "there is nobody left to delete"); err != nil {
		return err
	}
	j.Client, j.Session = s.client, s.describeSession(s.dir)
	return s.conclude(ctx, j, s.delete(ctx, j))
}

// describeSession writes down who runs this, where, and with what approval.
func (s *session) describeSession(dir string) report.Session {
	d := report.Session{Program: version(), By: job.Operator(), PID: os.Getpid(), Dir: dir, Approved: "typed", Plan: s.approval,
		Reason: s.target.Reason, Guards: map[string]string{}, Rate: strconv.FormatFloat(s.config.Rate, 'f', -1, 64), Resume: s.resumeCommand(os.Args)}
	if s.flags.Bool("yes") {
		d.Approved = "--yes"
	}
	for _, name := range []string{"expect", "max-deletes", "max-failures", "stop-after", "max-duration", "plan", "verify"} {
		if s.flags.IsSet(name) || name == "max-failures" {
			d.Guards[strings.ReplaceAll(name, "-", "_")] = fmt.Sprint(s.flags.Value(name))
		}
	}
	return d
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

// read is everything offline: the folder, held from now on, the input, the plan, and what earlier runs on the folder did.
func (s *session) read(ctx context.Context) (*job.Adopted, error) {
	if !s.spools() { // before a folder is made for nothing
		if err := s.open(ctx, nil); err != nil {
			return nil, err
		}
	}
	folder, err := job.Claim(s.dir)
	if err != nil {
		return nil, err
	}
	s.close = append(s.close, folder.Close)
	if s.spools() {
		if err := s.open(ctx, folder); err != nil {
			return nil, err
		}
	}
	if err := s.scan(ctx); err != nil {
		return nil, err
	}
	return folder.Adopt(s.want, s.plan)
}

// approve is every check between the plan and the first call that changes something, the person's own last.
func (s *session) approve(ctx context.Context, folder *job.Adopted) error {
	if !s.flags.Bool("yes") && !s.console.interactive {
		return job.Fail(job.Guard, "answer on a terminal, or give --yes; look first with bulkdelete plan", "not confirmed: there is no terminal to ask on, and no --yes")
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	if err := folder.AdoptTarget(s.want); err != nil {
		return err
	}
	if err := s.guards(ctx, folder.Users(report.Deleted)); err != nil {
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
	j.Began = s.began
	j.Draining = func(calls int) { s.console.draining(calls, ctx.Err() != nil) }
	stop := s.console.showProgress(j.Folder.Remaining(), s.client)
	err := j.Run(ctx)
	stop()
	if hint := s.console.fewWorkers(s.config.Workers, s.config.Rate); hint != "" {
		s.console.say("%s", hint)
	}
	return err
}

// began says what was found when the folder was made ready for sending. From now on the exit code speaks of what was sent.
func (s *session) began(torn int) {
	processOf(s.flags).sent.Store(true)
	if torn > 0 {
		s.console.say("%s at the end of audit.csv: a run that died had not finished writing. They are cut off, and their users are tried again",
			things(torn, "torn row"))
	}
}

// finishedBefore answers a run whose folder has nothing left to do, without a single call to the API.
func (s *session) finishedBefore(ctx context.Context, r *job.Record) error {
	summary, differ, err := r.Refresh()
	if err != nil {
		return err
	}
	s.console.madeAgain(differ)
	s.console.say("nothing to do: %s is finished", r.Folder.Path)
	return s.finishUpload(ctx, r.Folder.Path, true, s.verdict(summary, r.Folder.Path))
}

// madeAgain names files that were not what they should be.
func (k *console) madeAgain(differ []string) {
	for _, d := range differ {
		k.say("made again from the audit: %s", d)
	}
}

// conclude makes the folder's files, copies them if that was asked for, and says what happened and what to do next.
func (s *session) conclude(ctx context.Context, j *job.Job, ended error) error {
	summary, err := j.WriteFiles()
	if err != nil {
		return errors.Join(ended, err)
	}
	return s.finishUpload(ctx, j.Folder.Path, false, s.result(j, summary, ended))
}

// result shows the summary and turns how the run ended into an error that says what to do next.
func (s *session) result(j *job.Job, summary *report.Summary, ended error) error {
	if ended == nil {
		return s.verdict(summary, j.Folder.Path)
	}
	if err := s.console.showSummary(summary, j.Folder.Path); err != nil {
		return errors.Join(ended, err)
	}
	return unfinishedError(ended, summary.Remaining, summary.Accepted, j.Session.Resume)
}

// unfinishedError adds how many users are left, and the command that goes on.
func unfinishedError(ended error, left, of int, resume string) error {
	e, ok := errors.AsType[*job.Error](ended)
	if !ok {
		return ended
	}
	return &job.Error{Code: e.Code, Err: fmt.Errorf("%w; %s of %s users are left", e, count(left), count(of)), Hint: e.Hint, Next: resume}
}

// verdict shows a run's summary and turns its exit code into an error that says what to do.
func (s *session) verdict(summary *report.Summary, dir string) error {
	if err := s.console.showSummary(summary, dir); err != nil {
		return err
	}
	if s.flags.Bool("backup") && summary.Deleted > 0 {
		s.console.say("To create the users again from the backup, with new user IDs: %s", s.commandLine("restore", dir, apiNames()...))
	}
	return verdictOf(summary, s.commandLine("run", filepath.Join(dir, report.FailedName), retryNames()...))
}

// verdictOf is the error that a summary's exit code leads to. retry is the command that takes failed.csv.
func verdictOf(summary *report.Summary, retry string) error {
	switch {
	case !summary.Finished():
		e := job.Fail(job.Code(summary.ExitCode), "", "%s; %s of %s users are left", summary.Reason, count(summary.Remaining), count(summary.Accepted))
		e.Next = summary.Resume
		return e
	case summary.ExitCode == 0:
		return nil
	}
	hint := "rejected.csv says how to mend each row"
	if summary.Failed+summary.Unknown > 0 {
		hint = "failed.csv says why; to try them again: " + retry
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
