package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

// verifyOptions are the flags of verify.
type verifyOptions struct {
	apiOptions
	outputOptions
	input, hash, signers, tsaCerts string
	live                           bool
	protect                        []string
}

func (o *verifyOptions) flags() []cli.Flag {
	return slices.Concat(o.apiOptions.flags(), named(o.outputOptions.flags(), "progress", "json", "log-level"), []cli.Flag{
		inputFlag(&o.input),
		word(&o.hash, inputFlags, "expect-hash", "", "`H`: the hash that the audit's last row has to have"),
		signersFlag(&o.signers, "who may sign the seal"),
		listOf(&o.protect, inputFlags, "protect",
			"`FILE`: a list that the run was given, if they were erased; repeatable"),
		word(&o.tsaCerts, guardFlags, "tsa-certs", "", "`FILE`: root certificates of who may stamp the seal"),
		toggle(&o.live, apiFlags, "live", "read every user back from the API"),
	})
}

func verifyCommand() *cli.Command {
	var o verifyOptions
	return &cli.Command{
		Name:      "verify",
		Usage:     "check everything in a run's folder that can be checked",
		ArgsUsage: "DIR",
		Description: `Example: with credentials in the environment, also ask the API who still exists
   bulkdelete verify users.bulkdelete --live`,
		Flags: o.flags(),
		Action: func(ctx context.Context, c *cli.Command) error {
			k, err := newConsole(c, o.outputOptions)
			if err != nil {
				return err
			}
			dir, err := folderOf(c, o.input)
			if err != nil {
				return err
			}
			return o.verify(ctx, k, dir)
		},
	}
}

func (o *verifyOptions) verify(ctx context.Context, k *console, dir string) error {
	cfg, err := o.config()
	if err != nil {
		return err
	}
	want, err := o.expect(dir)
	if err != nil {
		return err
	}
	stop := k.whileSlow("checking " + dir + ", from the audit's chain to the seal")
	v, err := job.Verify(ctx, dir, want)
	stop()
	if err != nil {
		return err
	}
	if o.live {
		err = k.showLiving(ctx, v, cfg)
	}
	if k.json {
		err = errors.Join(err, k.showJSON(v))
	} else {
		k.showFindings(v)
	}
	if err = errors.Join(err, v.Close()); err != nil {
		return err
	}
	return judge(v, dir)
}

// expect reads what the folder is held to besides itself.
func (o *verifyOptions) expect(dir string) (want job.Expect, err error) {
	if n := len(o.hash); n > 0 && n != 2*sha256.Size {
		return want, job.Fail(job.Usage, "give the whole hash, as the run's last lines and its page show it",
			"--expect-hash has %d characters of %d", n, 2*sha256.Size)
	}
	want = job.Expect{Input: o.input, Hash: strings.ToLower(o.hash), Program: version()}
	if want.Signers, err = readSigners(o.signers); err != nil {
		return want, err
	}
	if want.Protect, err = o.lists(dir); err != nil {
		return want, err
	}
	want.Authorities, err = readAuthorities(o.tsaCerts)
	return want, err
}

// lists reads what --protect names, whose kind of ID goes by the run's.
func (o *verifyOptions) lists(dir string) (job.Protection, error) {
	run, err := job.Asked(dir)
	if err != nil || run == nil || len(o.protect) == 0 {
		return nil, nil //nolint:nilerr // Verify says it
	}
	return protected(o.protect, run.Asked.Options["id_type"])
}

// showFindings says what was checked, what could not be, and what does not hold.
func (k *console) showFindings(f *job.View) {
	if f.LastRowHash != "" {
		k.find("the audit is whole: %s; the last one's hash is\n%s", text.Things(f.AuditRows, "row"), f.LastRowHash)
		k.find("%s", cmp.Or(text.Clauses(counted(f.Deleted, "deleted"), counted(f.Suspended, "suspended"),
			counted(f.Absent, "absent"), counted(f.Spared, "spared"), counted(f.Users[report.Restored], "restored"),
			counted(f.Users[report.Exists], "exist"), counted(f.Failed, "failed"), counted(f.Unknown, "unknown"),
			counted(f.Remaining, "without an outcome")), "nobody was accepted"))
	}
	if f.Saved != nil && f.Whole {
		k.find("the backup is whole: %s", strings.TrimSuffix(text.Things(*f.Saved, "user")+
			", everybody "+f.Deed.Past()+" among them; "+counted(*f.Restored, "were restored"), "; "))
	}
	if f.Torn > 0 {
		k.find("%s at the audit's end: a run died while it wrote; "+
			"the next one cuts them off and tries their users again", text.Things(f.Torn, "torn row"))
	}
	if len(f.Redacted) > 0 {
		k.find("redacted: %s: its lists of people were erased", strings.Join(f.Redacted, ", "))
	}
	if f.SignedBy != "" {
		k.find("the seal is signed by %s", f.SignedBy)
	}
	if f.StampedAt != "" {
		k.find("the seal was there at %s: its timestamp says so", f.StampedAt)
	}
	for _, u := range f.Unchecked {
		k.find("unchecked: %s", u)
	}
	for _, p := range f.Problems {
		k.find("problem: %s", p)
	}
}

