package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"bulkdelete/pkg/client"
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
				return joinShards(c, k)
			}
			return reportOne(ctx, c, k)
		},
	}
}

// reportOne makes one folder's files again.
func reportOne(ctx context.Context, c *cli.Command, k *console) error {
	to, err := openUpload(c, nil)
	if err != nil {
		return err
	}
	r, err := reopen(c, true)
	if err != nil {
		return err
	}
	defer r.Close()
	summary, err := r.WriteFiles("")
	if err != nil {
		return err
	}
	if err := k.showSummary(summary, r.Folder.Dir); err != nil || to == nil {
		return err
	}
	return k.copyFolder(ctx, r.Folder.Dir, to)
}

// joinShards shows the folders of a job's shards as one run.
func joinShards(c *cli.Command, k *console) error {
	dirs, out := c.Args().Slice(), c.String("out")
	if len(dirs) == 0 {
		return job.Fail(job.Usage, "for example: bulkdelete report users.?-of-4.bulkdelete --out users", "give the folders of a job's shards")
	}
	if c.String("upload") != "" {
		return job.Fail(job.Usage, "give --upload to each shard's run, or one folder DIR here", "--upload copies one run's folder; there are %d", c.NArg())
	}
	summary, err := job.Join(dirs, out, c.String("input"), protected)
	if err != nil {
		return err
	}
	if err := k.showSummary(summary, cmp.Or(out, "each shard's folder")); err != nil || summary.ExitCode == 0 {
		return err
	}
	return job.Fail(job.Code(summary.ExitCode), "each shard's own command goes on with it; failed.csv says why rows failed",
		"%s of %s users are left, %s failed, %s are unknown", count(summary.Remaining), count(summary.Accepted), count(summary.Failed), count(summary.Unknown))
}

// reopen opens the run's folder that the command line names, and its input.
func reopen(c *cli.Command, lock bool) (*job.Record, error) {
	if c.NArg() != 1 {
		return nil, job.Fail(job.Usage, fmt.Sprintf("for example: %s users.bulkdelete", c.FullName()), "give one run's folder DIR; there are %d", c.NArg())
	}
	if err := onlyFile("input", c.String("input")); err != nil {
		return nil, err
	}
	return job.Reopen(c.Args().First(), c.String("input"), lock, protected)
}

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "check the audit's hash chain and that it accounts for every row",
		ArgsUsage: "DIR",
		Description: `Example: with credentials in the environment, also ask the API who still exists
   bulkdelete verify users.bulkdelete --live`,
		Flags: append(clientFlags(),
			text(inputFlags, "input", "", "where the input `FILE` is now, if it was moved"),
			toggle(apiFlags, "live", "read every user back from the API"),
			toggle(outputFlags, "json", "print the result as JSON"),
			text(outputFlags, "log-level", "info", "`L`: debug, info, warn or error"),
		),
		OnUsageError: usageError,
		Action: func(ctx context.Context, c *cli.Command) error {
			r, err := reopen(c, false)
			if err != nil {
				return err
			}
			defer r.Close()
			return verify(ctx, c, r)
		},
	}
}

func verify(ctx context.Context, c *cli.Command, r *job.Record) error {
	k, err := newConsole(c)
	if err != nil {
		return err
	}
	tally, err := r.Verify()
	if err != nil {
		return err
	}
	u := tally.Users
	f := &findings{AuditRows: tally.Rows, LastRowHash: tally.LastRowHash, Deleted: u[report.Deleted], Absent: u[report.Absent],
		Failed: u[report.Failed], Unknown: u[report.Unknown], Remaining: tally.Remaining}
	k.find("the audit is whole: %s rows; the last one's hash is\n%s", count(f.AuditRows), f.LastRowHash)
	k.find("%s deleted, %s absent, %s failed, %s unknown, %s without a row yet", count(f.Deleted), count(f.Absent),
		count(f.Failed), count(f.Unknown), count(f.Remaining))
	saved, err := r.VerifyBackup(tally)
	if err != nil {
		return err
	}
	if saved != nil {
		f.Saved, f.Restored = &saved.Users, &saved.Restored
		k.find("the backup is whole: %s users, everybody deleted among them; %s were restored", count(saved.Users), count(saved.Restored))
	}
	if c.Bool("live") {
		err = verifyLive(ctx, c, k, r, tally, f)
	}
	if k.json {
		err = errors.Join(err, k.showJSON(f))
	}
	return err
}

