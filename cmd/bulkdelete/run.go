package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/sandbox"
	"bulkdelete/internal/text"
	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/objects"
	"bulkdelete/pkg/report"
)

func (p *process) runCommand() *cli.Command {
	var o jobOptions
	return &cli.Command{
		Name:      "run",
		Usage:     "check a CSV, ask, delete its users, and prove what became of each",
		ArgsUsage: "FILE|URL",
		Description: `Examples:
   bulkdelete run users.csv --sandbox                # no account needed
   bulkdelete run users.csv --stop-after 50          # a trial
   bulkdelete run users.csv                          # goes on with the others
   bulkdelete run users.csv --suspend                # restore undoes it
   bulkdelete run users.csv --match email,name       # only whom the rows mean
   bulkdelete run users.csv --yes --max-deletes 500  # in a cron container`,
		Flags: o.flags(),
		Action: func(ctx context.Context, c *cli.Command) error {
			d, err := p.openDeletion(c, &o)
			if err != nil {
				return err
			}
			if o.dryRun {
				return d.end(d.look(ctx))
			}
			d.metrics.heart.Store(d.heart)
			if err := d.metrics.open(&o); err != nil {
				return err
			}
			err = d.end(d.runAll(ctx))
			if errors.Is(err, job.ErrInUse) {
				return err // the metrics are those of the run that works
			}
			if lost := d.metrics.end(asError(err).Code); lost != nil { // the exit code is about the users alone
				d.console.log.Warn().Err(lost).Msg("metrics lost")
			}
			return err
		},
	}
}

// deletion is run or plan on its way.
type deletion struct {
	*operation
	name    string          // of the input: a path, "-", or the last element of an object's URL
	given   string          // the input as the command line or the environment has it; it may be a secret
	object  *objects.Object // the input where it is a URL
	dir     string          // the run's folder; run only
	chunks  chunker.Options
	planned *chunker.Plan
	first   []string       // accepted rows, to show
	refused []string       // rejected rows, to show
	codes   map[string]int // rejected rows by class of reason

	protection job.Protection // on the lists of this command line and, once there is a folder, of the runs before
	met        map[string]int // rows that name somebody on a list
	unlooked   string         // why nobody was looked up
	want       *report.Run
	offline    string // why the API is not asked; "": it is
}

const samples = 5 // that are shown

// urlVariable names the input where the command line does not: a presigned URL is a secret, which other users of the
// machine could read there.
const urlVariable = "BULKDELETE_URL"

// givenInput is the input as it was given.
func givenInput(c *cli.Command) (string, error) {
	switch n := c.NArg(); n {
	case 1:
		return c.Args().First(), nil
	case 0:
		given, err := secret(urlVariable)
		if given != "" || err != nil {
			return given, err
		}
		fallthrough
	default:
		return "", job.Fail(job.Usage, fmt.Sprintf("for example: %s users.csv", c.FullName()),
			"give one input FILE, or - for standard input; there are %d", n)
	}
}

// openDeletion reads the command line.
func (p *process) openDeletion(c *cli.Command, o *jobOptions) (*deletion, error) {
	given, err := givenInput(c)
	if err != nil {
		return nil, err
	}
	return p.newDeletion(c, o, given)
}

func (p *process) newDeletion(c *cli.Command, o *jobOptions, given string) (*deletion, error) {
	op, err := p.newOperation(c, o)
	if err != nil {
		return nil, err
	}
	d := &deletion{operation: op, name: given, given: given, codes: map[string]int{}, met: map[string]int{}}
	if isStream(given) {
		d.name = "-"
	}
	if d.chunks, err = o.chunking(); err != nil {
		return nil, err
	}
	if d.protection, err = protected(o.protect, d.chunks.IDType); err != nil {
		return nil, err
	}
	d.shards = max(1, d.chunks.Shards)
	d.config.Rate = d.config.Rate.Over(d.shards) // all shards together keep to --rate
	if objects.IsURL(given) {
		if d.object, err = objects.New(given, d.config.RootCAs); err != nil {
			return nil, job.Fail(job.Usage, "nothing was sent", "%w", err)
		}
		d.name = d.object.Name()
	}
	return d, nil
}

// runAll goes on with what earlier runs left, if --out tells where they are, and then does its own.
func (d *deletion) runAll(ctx context.Context) (err error) {
	if d.dir, err = d.folder(time.Now()); err != nil {
		return err
	}
	done, err := d.runEarlier(ctx)
	if done || asError(err).Code > job.Incomplete {
		return err
	}
	if own := d.run(ctx); own != nil { // what it says comes after what was said of the earlier ones
		return own
	}
	return err
}

