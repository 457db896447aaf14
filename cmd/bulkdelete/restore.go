package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/sandbox"
	"bulkdelete/internal/text"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

func (p *process) restoreCommand() *cli.Command {
	var o jobOptions
	return &cli.Command{
		Name:      "restore",
		Usage:     "undo a run with --suspend or --backup, with its own audit",
		ArgsUsage: "DIR",
		Description: `Examples:
   bulkdelete restore users.suspend.bulkdelete    # to each the status of before
   bulkdelete restore users.bulkdelete --dry-run  # lists who can come back
   bulkdelete restore users.bulkdelete            # asks, creates, proves it
What does not come back of those who are created again:
` + lostForEver + `.`,
		Flags: restoreFlags(&o),
		Action: func(ctx context.Context, c *cli.Command) error {
			dir, err := folderOf(c, "")
			if err != nil {
				return err
			}
			op, err := p.newOperation(c, &o)
			if err != nil {
				return err
			}
			return op.end(op.restore(ctx, dir))
		},
	}
}

// restoreFlags are those of run's that mean something for a restore.
func restoreFlags(o *jobOptions) []cli.Flag {
	o.expect = none
	return slices.Concat(o.apiOptions.flags(), []cli.Flag{
		toggle(&o.sandbox, apiFlags, "sandbox", "an embedded sandbox, empty at first: no account needed"),
		toggle(&o.dryRun, guardFlags, "dry-run", "list who can come back; beats --yes", "n"),
	}, named(o.flags(), "yes", "stop-after", "max-failures", "max-duration", "faults", "sign-key", "timestamp",
		"lang", "progress", "json", "log-format", "log-level"))
}

// lostForEver is what bulkdelete does not bring back.
const lostForEver = `user IDs (new ones are given), passwords,
sessions and tokens, second factors, login history, creation dates, where an
account came from, and what refers to a user ID: roles, groups, permissions`

// restore goes from a run's folder to the last file of the restore's.
func (o *operation) restore(ctx context.Context, dir string) error {
	stop := o.console.whileSlow("reading the backup in " + dir)
	r, err := job.OpenRestore(ctx, dir)
	stop()
	if err != nil {
		return err
	}
	o.close = append(o.close, r.Close)
	switch {
	case o.dryRun:
		return o.listRestore(r)
	case r.Users == 0:
		o.console.say("there is nobody to restore: %s %s nobody who is in the backup", dir, r.Of.Asked.Deed.Past())
		if r.Unsaved > 0 {
			return job.Fail(job.Incomplete, "", "%s not in the backup", text.Are(r.Unsaved, "user"))
		}
		return nil
	}
	stop = o.console.whileSlow("looking in the backup for who can come back")
	p, err := r.Foresee()
	stop()
	if err != nil {
		return err
	}
	verb := "create"
	if r.SetsBack() {
		verb = "reinstate"
	}
	return o.perform(ctx, r, r.Folder, approval{
		verb: verb, resume: commandLineOf(os.Args), never: p.Open,
		check: func(ctx context.Context) error { return o.checkRestore(ctx, r) },
		show:  func() error { return o.showRestore(r, p) },
	})
}

// checkRestore connects to the pool and the tenant of the run, and to no other.
func (o *operation) checkRestore(ctx context.Context, r *job.Restore) (err error) {
	if o.config.TenantID, err = tenantOf(o.tenantID, r.Of); err != nil {
		return err
	}
	if err := o.connect(ctx, sandbox.Config{}); err != nil {
		return err
	}
	return samePool(r.Of, o.host, o.pool)
}

// listRestore writes who can come back to standard output, as CSV, and the rest to standard error.
func (o *operation) listRestore(r *job.Restore) error {
	w := csv.NewWriter(o.console.out)
	header := []string{"line", "chunk", "id", "old_user_id", "found_by", "obstacle"}
	if r.SetsBack() {
		header = []string{"line", "chunk", "id", "user_id", "status"}
	}
	w.Write(header) //nolint:errcheck // remembered until Error
	for users, err := range r.All() {
		if err != nil {
			return err
		}
		u := users[0]
		idType, key := client.KeyOf(u.User)
		more := []string{strings.TrimRight(idType+" "+text.Clean(report.Harmless(key)), " "), job.Obstacle(users)}
		if r.SetsBack() {
			more = []string{job.StatusOf(u.User)}
		}
		w.Write(append([]string{strconv.Itoa(u.Line), strconv.Itoa(u.Chunk), //nolint:errcheck // remembered until Error
			text.Clean(report.Harmless(u.ID)), client.UserIDOf(u.User)}, more...))
	}
	w.Flush()
	p, err := r.Foresee()
	if err = errors.Join(w.Error(), err); err != nil {
		return err
	}
	return o.showRestore(r, p)
}

// showRestore says what a restore would do, and what it cannot do.
func (o *operation) showRestore(r *job.Restore, p *job.Prospect) error {
	t, never := &table{}, 0
	for _, n := range p.Never {
		never += n
	}
	creates := !r.SetsBack()
	if creates {
		fmt.Fprintf(t, "%s can be created again.\n\n", text.Things(r.Users-never, "user"))
	} else {
		fmt.Fprintf(t, "%s can get back the status of before.\n\n", text.Things(r.Users, "user"))
	}
	backup := filepath.Join(filepath.Dir(r.Folder.Path), report.BackupName)
	t.row("backup", "%s, made by the run of %s", backup, r.Of.Asked.At)
	t.row("users", "%s whom that run %s, or may have", text.Count(r.Users), r.Of.Asked.Deed.Past())
	if left := r.Folder.Remaining(); left < r.Users {
		t.row("", "%s of them were settled by earlier restores, %s are left", text.Count(r.Users-left), text.Count(left))
	}
	for _, why := range slices.Sorted(maps.Keys(p.Never)) {
		t.row("", "%s not created: %s", text.Are(p.Never[why], "user"), text.Clean(why))
	}
	if r.Unsaved > 0 {
		t.row("", "%s more are not in the backup: they cannot come back", text.Count(r.Unsaved))
	}
	t.row("host", "%s", r.Of.Asked.Host)
	t.row("user pool", "%s", o.poolName(r.Of.Asked.UserPool))
	if creates {
		t.row("looked for", "each user first: who is there is left as is")
		t.rows("lost", strings.Split(lostForEver, "\n"))
	} else {
		t.rows("status", perUsers(p.Status, "for %s"))
		t.row("looked for", "each user first: who was changed since is left as is")
	}
	t.rows("lost too", perUsers(p.Lost, "of %s"))
	t.rows("warning", perUsers(p.Sealed, "of %s looks encrypted or masked, and would be created as it stands"))
	t.WriteString("\n")
	return t.print(o.console.err)
}

// perUsers puts names and numbers of users into lines.
func perUsers(users map[string]int, format string) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(users)) {
		lines = append(lines, text.Clean(name)+" "+fmt.Sprintf(format, text.Things(users[name], "user")))
	}
	return lines
}
