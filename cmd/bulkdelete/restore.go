package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

func restoreCommand() *cli.Command {
	return &cli.Command{
		Name:      "restore",
		Usage:     "create the users of a run with --backup again, with an audit of its own",
		ArgsUsage: "DIR",
		Description: `Examples:
   bulkdelete restore users.bulkdelete --dry-run  # lists who can come back
   bulkdelete restore users.bulkdelete            # asks, creates, proves it
What does not come back: ` + lostForEver + `.`,
		Flags: slices.Concat(clientFlags(), []cli.Flag{
			toggle(apiFlags, "sandbox", "an embedded sandbox, empty at first: no account needed"),
			toggle(guardFlags, "dry-run", "list who can come back; beats --yes", "n"),
		}, jobFlagsNamed("yes", "stop-after", "max-failures", "max-duration", "faults", "progress", "json", "log-format", "log-level")),
		OnUsageError: usageError,
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.NArg() != 1 {
				return job.Fail(job.Usage, "for example: bulkdelete restore users.bulkdelete", "give one run's folder DIR; there are %d", c.NArg())
			}
			s, err := newSession(c)
			if err != nil {
				return err
			}
			return s.end(s.restore(ctx, c.Args().First()))
		},
	}
}

// lostForEver is what the API has no way to give back.
const lostForEver = `user IDs (new ones are given), passwords,
sessions and tokens, second factors, login history, creation dates, and what
refers to a user ID: roles, groups, permissions`

// jobFlagsNamed takes some of run's flags, so that they mean the same everywhere.
func jobFlagsNamed(names ...string) []cli.Flag {
	return slices.DeleteFunc(jobFlags(), func(f cli.Flag) bool { return !slices.Contains(names, f.Names()[0]) })
}

// restore takes a session from a run's folder to the last file of the restore's.
func (s *session) restore(ctx context.Context, dir string) error {
	r, err := job.OpenRestore(dir)
	if err != nil {
		return err
	}
	s.close = append(s.close, r.Close)
	if s.flags.Bool("dry-run") {
		return s.listRestore(r)
	}
	if r.Folder.Finished() || r.Users == 0 {
		return s.restoredBefore(r)
	}
	if err := s.approveRestore(ctx, r); err != nil {
		return err
	}
	j, err := s.newJob()
	if err != nil {
		return err
	}
	j.Client, j.Session, j.Began = s.client, s.describeSession(r.Folder.Path), s.began
	j.Draining = func(calls int) { s.console.draining(calls, ctx.Err() != nil) }
	stop := s.console.showProgress(r.Folder.Remaining(), s.client)
	ended := r.CarryOut(ctx, j)
	stop()
	return s.concludeRestore(r, j, ended)
}

// listRestore writes who can come back to standard output, as CSV, and the rest to standard error.
func (s *session) listRestore(r *job.Restore) error {
	if err := s.showRestore(r); err != nil {
		return err
	}
	w := csv.NewWriter(s.console.out)
	w.Write([]string{"line", "chunk", "id", "old_user_id", "found_by"}) //nolint:errcheck // remembered until Error
	for u, err := range r.All() {
		if err != nil {
			return err
		}
		idType, key := client.KeyOf(u.User)
		w.Write([]string{strconv.Itoa(u.Line), strconv.Itoa(u.Chunk), report.Harmless(u.ID), client.UserIDOf(u.User), //nolint:errcheck // the same
			strings.TrimRight(idType+" "+report.Harmless(key), " ")})
	}
	w.Flush()
	return w.Error()
}

// showRestore says what a restore would do, and what it cannot do.
func (s *session) showRestore(r *job.Restore) error {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "%s users can be created again.\n\n", count(r.Users))
	row("backup", "%s, made by the run of %s", filepath.Join(filepath.Dir(r.Folder.Path), report.BackupName), r.Run.Asked.At)
	row("users", "%s whom that run deleted, or may have", count(r.Users))
	if left := r.Folder.Remaining(); left < r.Users {
		row("", "%s of them were settled by earlier restores, %s are left", count(r.Users-left), count(left))
	}
	if r.Unsaved > 0 {
		row("", "%s more were deleted without being in the backup: they cannot come back", count(r.Unsaved))
	}
	row("host", "%s", r.Run.Asked.Host)
	row("user pool", "%s", clean(r.Run.Asked.UserPool))
	row("looked for", "each user first: who is there is left as is")
	for i, line := range strings.Split(lostForEver, "\n") {
		name := "lost"
		if i > 0 {
			name = ""
		}
		row(name, "%s", line)
	}
	_, err := fmt.Fprintln(s.console.err, b.String())
	return err
}

// approveRestore is every check before the first call that changes something, the person's own last.
func (s *session) approveRestore(ctx context.Context, r *job.Restore) error {
	if !s.flags.Bool("yes") && !s.console.interactive {
		return job.Fail(job.Guard, "answer on a terminal, or give --yes; look first with --dry-run", "not confirmed: there is no terminal to ask on, and no --yes")
	}
	var err error
	if s.config.TenantID, err = tenantOf(s.flags, r.Run); err != nil {
		return err
	}
	if err := s.connectTo(ctx, sandbox.Config{}); err != nil {
		return err
	}
	if err := samePool(r.Run, s.target.Host, s.target.UserPool); err != nil {
		return err
	}
	if err := s.showRestore(r); err != nil {
		return err
	}
	if s.flags.Bool("yes") {
		return nil
	}
	return s.console.confirm(ctx, "create", r.Folder.Remaining(), false)
}

// restoredBefore answers a restore that has nothing left to do, without a single call.
func (s *session) restoredBefore(r *job.Restore) error {
	if r.Users == 0 {
		s.console.say("there is nobody to restore: %s deleted nobody who is in the backup", filepath.Dir(r.Folder.Path))
		return unsaved(r.Unsaved)
	}
	summary, differ, err := r.Refresh()
	if err != nil {
		return err
	}
	s.console.madeAgain(differ)
	s.console.say("nothing to do: %s is finished", r.Folder.Path)
	return s.restoreVerdict(summary, r.Folder.Path)
}

func unsaved(users int) error {
	if users == 0 {
		return nil
	}
	return job.Fail(job.Incomplete, "", "%s deleted users are not in the backup", count(users))
}

// concludeRestore makes the restore's files and says what happened and what to do next.
func (s *session) concludeRestore(r *job.Restore, j *job.Job, ended error) error {
	summary, err := r.WriteFiles()
	if err != nil {
		return errors.Join(ended, err)
	}
	if ended == nil {
		return s.restoreVerdict(summary, r.Folder.Path)
	}
	if err := s.console.showSummary(summary, r.Folder.Path); err != nil {
		return errors.Join(ended, err)
	}
	return unfinishedError(ended, summary.Remaining, summary.Accepted, j.Session.Resume)
}

func (s *session) restoreVerdict(summary *report.Summary, dir string) error {
	if err := s.console.showSummary(summary, dir); err != nil || summary.ExitCode == 0 {
		return err
	}
	hint := fmt.Sprintf("%s says why; to try again, move %s away and restore anew: who is there by now is left as is", filepath.Join(dir, report.FailedName), dir)
	return job.Fail(job.Code(summary.ExitCode), hint,
		"%s users could not be restored, %s may have been, %s were not in the backup", count(summary.Failed), count(summary.Unknown), count(summary.NotSaved))
}