// findings are what verify --json prints.
type findings struct {
	AuditRows   int    `json:"audit_rows"`
	LastRowHash string `json:"last_row_hash"`
	Deleted     int    `json:"deleted"`
	Absent      int    `json:"absent"`
	Failed      int    `json:"failed"`
	Unknown     int    `json:"unknown"`
	Remaining   int    `json:"remaining"`
	Saved       *int   `json:"saved,omitempty"`    // users in the backup; a run with --backup only
	Restored    *int   `json:"restored,omitempty"` // users whom restore created
	Living      *int   `json:"living,omitempty"`   // users who still exist; --live only
}

// find says something about the audit: to standard output, unless JSON goes there.
func (k *console) find(format string, args ...any) {
	if k.json {
		k.say(format, args...)
	} else {
		k.print(format, args...)
	}
}

func verifyLive(ctx context.Context, c *cli.Command, k *console, r *job.Record, tally *job.Tally, f *findings) error {
	cfg, api, err := connect(ctx, c, r.Folder.Run)
	if err != nil {
		return err
	}
	defer api.Close()
	return k.showLiving(ctx, r, api, cfg.Workers, tally, f)
}

// connect makes a client for the pool that a run was about.
func connect(ctx context.Context, c *cli.Command, run *report.Run) (client.Config, *client.Client, error) {
	cfg, err := clientConfig(c)
	if err != nil {
		return cfg, nil, err
	}
	if err := credentials(&cfg); err != nil {
		return cfg, nil, err
	}
	api, err := client.New(cfg)
	if err != nil {
		return cfg, nil, err
	}
	pool, err := api.Login(ctx)
	if err != nil {
		return cfg, nil, loginFailed(ctx, err)
	}
	if pool != "" && pool != run.UserPool || cfg.Host != run.Host {
		return cfg, nil, job.Fail(job.Guard, "give the --host and the credentials of the run",
			"the run was about user pool %s of %s; this is %s of %s", run.UserPool, run.Host, pool, cfg.Host)
	}
	return cfg, api, nil
}

const mostLiving = 20 // shown one by one

// showLiving asks the API who still exists and compares that with what the audit says.
func (k *console) showLiving(ctx context.Context, r *job.Record, api *client.Client, workers int, t *job.Tally, f *findings) error {
	living, wrong := 0, 0
	err := r.FindLiving(ctx, api, workers, t, func(l job.Living) {
		living++
		if l.Outcome == report.Deleted || l.Outcome == report.Absent {
			wrong++
		}
		if living <= mostLiving {
			k.find("line %d: %s still exists (the audit says: %s)", l.Line, clean(l.ID), cmp.Or(string(l.Outcome), "nothing yet"))
		}
	})
	if err != nil {
		return job.Fail(job.Halted, "run the same command again", "not everybody could be read back: %w", err)
	}
	f.Living = &living
	if living == 0 {
		k.find("nobody of the %s accepted users exists any more", count(r.Plan.Accepted))
		return nil
	}
	k.find("%s of the %s accepted users still exist", count(living), count(r.Plan.Accepted))
	if wrong > 0 {
		return job.Fail(job.Incomplete, "they may have been created again since; look at the lines above", "%s of them are deleted or absent in the audit", count(wrong))
	}
	return job.Fail(job.Incomplete, "run goes on with the remaining ones; failed.csv holds the failed ones", "%s users still exist", count(living))
}
