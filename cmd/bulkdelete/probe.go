package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/sandbox"
	"bulkdelete/internal/text"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/journal"
)

func (p *process) probeCommand() *cli.Command {
	var o jobOptions
	return &cli.Command{
		Name:  "probe",
		Usage: "ask a pool, with three throwaway users, how its API behaves",
		Description: `It creates three users under names that nobody has, and removes them again.
Examples: a real pool, or the sandbox
   bulkdelete probe
   bulkdelete probe --sandbox --faults absent-404,readable=3s --yes`,
		Flags: probeFlags(&o),
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.NArg() > 0 {
				return job.Fail(job.Usage, "bulkdelete probe --help shows the flags",
					"probe takes no argument: %q", c.Args().First())
			}
			op, err := p.newOperation(c, &o)
			if err != nil {
				return err
			}
			op.config.Rate = client.PerSecond(job.ProbeRate)
			return op.end(op.probe(ctx))
		},
	}
}

// probeFlags are those of run's that mean something for a probe, and its own.
func probeFlags(o *jobOptions) []cli.Flag {
	o.expect, o.stopAfter, o.workers = none, none, 1
	return slices.Concat(
		named(o.apiOptions.flags(), "host", "auth", "signature-dialect", "tenant-id", "user-pool-id", "ca-cert",
			"retries", "timeout"),
		[]cli.Flag{
			toggle(&o.sandbox, apiFlags, "sandbox", "an embedded sandbox, empty at first: no account needed"),
			word(&o.names, outputFlags, "names", "bulkdelete-probe.json",
				"`FILE`: keeps the users' names until they are removed"),
		}, named(o.flags(), "yes", "faults", "json", "log-format", "log-level"))
}

// probe asks for leave, asks the API, and shows what it said.
func (o *operation) probe(ctx context.Context) error {
	if err := o.console.mayAsk(o.yes, ""); err != nil {
		return err
	}
	kept, err := openNames(o.names)
	if err != nil {
		return err
	}
	o.close = append(o.close, kept.close)
	if err := o.connect(ctx, sandbox.Config{}); err != nil {
		return err
	}
	former := kept.Names
	if former != nil && (kept.Host != o.host || kept.Pool != o.pool) {
		return job.Fail(job.Guard, "run probe with those --host and credentials first, or give another --names",
			"%s has users to be removed from user pool %s of %s, and this is %s of %s",
			o.names, text.Clean(kept.Pool), text.Clean(kept.Host), o.pool, o.host)
	}
	asked := &job.Probe{Client: o.client, Names: job.ProbeNames()}
	if err := o.agree(ctx, asked.Names, former); err != nil {
		return err
	}
	o.process.sent.Store(true)
	if err := o.removeProbe(ctx, former, kept); err != nil {
		return err
	}
	if err := kept.keep(o.host, o.pool, asked.Names); err != nil {
		return err
	}
	return errors.Join(o.ask(ctx, asked, kept), o.showProbe(asked))
}

// ask asks the API, and removes the three users, whatever has happened meanwhile.
func (o *operation) ask(ctx context.Context, asked *job.Probe, kept *keptNames) error {
	defer o.console.watch(func() string {
		return "asking the API: " + text.Things(o.heart.total().calls, "call") + " so far"
	})()
	err := asked.Ask(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		err = context.Cause(ctx)
	case err != nil:
		err = job.Fail(job.Halted, "run probe again", "the probe was not finished: %w", err)
	}
	return errors.Join(o.removeProbe(ctx, asked.Names, kept), err)
}

// agree says what is about to happen, and asks.
func (o *operation) agree(ctx context.Context, names, former []string) error {
	t := &table{}
	fmt.Fprintf(t, "Three users are created, used and deleted again. No others are touched.\n\n")
	t.rows("users", names)
	t.rows("left over", former)
	t.row("host", "%s", o.host)
	t.row("user pool", "%s", o.poolName(o.pool))
	t.row("calls", "some 50, at most %d a second", job.ProbeRate)
	if _, err := fmt.Fprintln(o.console.err, t.String()); err != nil || o.yes {
		return err
	}
	return o.console.confirm(ctx, "create and delete", len(names), len(names))
}

