package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

func reportCommand() *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "make deleted.csv, failed.csv, summary.json and report.html again",
		ArgsUsage: "DIR...",
		Description: `Examples:
   bulkdelete report users.bulkdelete
   bulkdelete report users.?-of-4.bulkdelete --out users  # joins the shards`,
		Flags: []cli.Flag{
			text(outputFlags, "out", "", "`DIR`: where the files of the whole job go when shards are joined"),
			text(inputFlags, "input", "", "where the input `FILE` is now, if it was moved"),
			uploadFlag(),
			toggle(outputFlags, "json", "print the summary as JSON"),
			text(outputFlags, "log-level", "info", "`L`: debug, info, warn or error"),
		},
		OnUsageError: usageError,
		Action: func(ctx context.Context, c *cli.Command) error {
			k, err := newConsole(c)
			if err != nil {
				return err
			}
			if c.NArg() > 1 || c.String("out") != "" {
				return joinShards(ctx, c, k)
			}
			return reportOne(ctx, c, k)
		},
	}
}

// reportOne makes one folder's files again. Its exit code is that of the run's state.
func reportOne(ctx context.Context, c *cli.Command, k *console) error {
	to, err := openUpload(c, nil)
	if err != nil {
		return err
	}
	dir, err := folderOf(c)
	if err != nil {
		return err
	}
	summary, differ, err := refresh(ctx, dir, c.String("input"))
	if err != nil {
		return err
	}
	k.madeAgain(differ)
	if err := k.showSummary(summary, dir); err != nil {
		return err
	}
	state := verdictOf(summary, programName(os.Args[0])+" run "+report.ShellWord(filepath.Join(dir, report.FailedName)))
	if to == nil {
		return state
	}
	return errors.Join(state, k.copyFolder(ctx, dir, to))
}

// refresh makes the files of a run or of a restore.
func refresh(ctx context.Context, dir, input string) (s *report.Summary, differ []string, err error) {
	run, err := job.Asked(dir)
	if err == nil && run != nil && run.Asked.Deed == report.Restore {
		r, err := job.OpenRestore(filepath.Dir(filepath.Clean(dir)))
		if err != nil {
			return nil, nil, err
		}
		s, differ, err = r.Refresh()
		return s, differ, errors.Join(err, r.Close())
	}
	r, err := job.Reopen(ctx, dir, input)
	if err != nil {
		return nil, nil, err
	}
	s, differ, err = r.Refresh()
	return s, differ, errors.Join(err, r.Close())
}

// joinShards shows the folders of a job's shards as one run.
func joinShards(ctx context.Context, c *cli.Command, k *console) error {
	dirs, out := c.Args().Slice(), c.String("out")
	if len(dirs) == 0 {
		return job.Fail(job.Usage, "for example: bulkdelete report users.?-of-4.bulkdelete --out users", "give the folders of a job's shards")
	}
	if c.String("upload") != "" {
		return job.Fail(job.Usage, "give --upload to each shard's run, or one folder DIR here", "--upload copies one run's folder; there are %d", c.NArg())
	}
	summary, err := job.Join(ctx, dirs, out, c.String("input"))
	if err != nil {
		return err
	}
	if err := k.showSummary(summary, cmp.Or(out, "each shard's folder")); err != nil || summary.ExitCode == 0 {
		return err
	}
	return job.Fail(job.Code(summary.ExitCode), "each shard's own command goes on with it; failed.csv says why rows failed",
		"%s of %s users are left, %s failed, %s are unknown", count(summary.Remaining), count(summary.Accepted), count(summary.Failed), count(summary.Unknown))
}

// folderOf is the one folder that the command line names.
func folderOf(c *cli.Command) (string, error) {
	if c.NArg() != 1 {
		return "", job.Fail(job.Usage, fmt.Sprintf("for example: %s users.bulkdelete", c.FullName()), "give one run's folder DIR; there are %d", c.NArg())
	}
	return c.Args().First(), onlyFile("input", c.String("input"))
}
