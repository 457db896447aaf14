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
	*job.Record                 // in the making; plan's has no folder
	name        string          // of the input: a path, "-", or the last element of an object's URL
	given       string          // the input as the command line or the environment has it; it may be a secret
	object      *objects.Object // the input where it is a URL
	dir         string          // the run's folder; run only
	chunks      chunker.Options
	next        []string       // accepted rows whose turn has not come, to show
	refused     []string       // rejected rows, to show
	codes       map[string]int // rejected rows by class of reason
	met         map[string]int // rows that name somebody on a list
	unlooked    string         // why nobody was looked up
	want        *report.Run
	offline     string // why the API is not asked; "": it is
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
	d := &deletion{operation: op, Record: &job.Record{}, name: given, given: given, codes: map[string]int{},
		met: map[string]int{}}
	if isStream(given) {
		d.name = "-"
	}
	if d.chunks, err = o.chunking(); err != nil {
		return nil, err
	}
	if d.Protection, err = protected(o.protect, d.chunks.IDType); err != nil {
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
	if err := d.read(ctx); err != nil {
		return err
	}
	if err := d.checkRejected(); err != nil && !d.Finished() {
		return err
	}
	if d.left() == 0 {
		d.offline = fmt.Sprintf("there is nobody left to %s", d.deed())
	} else if err := d.findNext(); err != nil {
		return err
	}
	return d.perform(ctx, d.Record, d.Folder, approval{verb: string(d.deed()), check: d.check, resume: d.resume(),
		show: func() error {
			t := &table{}
			d.showInput(t, d.console.err)
			d.showPool(t, d.console.err)
			return t.print(d.console.err)
		},
	})
}

// left is how many users earlier runs have not done, all where there is no folder.
func (d *deletion) left() int {
	if d.Folder == nil {
		return d.Plan.Accepted
	}
	return d.Remaining()
}

// settled says whether earlier runs have done a user.
func (d *deletion) settled(chunk, place int) bool { return d.Folder != nil && d.Settled(chunk, place) }

// findNext finds the first users whose turn has not come, to show.
func (d *deletion) findNext() error {
	defer d.console.watch(d.through("looking for the next users in " + d.Input.Name))()
	for row, err := range d.Plan.All(d.Input.Reader()) {
		if err != nil {
			return err
		}
		if row.Code == "" && !d.settled(row.Chunk, row.Place) {
			d.next = append(d.next, shown(row.Line, string(row.ID)))
		}
		if len(d.next) == samples {
			break
		}
	}
	return nil
}

// shown is a row to show to a person.
func shown(line int, what string) string { return fmt.Sprintf("line %d: %s", line, text.Clean(what)) }

// read is everything offline: the folder, held from now on, the input, the plan, and what earlier runs on the
// folder did. A folder that was made for nothing goes when it is closed.
func (d *deletion) read(ctx context.Context) error {
	folder, err := job.Claim(ctx, d.dir, d.console.say)
	if err != nil {
		return err
	}
	d.close = append(d.close, folder.Close)
	if err := d.metrics.write(); err != nil { // now, while nothing has been sent, and nobody else writes them
		return err
	}
	if err := d.readInput(ctx, folder); err != nil {
		return err
	}
	defer d.console.watch(d.through("comparing the audit in " + d.dir + " with the input"))()
	d.Record, err = folder.Adopt(d.want, d.Plan, d.Input, d.Protection)
	return err
}

// readInput reads the input to its end; where there is no folder, for nobody but who looks.
func (d *deletion) readInput(ctx context.Context, folder *job.Folder) (err error) {
	if d.Protection, err = folder.Protect(d.Protection); err != nil {
		return err
	}
	d.chunks.Protect = d.Protection.Planned(d.chunks.IDType)
	if err := d.open(ctx, folder); err != nil {
		return err
	}
	return d.scan(ctx)
}

// check connects, and refuses what was not meant.
func (d *deletion) check(ctx context.Context) error {
	if err := d.connectToPool(ctx); err != nil {
		return err
	}
	if err := d.AdoptTarget(d.want); err != nil {
		return err
	}
	if err := d.lookAtPool(ctx); err != nil {
		return err
	}
	return d.guard()
}

