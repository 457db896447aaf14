package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
)

func (p *process) planCommand() *cli.Command {
	var o jobOptions
	return &cli.Command{
		Name:      "plan",
		Usage:     "check a CSV and show what run would delete; changes nothing",
		ArgsUsage: "FILE|URL",
		Description: `Example:
   bulkdelete plan users.csv --save plan.json  # for a second person to read
   bulkdelete run users.csv --plan plan.json   # refused unless it is the same`,
		Flags: append(o.flags(),
			word(&o.save, guardFlags, "save", "", "write the plan to `FILE` for a second person to approve")),
		Action: func(ctx context.Context, c *cli.Command) error {
			d, err := p.openDeletion(c, &o)
			if err != nil {
				return err
			}
			return d.end(d.look(ctx))
		},
	}
}

// look does everything that run does before the first deletion. Without credentials it stays offline, unless the
// plan is to name the user pool.
func (d *deletion) look(ctx context.Context) error {
	if d.save != "" && d.chunks.Shards > 1 {
		return job.Fail(job.Usage, "leave out --shard: its runs are compared with the plan of the whole",
			"--save is for a whole plan, not for one shard's part")
	}
	if err := d.readInput(ctx, nil); err != nil {
		return err
	}
	if err := d.findNext(); err != nil {
		return err
	}
	if err := d.printInput(); err != nil { // what is known already comes before anybody is asked
		return err
	}
	if err := d.askPool(ctx); err != nil {
		return err
	}
	if err := d.guard(); err != nil {
		return err
	}
	if err := d.printPlan(); err != nil {
		return err
	}
	if err := d.checkRejected(); err != nil {
		return err
	}
	if d.save != "" {
		if err := job.SavePlan(d.save, d.want, d.attestor.Key); err != nil {
			return err
		}
		d.console.say("plan saved to %s", d.save)
	}
	if n := d.Plan.Invalid; n > 0 {
		return job.Fail(job.Incomplete, "mend the rows above, or let run set them aside in rejected.csv",
			"%s", text.Of(n, d.Plan.Rows, "row", "is invalid", "are invalid"))
	}
	return nil
}

// printInput puts what the input holds on standard output.
func (d *deletion) printInput() error {
	if d.console.json {
		return nil
	}
	t := &table{}
	d.showInput(t, d.console.out)
	return t.print(d.console.out)
}

// askPool asks the pool what run would ask it. Without credentials it stays unasked.
func (d *deletion) askPool(ctx context.Context) error {
	err := d.connectToPool(ctx)
	if err == nil {
		return d.lookAtPool(ctx)
	}
	e, ok := errors.AsType[*job.Error](err)
	if d.save != "" || !ok || e.Code != job.Usage {
		return err
	}
	d.offline = e.Error()
	return nil
}

// printPlan puts the plan, which is what this command is for, on standard output.
func (d *deletion) printPlan() error {
	if !d.console.json {
		t := &table{}
		d.showPool(t, d.console.out)
		return t.print(d.console.out)
	}
	text, err := job.MarshalPlan(d.want)
	if err != nil {
		return err
	}
	_, err = d.console.out.Write(text)
	return err
}

// table is what a person is shown before being asked.
type table struct{ strings.Builder }

func (t *table) row(name, format string, args ...any) {
	fmt.Fprintf(t, "  %-11s %s\n", name, fmt.Sprintf(format, args...))
}

func (t *table) rows(name string, lines []string) {
	for _, line := range lines {
		t.row(name, "%s", line)
		name = ""
	}
}

func (t *table) print(w io.Writer) error {
	_, err := io.WriteString(w, text.CleanLines(t.String()))
	return err
}

// showInput says what the input names, to who reads w.
func (d *deletion) showInput(t *table, w io.Writer) {
	p, k, left := d.Plan, d.console, d.left()
	fmt.Fprintf(t, "%s.%s\n\n", text.Of(p.Accepted, p.Rows, "row", fmt.Sprintf("names a user to %s", d.deed()),
		fmt.Sprintf("name users to %s", d.deed())), d.undo())
	t.row("file", "%s, %s bytes, SHA-256 %x", d.Input.Name, text.Count(int(p.Bytes)), p.SHA256[:6])
	t.row("column", "%d %s, read as %s", p.Column, cmp.Or(text.Clean(p.ColumnName), "(no header)"), p.Options.IDType)
	for _, note := range p.Notes {
		t.row("note", "%s", note)
	}
	if o := p.Options; o.Shards > 1 {
		t.row("shard", "%d of 0 to %d: one chunk in %d; %s users in all", o.Shard, o.Shards-1, o.Shards,
			text.Count(p.AllAccepted))
	}
	t.row("accepted", "%s", text.Count(p.Accepted))
	first := "first users"
	if left < p.Accepted {
		first = "next users"
		t.row("", "%s of them were settled by earlier runs, %s are left", text.Count(p.Accepted-left), text.Count(left))
	}
	showUsers := w == k.out || k.terminal // elsewhere standard error is a log, and logs name no user
	if showUsers {
		t.rows(first, d.next)
	}
	d.showRejected(t)
	if showUsers {
		t.rows("", d.refused)
	}
	if d.client == nil || !d.Protection.LooksUp(d.chunks.IDType) { // else who they are is said with the pool
		d.showProtect(t)
	}
	d.showRules(t)
}