// judge turns findings into an exit code.
func judge(f *job.View, dir string) error {
	switch {
	case !f.Whole:
		more := ""
		if n := len(f.Problems) - 1; n > 0 {
			more = fmt.Sprintf(", and %s", text.Things(n, "more problem"))
		}
		return job.Fail(job.Incomplete, "compare the folder with a copy", "%s is not whole: %s%s", dir, f.Problems[0], more)
	case !f.Finished:
		return job.Fail(job.Incomplete, "the command of the run goes on where it stopped",
			"whole so far, %s without an outcome", text.Count(f.Remaining))
	case f.Failed+f.Unknown+f.Invalid+f.Mismatched > 0:
		why := report.RejectedName + " says how to mend each row"
		switch {
		case f.Failed+f.Unknown > 0:
			why = report.FailedName + " says why"
		case f.Invalid == 0:
			why = report.SparedName + " has them: compare the list with its source"
		}
		return job.Fail(job.Incomplete, why, "whole, but %s", wrong(f.Failed, f.Unknown, f.Invalid, f.Mismatched))
	case f.Living != nil && *f.Living > 0:
		return job.Fail(job.Incomplete, "they may have been changed since; look at the lines above",
			"%s %s", text.Things(*f.Living, "user"), left(f.Deed, "still exist", "are not suspended"))
	}
	return nil
}

// tenantOf is the tenant of the run that a command goes on with.
func tenantOf(given string, run *report.Run) (string, error) {
	if given != "" && given != run.Asked.TenantID {
		return "", job.Fail(job.Guard, "leave --tenant-id out: it is the run's",
			"the run was about tenant %s, not %s", cmp.Or(run.Asked.TenantID, "none"), given)
	}
	return run.Asked.TenantID, nil
}

// samePool refuses the credentials of another pool. Where nothing says which it is, the key does, or --user-pool-id.
func samePool(run *report.Run, host, pool string) error {
	if pool != run.Asked.UserPool || host != run.Asked.Host {
		return job.Fail(job.Guard, "give the --host and the credentials of the run; if these are it, and nothing else names "+
			"the pool, add --user-pool-id "+text.ShellWord(run.Asked.UserPool),
			"the run was about user pool %s of %s and this is %s of %s", run.Asked.UserPool, run.Asked.Host, pool, host)
	}
	return nil
}

const mostLiving = 20 // shown one by one

// showLiving asks the API, for the pool and the tenant of the run, who still exists.
func (k *console) showLiving(ctx context.Context, v *job.View, cfg client.Config) error {
	if v.Plan == nil {
		return job.Fail(job.Usage, "say where the input is now with --input FILE",
			"--live needs the input: %s", strings.Join(v.Unchecked, "; "))
	}
	var err error
	if cfg.TenantID, err = tenantOf(cfg.TenantID, v.Run); err != nil {
		return err
	}
	if err := credentials(&cfg); err != nil {
		return err
	}
	api, pool, err := k.logIn(ctx, cfg)
	if err != nil {
		return err
	}
	defer api.Close()
	if err := samePool(v.Run, cfg.Host, pool); err != nil {
		return err
	}
	return k.readBack(ctx, v, api, cfg.Workers)
}

// readBack shows who of the accepted exists.
func (k *console) readBack(ctx context.Context, v *job.View, api *client.Client, workers int) error {
	living := 0
	var read atomic.Int64
	stop := k.watch(func() string {
		return fmt.Sprintf("reading users back: %s of %s", text.Count(int(read.Load())), text.Count(v.Plan.Accepted))
	})
	err := v.FindLiving(ctx, api, workers, &read, func(line int, id string, said report.Outcome) {
		if said == report.Spared { // who was to live
			return
		}
		if living++; living <= mostLiving {
			k.find("line %d: %s %s (the audit says: %s)", line, id, left(v.Deed, "still exists", "is not suspended"),
				cmp.Or(string(said), "nothing yet"))
		}
	})
	stop()
	if err != nil {
		return job.Fail(job.Halted, "run the same command again", "not everybody could be read back: %w", err)
	}
	v.Living = &living
	accepted := text.Count(v.Plan.Accepted - v.Spared)
	if living > 0 {
		k.find("%s of the %s accepted users %s", text.Count(living), accepted,
			left(v.Deed, "still exist", "are not suspended"))
		return nil
	}
	k.find(left(v.Deed, "nobody of the %s accepted users exists any more",
		"of the %s accepted users everybody who exists is suspended"), accepted)
	return nil
}

// left chooses the words for users whom a deed has left as they were.
func left(d report.Deed, deleting, suspending string) string {
	if d == report.Suspend {
		return suspending
	}
	return deleting
}