// connectToPool connects. The embedded sandbox has nobody whom earlier runs deleted.
func (d *deletion) connectToPool(ctx context.Context) error {
	gone := d.settled
	if d.suspend {
		gone = nil
	}
	like := sandbox.Config{IDType: d.Plan.Options.IDType}
	like.Members, like.Users = usersOf(d.Plan, d.Input, gone)
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
		d.Input, err = job.Fetch(ctx, d.object, f, d.console.say)
	case d.name == "-":
		d.Input, err = f.Spool(d.stream(ctx))
	default:
		d.Input, err = job.OpenInput(d.name)
	}
	switch {
	case err == nil:
		d.reading, d.close = d.Input, append(d.close, d.Input.Close)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// scan is the first pass over the input.
func (d *deletion) scan(ctx context.Context) (err error) {
	lists := d.Protection.Spelled(d.chunks.IDType, false)
	defer d.console.watch(d.through("reading " + d.Input.Name))()
	d.Plan, err = chunker.Scan(ctx, d.Input.Reader(), d.chunks, func(row chunker.Row) error {
		if row.Code == "" {
			return nil
		}
		d.codes[row.Code]++
		d.meet(lists, row.ID)
		if len(d.refused) < samples {
			d.refused = append(d.refused, shown(row.Line, row.Reason))
		}
		return nil
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return job.Fail(job.Usage, "nothing was sent", "%s: %w", d.Input.Name, err)
	}
	d.describe()
	if _, err := job.Rules(d.want.Asked, d.Plan); err != nil {
		return job.Fail(job.Usage, "nothing was sent", "%w", err)
	}
	return nil
}

func (d *deletion) describe() {
	target := report.Asked{Deed: d.deed(), Host: d.host, UserPool: d.pool, TenantID: d.tenantID, Reason: d.reason,
		Options: job.AskWho(d.match, d.only), Protect: d.Protection.Digest()}
	if d.backup {
		target.Backup = "true"
	}
	d.want = job.Describe(d.Input, d.Plan, target)
	d.want.Program = version()
}

// checkRejected refuses a file of which too much is wrong: it is probably another one than was meant, or read wrongly.
func (d *deletion) checkRejected() error {
	most, p := limit(d.maxRejected), d.Plan
	if n := p.AllRejected; most.Reached(n, p.AllRows, 20) {
		return job.Fail(job.Guard, "is it the right file, --column and --id-type? bulkdelete plan shows what is wrong; "+
			"nothing was sent", "%s, and --max-rejected is %s",
			text.Of(n, p.AllRows, "row", "is invalid or a duplicate", "are invalid or duplicates"), most)
	}
	return nil
}

// guard refuses what was not meant, before anything is sent, and remembers who approved it.
func (d *deletion) guard() (err error) {
	all := d.Plan.AllAccepted // shards are parts of one job, which the guards are about
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
		total = *d.poolUsers
		if d.Folder != nil { // whom earlier runs deleted was of the pool when the job began
			total += d.Users(report.Deleted)
		}
		of = fmt.Sprintf(" of the pool's %s", text.Count(total))
	}
	if !most.Allows(all, total) {
		return job.Fail(job.Guard, "look at the input, or raise the limit; nothing was sent",
			"%s%s would be %s, more than --max-deletes %s allows", text.Things(all, "user"), of, d.deed().Past(), most)
	}
	if d.plan == "" {
		return nil
	}
	d.approval, err = job.CheckPlan(d.plan, job.Whole(d.want, d.Plan), d.signers, d.attestor.Key)
	return err
}

// resume is the command that goes on with this run: the same one, but in the place of standard input, and of a URL
// that may hold a signature, stands the copy in the run's folder.
func (d *deletion) resume() string {
	hide := d.object != nil && d.object.Presigned() && slices.Contains(os.Args, d.given)
	words := slices.Clone(os.Args)
	for i, arg := range words {
		if arg == d.given && (hide || isStream(arg)) {
			words[i] = d.Input.Path
		}
	}
	if hide && d.out == "" { // it was made from the URL's name
		words = append(words, "--out", d.dir)
	}
	return commandLineOf(words)
}