// run goes from the input to the last file of the run's folder.
func (d *deletion) run(ctx context.Context) error {
	record, err := d.read(ctx)
	if err != nil {
		return err
	}
	folder := record.Folder
	if err := d.checkRejected(); err != nil && !folder.Finished() {
		return err
	}
	switch folder.Remaining() {
	case 0:
		d.offline = fmt.Sprintf("there is nobody left to %s", d.deed())
	case d.planned.Accepted:
	default:
		if err := d.findNext(folder); err != nil {
			return err
		}
	}
	return d.perform(ctx, record, folder, approval{
		verb: string(d.deed()), resume: d.resume(),
		check: func(ctx context.Context) error { return d.check(ctx, folder) },
		show: func() error {
			t := &table{}
			d.showInput(t, d.console.err, folder.Remaining())
			d.showPool(t, d.console.err, folder.Remaining())
			return t.print(d.console.err)
		},
	})
}

// findNext finds the first users whose turn has not come, to show.
func (d *deletion) findNext(folder *job.Folder) error {
	d.first = nil
	defer d.console.watch(d.through("looking for the next users in " + d.input.Name))()
	for row, err := range d.planned.All(d.input.Reader()) {
		if err != nil {
			return err
		}
		if row.Code == "" && !folder.Settled(row.Chunk, row.Place) {
			d.first = shown(d.first, row.Line, string(row.ID))
		}
		if len(d.first) == samples {
			break
		}
	}
	return nil
}

// shown adds a row to those that are shown to a person, unless they are enough.
func shown(rows []string, line int, what string) []string {
	if len(rows) == samples {
		return rows
	}
	return append(rows, fmt.Sprintf("line %d: %s", line, text.Clean(what)))
}

// read is everything offline: the folder, held from now on, the input, the plan, and what earlier runs on the
// folder did. A folder that was made for nothing goes when it is closed.
func (d *deletion) read(ctx context.Context) (*job.Record, error) {
	folder, err := job.Claim(ctx, d.dir, d.console.say)
	if err != nil {
		return nil, err
	}
	d.close = append(d.close, folder.Close)
	if err := d.metrics.write(); err != nil { // now, while nothing has been sent, and nobody else writes them
		return nil, err
	}
	if err := d.readInput(ctx, folder); err != nil {
		return nil, err
	}
	defer d.console.watch(d.through("comparing the audit in " + d.dir + " with the input"))()
	return folder.Adopt(d.want, d.planned, d.input, d.protection)
}

// readInput reads the input to its end; where there is no folder, for nobody but who looks.
func (d *deletion) readInput(ctx context.Context, folder *job.Folder) (err error) {
	if d.protection, err = folder.Protect(d.protection); err != nil {
		return err
	}
	d.chunks.Protect = d.protection.Planned(d.chunks.IDType)
	if err := d.open(ctx, folder); err != nil {
		return err
	}
	return d.scan(ctx)
}

// check connects, and refuses what was not meant.
func (d *deletion) check(ctx context.Context, folder *job.Folder) error {
	if err := d.connectToPool(ctx, folder.Settled); err != nil {
		return err
	}
	if err := folder.AdoptTarget(d.want); err != nil {
		return err
	}
	if err := d.lookAtPool(ctx, folder.Settled); err != nil {
		return err
	}
	return d.guard(folder.Users(report.Deleted)) // who is suspended is still of the pool
}

// connectToPool connects. The embedded sandbox has nobody whom earlier runs settled, unless it was by suspending.
func (d *deletion) connectToPool(ctx context.Context, settled func(chunk, place int) bool) error {
	like := sandbox.Config{IDType: d.planned.Options.IDType}
	like.Members, like.Users = usersOf(d.planned, d.input,
		func(chunk, place int) bool { return !d.suspend && settled(chunk, place) })
	if err := d.connect(ctx, like); err != nil {
		return err
	}
	d.describe()
	return nil
}

