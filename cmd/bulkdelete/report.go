package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

// reportOptions are the flags of report.
type reportOptions struct {
	outputOptions
	attestOptions
	input, out, upload string
	redact, yes        bool
}

func (o *reportOptions) flags() []cli.Flag {
	return slices.Concat(named(o.outputOptions.flags(), "progress", "json", "log-level"), []cli.Flag{
		inputFlag(&o.input),
		word(&o.lang, outputFlags, "lang", "", "`L`: en, or zh beside it, on report.html (default: as it is)"),
		word(&o.out, outputFlags, "out", "", "`DIR`: where the files of the whole job go when shards are joined"),
		uploadFlag(&o.upload),
		toggle(&o.redact, guardFlags, "redact", "erase the files that name people, of a finished run"),
		toggle(&o.yes, guardFlags, "yes", "do not ask", "y"),
	}, o.attestOptions.flags())
}

func inputFlag(to *string) cli.Flag {
	return word(to, inputFlags, "input", "", "where the input `FILE` is now, if it was moved")
}

func reportCommand() *cli.Command {
	var o reportOptions
	return &cli.Command{
		Name:      "report",
		Usage:     "make deleted.csv, failed.csv, summary.json and report.html again",
		ArgsUsage: "DIR...",
		Description: `Examples:
   bulkdelete report users.bulkdelete
   bulkdelete report users.?-of-4.bulkdelete --out users  # joins the shards
   bulkdelete report users.bulkdelete --redact            # keeps what proves`,
		Flags: o.flags(),
		Action: func(ctx context.Context, c *cli.Command) error {
			k, err := newConsole(c, o.outputOptions)
			if err != nil {
				return err
			}
			if c.NArg() > 1 || o.out != "" {
				return o.joinShards(ctx, k, c.Args().Slice())
			}
			dir, err := folderOf(c, o.input)
			if err != nil {
				return err
			}
			return o.reportOne(ctx, k, dir)
		},
	}
}

// reportOne makes one folder's files again. Its exit code is that of the run's state.
func (o *reportOptions) reportOne(ctx context.Context, k *console, dir string) error {
	to, err := openUpload(o.upload, nil)
	if err != nil {
		return err
	}
	attestor, err := o.attestOptions.open(nil)
	if err != nil {
		return err
	}
	var summary *report.Summary
	if o.redact || job.IsRedacted(dir) {
		summary, err = o.redactOne(ctx, k, dir, attestor)
	} else {
		stop := k.whileSlow("making the files in " + dir + " from its input and audit")
		summary, err = o.refresh(ctx, k, dir, attestor)
		stop()
	}
	if err != nil {
		return err
	}
	if err := k.showSummary(summary, dir); err != nil {
		return err
	}
	state := verdict(summary, dir, programName(os.Args[0])+" run "+text.ShellWord(dir+"/"+report.FailedName))
	if to == nil {
		return state
	}
	return errors.Join(state, k.copyFolder(ctx, dir, to, false))
}

// redactOne erases the files of a folder that name people, and those that a redaction which died has left.
func (o *reportOptions) redactOne(ctx context.Context, k *console, dir string, a job.Attestor) (
	s *report.Summary, err error,
) {
	if o.redact && o.upload != "" {
		return nil, job.Fail(job.Usage, "erase them there, too", "--upload does not take away what a copy holds already")
	}
	stop := k.whileSlow("holding " + dir + " to its seal")
	r, err := job.OpenRedaction(ctx, dir)
	stop()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if o.lang != "" && o.lang != r.Run.Lang() {
		return nil, job.Fail(job.Usage, "leave --lang out, or give it to report before --redact",
			"--lang %s: a page whose lists are erased stays in its language", o.lang)
	}
	if len(r.Lists) > 0 && !o.yes {
		k.say("These are erased for good, and nobody can be restored or looked up by them any more:\n  %s",
			strings.Join(r.Lists, "\n  "))
		if err := k.mayAsk(o.yes, ""); err != nil {
			return nil, err
		}
		users := r.Run.Asked.Plan.Accepted
		if err := k.confirm(ctx, "erase the lists of", users, users); err != nil {
			return nil, err
		}
	}
	defer k.whileSlow("erasing the lists in " + dir)()
	return r.Erase(ctx, a)
}

// refresh makes the files of a run or of a restore, whose seal is then vouched for.
func (o *reportOptions) refresh(ctx context.Context, k *console, dir string, a job.Attestor) (*report.Summary, error) {
	d, err := job.Reopen(ctx, dir, o.input)
	if err != nil {
		return nil, err
	}
	s, notes, err := job.Refresh(d, o.lang)
	k.sayAll(notes)
	if err == nil {
		err = a.Vouch(ctx, d)
	}
	return s, errors.Join(err, d.Close())
}

// joinShards shows the folders of a job's shards as one run.
func (o *reportOptions) joinShards(ctx context.Context, k *console, dirs []string) error {
	if len(dirs) == 0 {
		return job.Fail(job.Usage, "for example: bulkdelete report users.?-of-4.bulkdelete --out users",
			"give the folders of a job's shards")
	}
	if o.redact || o.upload+o.signKey+o.timestamp != "" {
		return job.Fail(job.Usage, "give them to each shard's run, or one folder DIR here",
			"--upload, --sign-key, --timestamp and --redact are for one run's folder; there are %d", len(dirs))
	}
	stop := k.whileSlow("making the files of " + text.Things(len(dirs), "shard") + " and of the whole")
	summary, err := job.Join(ctx, dirs, o.out, o.input, o.lang)
	stop()
	if err != nil {
		return err
	}
	if err := k.showSummary(summary, cmp.Or(o.out, "each shard's folder")); err != nil {
		return err
	}
	if o.out != "" {
		k.find("To see it, open %s", filepath.Join(o.out, report.PageName))
	}
	if summary.ExitCode == 0 {
		return nil
	}
	return job.Fail(job.Code(summary.ExitCode),
		"each shard's own command goes on with it; failed.csv says why rows failed",
		"%s", text.Clauses(text.Clause(summary.Remaining, "user", "is left", "are left"),
			wrong(summary.Failed, summary.Unknown, summary.Invalid, summary.Mismatched)))
}

// folderOf is the one folder that the command line names.
func folderOf(c *cli.Command, input string) (string, error) {
	if c.NArg() != 1 {
		return "", job.Fail(job.Usage, fmt.Sprintf("for example: %s users.bulkdelete", c.FullName()),
			"give one run's folder DIR; there are %d", c.NArg())
	}
	return c.Args().First(), onlyFile("input", input)
}