// showRejected counts the rows that are never sent.
func (d *deletion) showRejected(t *table) {
	p := d.Plan
	why := text.Clauses(counted(p.Invalid, "invalid"), counted(p.Duplicates, "duplicate"),
		counted(p.Protected, "protected"))
	if why != "" {
		why = " (" + why + ")"
	}
	t.row("rejected", "%s%s", text.Count(p.Rows-p.Accepted), why)
	if reasons := d.reasons(); reasons != "" {
		t.row("", "by reason: %s", reasons)
	}
}

// counted is a number of rows with a word for them, "" for none.
func counted(n int, word string) string {
	if n == 0 {
		return ""
	}
	return text.Count(n) + " " + word
}

// undo says whether there is a way back.
func (d *deletion) undo() string {
	switch {
	case d.Plan.Accepted == 0:
		return ""
	case d.suspend:
		return " bulkdelete restore undoes it."
	case d.backup:
		return " Their profiles are saved first."
	}
	return " This cannot be undone."
}

// showRules says whom of the accepted the run is about.
func (d *deletion) showRules(t *table) {
	if a := d.approval; a != nil {
		t.row("plan", "of %s", text.Clean(cmp.Or(a.SignedBy, a.By)))
	}
	if d.match != "" {
		t.row("match", "%s: whose profile does not agree is spared", d.match)
	}
	if len(d.only) > 0 {
		t.row("only", "%s: all others are spared", strings.Join(d.only, " and "))
	}
}

// showPool says whose users are about to be deleted, who some of them are, and how: in how many calls, and how long
// they take at least.
func (d *deletion) showPool(t *table, w io.Writer) {
	t.row("host", "%s", d.host)
	if d.offline == "" {
		t.row("user pool", "%s", d.poolName(d.pool))
	} else {
		t.row("user pool", "not asked: %s", d.offline)
	}
	if d.client != nil {
		if d.Protection.LooksUp(d.chunks.IDType) {
			d.showProtect(t)
		}
		d.showCounts(t)
		d.showSample(t, terminalWidth(w))
	}
	d.showCalls(t)
	t.WriteString("\n")
}

// showCounts says how many users the pool has, and how many it will have.
func (d *deletion) showCounts(t *table) {
	if d.poolUsers == nil {
		t.row("users", "unknown: they could not be counted")
		return
	}
	after, least := max(0, *d.poolUsers-d.left()), ""
	switch {
	case d.suspend:
		after = *d.poolUsers
	case d.match != "" || len(d.only) > 0 || d.Protection.LooksUp(d.chunks.IDType):
		least = " or more"
	}
	t.row("users", "%s in the pool now, %s%s after", text.Count(*d.poolUsers), text.Count(after), least)
}

// showCalls says with how many calls it is done.
func (d *deletion) showCalls(t *table) {
	left := d.left()
	if left == 0 {
		return
	}
	size := d.Plan.Options.ChunkSize
	calls, reads, also := (left+size-1)/size, 0, ""
	perChunk := (size + client.ReadBatch - 1) / client.ReadBatch
	switch {
	case d.suspend:
		t.row("status", "Suspended; restore gives back the status that each has now")
	case d.backup:
		t.row("backup", "restore can create users like them, not with their IDs and passwords")
	}
	if d.readsFirst() || d.Protection.LooksUp(d.chunks.IDType) {
		reads += calls * perChunk
	}
	if d.verify {
		reads += calls * perChunk
	}
	if reads > 0 {
		also = fmt.Sprintf(" and %s reads", text.Count(reads))
	}
	least := ""
	if took := d.config.Rate.Takes(calls+reads, time.Now()).Round(time.Second); took > 0 {
		least = fmt.Sprintf(": %s or more", took)
	}
	t.row("calls", "%s of up to %d users%s, at most %s a second%s", text.Count(calls), size, also, d.config.Rate, least)
}