// open opens the input. What is no file is copied first, since it is read more than once: into the folder; where there
// is no folder, into a file without a name.
func (d *deletion) open(ctx context.Context, f *job.Folder) (err error) {
	if d.object != nil {
		defer d.console.watch(func() string {
			return fmt.Sprintf("fetching %s: %s bytes so far", d.object, text.Count(d.object.Came()))
		})()
	}
	switch {
	case d.object != nil:
		d.input, err = job.Fetch(ctx, d.object, f, d.console.say)
	case d.name == "-":
		d.input, err = f.Spool(d.stream(ctx))
	default:
		d.input, err = job.OpenInput(d.name)
	}
	switch {
	case err == nil:
		d.close = append(d.close, d.input.Close)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// scan is the first pass over the input.
func (d *deletion) scan(ctx context.Context) (err error) {
	lists := d.protection.Spelled(d.chunks.IDType, false)
	defer d.console.watch(d.through("reading " + d.input.Name))()
	d.planned, err = chunker.Scan(ctx, d.input.Reader(), d.chunks, func(row chunker.Row) error {
		if row.Code == "" {
			d.first = shown(d.first, row.Line, string(row.ID))
			return nil
		}
		d.codes[row.Code]++
		d.meet(lists, row.ID)
		d.refused = shown(d.refused, row.Line, row.Reason)
		return nil
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return job.Fail(job.Usage, "nothing was sent", "%s: %w", d.input.Name, err)
	}
	d.describe()
	if _, err := job.Rules(d.want.Asked, d.planned); err != nil {
		return job.Fail(job.Usage, "nothing was sent", "%w", err)
	}
	return nil
}

func (d *deletion) describe() {
	target := report.Asked{Deed: d.deed(), Host: d.host, UserPool: d.pool, TenantID: d.tenantID, Reason: d.reason,
		Options: job.AskWho(d.match, d.only), Protect: d.protection.Digest()}
	if d.backup {
		target.Backup = "true"
	}
	d.want = job.Describe(d.input, d.planned, target)
	d.want.Program = version()
}

// checkRejected refuses a file of which too much is wrong: it is probably another one than was meant, or read wrongly.
func (d *deletion) checkRejected() error {
	most, p := limit(d.maxRejected), d.planned
	if n := p.AllRejected; most.Reached(n, p.AllRows, 20) {
		return job.Fail(job.Guard, "is it the right file, --column and --id-type? bulkdelete plan shows what is wrong; "+
			"nothing was sent", "%s, and --max-rejected is %s",
			text.Of(n, p.AllRows, "row", "is invalid or a duplicate", "are invalid or duplicates"), most)
	}
	return nil
}

// guard refuses what was not meant, before anything is sent, and remembers who approved it. gone is how many users
// earlier runs of the same job deleted.
func (d *deletion) guard(gone int) (err error) {
	all := d.planned.AllAccepted // shards are parts of one job, which the guards are about
	if d.expect != none && d.expect != all {
		return job.Fail(job.Guard, "look at the input, or correct --expect; nothing was sent",
			"%s would be %s, not the %d of --expect", text.Things(all, "user"), d.deed().Past(), d.expect)
	}
	most, total, of := limit(d.maxDeletes), 0, ""
	if most.IsPercent() {
		if d.client == nil {
			return job.Fail(job.Usage, "",
				"a share with --max-deletes needs credentials: the API says how many users the pool has")
		}
		if d.poolUsers == nil {
			return job.Fail(job.Halted, "nothing was sent", "the pool's users cannot be counted for --max-deletes: %w",
				d.uncounted)
		}
		total = *d.poolUsers + gone // they were of the pool when the job began
		of = fmt.Sprintf(" of the pool's %s", text.Count(total))
	}
	if !most.Allows(all, total) {
		return job.Fail(job.Guard, "look at the input, or raise the limit; nothing was sent",
			"%s%s would be %s, more than --max-deletes %s allows", text.Things(all, "user"), of, d.deed().Past(), most)
	}
	if d.plan == "" {
		return nil
	}
	d.approval, err = job.CheckPlan(d.plan, job.Whole(d.want, d.planned), d.signers, d.attestor.Key)
	return err
}

// resume is the command that goes on with this run: the same one, but in the place of standard input, and of a URL
// that may hold a signature, stands the copy in the run's folder.
func (d *deletion) resume() string {
	hide := d.object != nil && d.object.Presigned() && slices.Contains(os.Args, d.given)
	words := slices.Clone(os.Args)
	for i, arg := range words {
		if arg == d.given && (hide || isStream(arg)) {
			words[i] = d.input.Path
		}
	}
	if hide && d.out == "" { // it was made from the URL's name
		words = append(words, "--out", d.dir)
	}
	return commandLineOf(words)
}
