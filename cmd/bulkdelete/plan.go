package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"github.com/urfave/cli/v3"
	"io"
	"strings"
	"time"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
)

func planCommand() *cli.Command {
	var o jobOptions
	var save string
	return &cli.Command{
		Name:      "plan",
		Usage:     "check a CSV and show what run would delete; changes nothing",
		ArgsUsage: "FILE|URL",
		Description: `Example:
   bulkdelete plan users.csv --save plan.json  # for a second person to read
   bulkdelete run users.csv --plan plan.json   # refused unless it is the same`,
		Flags: append(o.flags(),
			word(&save, guardFlags, "save", "", "write the plan to `FILE` for a second person to approve")),
		OnUsageError: usageError,
		Action: func(ctx context.Context, c *cli.Command) error {
			d, err := openDeletion(c, &o)
			if err != nil {
				return err
			}
			return d.end(d.look(ctx, save))
		},
	}
}

// look does everything that run does before the first deletion. Without credentials it stays offline, unless the
// plan is to name the user pool.
func (d *deletion) look(ctx context.Context, save string) error {
	if save != "" && d.chunks.Shards > 1 {
		return job.Fail(job.Usage, "leave out --shard: its runs are compared with the plan of the whole",
			"--save is for a whole plan, not for one shard's part")
	}
	if err := d.open(ctx, nil); err != nil {
		return err
	}
	if err := d.scan(ctx); err != nil {
		return err
	}
	offline := ""
	if err := d.connectToPool(ctx); err != nil {
		var e *job.Error
		if save != "" || !errors.As(err, &e) || e.Code != job.Usage {
			return err
		}
		offline = e.Error()
	}
	if err := d.guard(ctx, 0); err != nil {
		return err
	}
	if err := d.checkPlan(); err != nil {
		return err
	}
	if err := d.printPlan(offline); err != nil {
		return err
	}
	if save != "" {
		if err := job.SavePlan(save, d.want); err != nil {
			return err
		}
		d.console.say("plan saved to %s", save)
	}
	if n := d.planned.Invalid; n > 0 {
		return job.Fail(job.Incomplete, "mend the rows above, or let run set them aside in rejected.csv",
			"%s of %s rows are invalid", text.Count(n), text.Count(d.planned.Rows))
	}
	return nil
}

// printPlan puts the plan, which is what this command is for, on standard output.
func (d *deletion) printPlan(offline string) error {
	if !d.console.json {
		return d.showPlan(d.console.out, d.planned.Accepted, offline)
	}
	text, err := job.MarshalPlan(d.want)
	if err != nil {
		return err
	}
	_, err = d.console.out.Write(text)
	return err
}

// checkPlan refuses what is not the approved plan, and remembers who approved it.
func (d *deletion) checkPlan() (err error) {
	if d.plan != "" {
		d.approval, err = job.CheckPlan(d.plan, job.Whole(d.want, d.planned))
	}
	return err
}

// showPlan says what is about to be deleted, from where, and how long that takes. left is how many users earlier
// runs on the folder have not done; offline is why the API was not asked, if it was not.
func (d *deletion) showPlan(w io.Writer, left int, offline string) error {
	p, k := d.planned, d.console
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	undo := "This cannot be undone."
	if d.backup {
		undo = "Their profiles are saved first."
	}
	fmt.Fprintf(&b, "%s of %s rows name users to delete. %s\n\n", text.Count(p.Accepted), text.Count(p.Rows), undo)
	row("file", "%s, %s bytes, SHA-256 %x", d.input.Name, text.Count(int(p.Bytes)), p.SHA256[:6])
	row("column", "%d %s, read as %s", p.Column, cmp.Or(text.Clean(p.ColumnName), "(no header)"), p.Options.IDType)
	for _, note := range p.Notes {
		row("note", "%s", note)
	}
	if o := p.Options; o.Shards > 1 {
		row("shard", "%d of 0 to %d: one chunk in %d; %s users in all", o.Shard, o.Shards-1, o.Shards,
			text.Count(p.AllAccepted))
	}
	row("accepted", "%s", text.Count(p.Accepted))
	if left < p.Accepted {
		row("", "%s of them were settled by earlier runs, %s are left", text.Count(p.Accepted-left), text.Count(left))
	}
	showUsers := w == k.out || k.terminal // elsewhere standard error is a log, and logs name no user
	if showUsers {
		showSamples(row, "first users", d.first)
	}
	row("rejected", "%s (%s invalid, %s duplicate, %s protected)",
		text.Count(p.Rows-p.Accepted), text.Count(p.Invalid), text.Count(p.Duplicates), text.Count(p.Protected))
	if showUsers {
		showSamples(row, "", d.refused)
	}
	d.showTarget(row, left, offline)
	_, err := fmt.Fprintln(w, text.CleanLines(b.String()))
	return err
}

// showTarget says whose users are about to be deleted, and how.
func (d *deletion) showTarget(row func(name, format string, args ...any), left int, offline string) {
	row("host", "%s", d.host)
	if offline == "" {
		row("user pool", "%s", text.Clean(d.pool))
	} else {
		row("user pool", "not asked: %s", offline)
	}
	if d.backup {
		row("backup", "restore can create users like them, not with their IDs and passwords")
	}
	row("calls", "%s", d.callsText(left))
}

// callsText says how many calls there are left to make, and how long they take at least.
func (d *deletion) callsText(left int) string {
	size := d.planned.Options.ChunkSize
	calls := (left + size - 1) / size
	reads, also := 0, ""
	for _, asked := range []bool{d.backup, d.verify} {
		if asked {
			reads += calls * ((size + client.ReadBatch - 1) / client.ReadBatch)
		}
	}
	if reads > 0 {
		also = fmt.Sprintf(" and %s that read", text.Count(reads))
	}
	took := time.Duration(float64(calls+reads) / d.config.Rate * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%s of up to %d users%s, at most %v a second: %s or more",
		text.Count(calls), size, also, d.config.Rate, took)
}
