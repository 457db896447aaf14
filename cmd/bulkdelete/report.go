package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

// folderOptions are the flags of commands that look at a run's folder.
type folderOptions struct {
	outputOptions
	input string
}

func (o *folderOptions) flags() []cli.Flag {
	return append(named(o.outputOptions.flags(), "json", "log-level"),
		word(&o.input, inputFlags, "input", "", "where the input `FILE` is now, if it was moved"))
}

// reportOptions are the flags of report.
type reportOptions struct {
	folderOptions
	out, upload string
}

func (o *reportOptions) flags() []cli.Flag {
	return append(o.folderOptions.flags(),
		word(&o.out, outputFlags, "out", "", "`DIR`: where the files of the whole job go when shards are joined"),
		uploadFlag(&o.upload))
}

func reportCommand() *cli.Command {
	var o reportOptions
	return &cli.Command{
		Name:      "report",
		Usage:     "make deleted.csv, failed.csv, summary.json and report.html again",
		ArgsUsage: "DIR...",
		Description: `Examples:
   bulkdelete report users.bulkdelete
   bulkdelete report users.?-of-4.bulkdelete --out users  # joins the shards`,
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
	summary, notes, err := refresh(ctx, dir, o.input)
	if err != nil {
		return err
	}
	k.sayAll(notes)
	if err := k.showSummary(summary, dir); err != nil {
		return err
	}
	state := verdict(summary, dir, programName(os.Args[0])+" run "+text.ShellWord(dir+"/"+report.FailedName))
	if to == nil {
		return state
	}
	return errors.Join(state, k.copyFolder(ctx, dir, to, false))
}

// refresh makes the files of a run or of a restore.
func refresh(ctx context.Context, dir, input string) (s *report.Summary, notes []string, err error) {
	var d interface {
		job.Deed
		Close() error
	}
	run, err := job.Asked(dir)
	if err == nil && run != nil && run.Asked.Deed == report.Restore {
		d, err = job.OpenRestore(ctx, filepath.Dir(filepath.Clean(dir)))
	} else {
		d, err = job.Reopen(ctx, dir, input)
	}
	if err != nil {
		return nil, nil, err
	}
	s, notes, err = job.Refresh(d)
	return s, notes, errors.Join(err, d.Close())
}

// joinShards shows the folders of a job's shards as one run.
func (o *reportOptions) joinShards(ctx context.Context, k *console, dirs []string) error {
	if len(dirs) == 0 {
		return job.Fail(job.Usage, "for example: bulkdelete report users.?-of-4.bulkdelete --out users",
			"give the folders of a job's shards")
	}
	if o.upload != "" {
		return job.Fail(job.Usage, "give --upload to each shard's run, or one folder DIR here",
			"--upload copies one run's folder; there are %d", len(dirs))
	}
	summary, err := job.Join(ctx, dirs, o.out, o.input)
	if err != nil {
		return err
	}
	if err := k.showSummary(summary, cmp.Or(o.out, "each shard's folder")); err != nil || summary.ExitCode == 0 {
		return err
	}
	return job.Fail(job.Code(summary.ExitCode),
		"each shard's own command goes on with it; failed.csv says why rows failed",
		"%s of %s users are left, %s failed, %s are unknown", text.Count(summary.Remaining),
		text.Count(summary.Accepted), text.Count(summary.Failed), text.Count(summary.Unknown))
}

// folderOf is the one folder that the command line names.
func folderOf(c *cli.Command, input string) (string, error) {
	if c.NArg() != 1 {
		return "", job.Fail(job.Usage, fmt.Sprintf("for example: %s users.bulkdelete", c.FullName()),
			"give one run's folder DIR; there are %d", c.NArg())
	}
	return c.Args().First(), onlyFile("input", input)
}