// removeProbe removes the users of a probe, also if the probe was stopped, and then their names from the file.
func (o *operation) removeProbe(ctx context.Context, who []string, kept *keptNames) error {
	if len(who) == 0 {
		return nil
	}
	left, err := job.RemoveProbe(context.WithoutCancel(ctx), o.client, who)
	if len(left) == 0 {
		return kept.keep("", "", nil)
	}
	why := ""
	if err != nil {
		why = ": " + err.Error()
	}
	return job.Fail(job.Halted,
		"run probe again, which tries to remove them first; if they are gone, remove "+kept.dir.Name(kept.name),
		"could not be removed: %s%s", strings.Join(left, ", "), why)
}

// showProbe prints what was found out.
func (o *operation) showProbe(p *job.Probe) error {
	if o.console.json {
		if err := o.console.showJSON(slices.Concat([]job.Finding{}, p.Findings)); err != nil {
			return err
		}
	} else {
		t := &table{}
		for _, f := range p.Findings {
			fmt.Fprintf(t, "%s\n  %s\n", f.Question, f.Answer)
			if f.Means != "" {
				fmt.Fprintf(t, "  -> %s\n", f.Means)
			}
		}
		if err := t.print(o.console.out); err != nil {
			return err
		}
	}
	if p.Open > 0 {
		return job.Fail(job.Incomplete, "", "%s not settled", text.Are(p.Open, "question"))
	}
	return nil
}

// keptNames is the file that has a probe's users from before they are created until they are gone. One process at a
// time holds it.
type keptNames struct {
	Host  string   `json:"host"`
	Pool  string   `json:"user_pool"`
	Names []string `json:"names"`

	dir     *journal.Dir
	name    string
	release func() error
}

func openNames(path string) (_ *keptNames, err error) {
	if err := onlyFile("names", path); err != nil {
		return nil, err
	}
	k := &keptNames{name: filepath.Base(path)}
	if k.dir, err = journal.OpenDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("--names: %w", err)
	}
	if k.release, err = k.dir.Lock(k.name); errors.Is(err, journal.ErrInUse) {
		err = job.Fail(job.Guard, "wait for it", "another probe works with %s", path)
	} else if err != nil {
		err = fmt.Errorf("--names: %w", err)
	}
	if err != nil {
		return nil, errors.Join(err, k.dir.Close())
	}
	if err := k.load(path); err != nil {
		return nil, errors.Join(fmt.Errorf("--names: %w", err), k.release(), k.dir.Close())
	}
	return k, nil
}

func (k *keptNames) load(path string) error {
	saved, err := k.dir.ReadFile(k.name, 1<<20)
	if err != nil || len(saved) == 0 {
		return err
	}
	if err := json.Unmarshal(saved, k); err != nil || len(k.Names) == 0 || !job.AreProbeNames(k.Names) {
		return job.Fail(job.Guard, "give another --names; nothing was changed",
			"%s is there, and holds no probe's names", path)
	}
	if k.Host == sandboxHost { // it ended with its process
		k.Names = nil
	}
	return nil
}

// keep writes to the disk whose users may have to be removed.
func (k *keptNames) keep(host, pool string, names []string) (err error) {
	k.Host, k.Pool, k.Names = host, pool, names
	var line []byte
	if len(names) > 0 {
		line, _ = json.Marshal(k) // plain strings
	}
	f, err := k.dir.OpenFile(k.name, os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(line)
	return errors.Join(err, f.Sync(), f.Close())
}

// close lets go of the file, and removes one that names nobody.
func (k *keptNames) close() error {
	var err error
	if len(k.Names) == 0 {
		err = k.dir.Remove(k.name)
	}
	return errors.Join(err, k.release(), k.dir.Close())
}
