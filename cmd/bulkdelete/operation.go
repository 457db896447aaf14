package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/sandbox"
	"bulkdelete/internal/text"
	"bulkdelete/pkg/attest"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/objects"
	"bulkdelete/pkg/report"
)

// sandboxHost stands in run.json for the embedded sandbox, whose port is another one each time.
const sandboxHost = "sandbox"

// operation is what run, plan and restore have in common: the way from what was asked to the last file.
type operation struct {
	*jobOptions
	process   *process
	command   *cli.Command
	console   *console
	metrics   *metrics
	config    client.Config
	shards    int                 // that keep to --rate together
	kept      []report.PaceChange // what bulkdelete pace asked of the run before
	heart     *heart
	host      string     // as run.json has it
	pool      string     // "": nobody has logged in
	reading   *job.Input // of which is told how much has been read; nil: none
	client    *client.Client
	looked    *job.Sample      // of the users, before; nil: nobody was looked up
	poolUsers *int             // in the pool, before; nil: not counted
	uncounted error            // why not
	upload    *objects.Folder  // where the folder is copied to; nil: nowhere
	attestor  job.Attestor     // who vouches for the seal
	signers   *attest.Signers  // one of whom has to have signed the plan; nil: nobody has to
	approval  *report.Approval // who approved the plan; nil: nobody was asked to
	close     []func() error
}

// newOperation reads flags alone: what is wrong with them is said before a file is touched.
func (p *process) newOperation(c *cli.Command, o *jobOptions) (*operation, error) {
	k, err := newConsole(c, o.outputOptions)
	if err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	op := &operation{jobOptions: o, process: p, command: c, console: k, metrics: newMetrics(), shards: 1}
	if op.config, err = o.config(); err != nil {
		return nil, err
	}
	op.heart = &heart{o: op, heard: time.Now()}
	op.config.Observe = op.attempt
	if op.host = op.config.Host; o.sandbox {
		op.host = sandboxHost
	}
	if op.upload, err = openUpload(o.upload, op.config.RootCAs); err != nil {
		return nil, err
	}
	if op.signers, err = readSigners(o.allowedSigners); err != nil {
		return nil, err
	}
	op.attestor, err = o.attestOptions.open(op.config.RootCAs)
	return op, err
}

// through says what is being done, and how much of the input has been read for it.
func (o *operation) through(what string) func() string {
	return func() string {
		if o.reading == nil {
			return what
		}
		return fmt.Sprintf("%s: %d%%", what, o.reading.Percent())
	}
}

// end closes everything that is open, the last opened first.
func (o *operation) end(err error) error {
	for _, f := range slices.Backward(o.close) {
		err = errors.Join(err, f())
	}
	return err
}

// connect connects to the API or, with --sandbox, to an embedded sandbox like that, and learns whose user pool it is.
func (o *operation) connect(ctx context.Context, like sandbox.Config) error {
	if o.sandbox {
		if err := o.startSandbox(like); err != nil {
			return err
		}
	} else if err := credentials(&o.config); err != nil {
		return err
	}
	if now := time.Now(); o.config.Rate.At(now) == 0 {
		fmt.Fprintf(o.console.err, "--rate pauses now, until %s\n", o.config.Rate.Next(now).Format("15:04 MST"))
	}
	var err error
	if o.client, o.pool, err = o.console.logIn(ctx, o.config); err != nil {
		return err
	}
	o.close = append(o.close, func() error { o.client.Close(); return nil })
	return nil
}

// logIn makes a client, and learns whose user pool it is for. Signed calls do not say; the key does.
func (k *console) logIn(ctx context.Context, cfg client.Config) (*client.Client, string, error) {
	api, err := client.New(cfg)
	if err != nil {
		return nil, "", err
	}
	defer k.whileSlow("logging in to " + cfg.Host)()
	pool, err := api.Login(ctx)
	if err != nil {
		return nil, "", unasked(ctx, err, "cannot log in", "check "+credentialID+" and "+credentialSK)
	}
	return api, cmp.Or(pool, cfg.AccessKeyID), nil
}

// unasked says that an API which has to be asked before anything is sent did not answer; denied is what to do where it
// refuses.
func unasked(ctx context.Context, err error, what, denied string) error {
	hint := denied
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, client.Unavailable):
		what, hint = "the API is out of reach", "check the network and --host"
	case errors.Is(err, client.ServerError):
		hint = "the API itself fails, whatever the credentials: run the same command again later"
	case errors.Is(err, client.Postponed):
		hint = "run the same command again then"
	case errors.Is(err, client.WrongPool):
		hint = "give the credentials of that pool, or correct --user-pool-id"
	case errors.Is(err, client.Unsupported):
		hint = "the error says what is missing"
	}
	return job.Fail(job.Halted, hint+"; nothing was sent", what+": %w", err)
}

// poolName is the user pool for people, who are told where nothing but the access key's ID has named it.
func (o *operation) poolName(pool string) string {
	if pool = text.Clean(pool); o.client != nil && o.client.PoolIsGuessed() {
		pool += " (guessed: the access key's ID; nothing else names it but --user-pool-id)"
	}
	return pool
}

// approval is what stands between a plan and the first call that changes something.
type approval struct {
	verb   string                      // delete, suspend, create or reinstate
	check  func(context.Context) error // connects, and refuses what was not meant
	show   func() error                // says what is about to happen
	resume string                      // the command that goes on with it
	never  int                         // users left of whom it is known that no call will name them
}

// approve is every check before the first call that changes something, the person's own last.
func (o *operation) approve(ctx context.Context, folder *job.Folder, a approval) error {
	if err := o.console.mayAsk(o.yes, "; look first with --dry-run"); err != nil {
		return err
	}
	if err := a.check(ctx); err != nil {
		return err
	}
	if err := a.show(); err != nil || o.yes {
		return err
	}
	left := folder.Remaining() - a.never
	users := left
	if o.stopAfter != none {
		users = min(users, o.stopAfter)
	}
	return o.console.confirm(ctx, a.verb, users, left)
}

// perform takes a deed from its approval to the last file of its folder. One that is finished is answered without a
// call.
func (o *operation) perform(ctx context.Context, d job.Deed, folder *job.Folder, a approval) (err error) {
	if folder.Finished() {
		return o.finishedBefore(ctx, d, folder.Path)
	}
	if err := o.keepPace(folder); err != nil {
		return err
	}
	if folder.Remaining() > 0 {
		if err := o.approve(ctx, folder, a); err != nil {
			return err
		}
		if err := o.beginUpload(ctx, folder.Path, folder.Run); err != nil {
			return err
		}
	} else if err := a.show(); err != nil {
		return err
	}
	return o.work(ctx, d, folder, a)
}

// work does what was approved, and makes the files.
func (o *operation) work(ctx context.Context, d job.Deed, folder *job.Folder, a approval) (err error) {
	j := o.newJob(ctx, d, folder.Path, a.resume)
	o.heart.work(j, folder)
	defer func() { o.heart.end(asError(err).Code) }()
	o.metrics.remaining.Set(float64(folder.Remaining()))
	if err := o.metrics.write(); err != nil {
		return err
	}
	ended := j.Run(ctx)
	if hint := o.heart.fewWorkers(); hint != "" {
		o.console.say("%s", hint)
	}
	o.heart.now(o.through("counting the pool's users"))
	if o.poolUsers != nil && ctx.Err() == nil && asError(ended).Code != job.Halted {
		if n, err := o.client.CountUsers(ctx); err == nil { // else it is not known
			ended = errors.Join(ended, folder.NotePool(n))
		}
	}
	o.heart.now(o.through("making the files"))
	summary, err := job.WriteFiles(d)
	o.heart.hide()
	o.heart.now(func() string { return "copying the folder" })
	resume := a.resume
	if last := folder.Run.Last(); last != nil {
		resume = last.Resume // which keeps a pace that was changed
	}
	if err != nil {
		e := asError(errors.Join(ended, err))
		e.Next = resume
		return e
	}
	return o.finish(ctx, d, folder.Path, false, o.result(summary, folder.Path, ended, resume))
}

// keepPace keeps to what bulkdelete pace asked of the run before, unless --rate says something else. What control.json
// asks was for that run.
func (o *operation) keepPace(folder *job.Folder) error {
	if c, err := folder.Control(); err == nil && c != nil {
		o.heart.seen = c.At
	}
	last := folder.Run.Last()
	if last == nil || o.command.IsSet("rate") {
		return nil
	}
	rate, pause := last.Kept()
	for _, c := range []*report.PaceChange{rate, pause} {
		if c != nil {
			o.kept = append(o.kept, *c)
		}
	}
	if rate == nil {
		return nil
	}
	r, err := client.ParseRate(rate.Rate)
	if err != nil {
		return job.Fail(job.Guard, "give --rate", "run.json keeps a pace that is none: %w", err)
	}
	o.config.Rate = r.Over(o.shards)
	return nil
}

// newJob makes the job of a deed, with who runs it, where, and with what approval. ctx ends with a signal.
func (o *operation) newJob(ctx context.Context, d job.Deed, dir, resume string) *job.Job {
	s := report.Session{Program: version(), By: job.Operator(), PID: os.Getpid(), Dir: dir, Approved: "typed",
		Plan: o.approval, Signer: o.signer(), Reason: o.reason, Guards: o.guards(), Resume: resume,
		Rate: o.config.Rate.String(), Paces: o.kept, PoolBefore: o.poolUsers, Lang: o.language()}
	if o.yes {
		s.Approved = "--yes"
	}
	if o.looked != nil {
		s.Sample = &o.looked.Sample
	}
	return &job.Job{
		Deed: d, Client: o.client, Session: s, Workers: o.config.Workers, StopAfter: max(0, o.stopAfter),
		AfterTrial:  withoutFlag(resume, "stop-after"),
		MaxFailures: limit(o.maxFailures), MaxDuration: o.maxDuration, Verify: o.verify, Began: o.began,
		Observe:  o.row,
		Draining: func(calls int) { o.draining(calls, ctx.Err() != nil) },
		Sealed: func(members []string) {
			o.console.say("warning: the pool shows %s of users encrypted or masked, and so the backup holds it"+
				": restore could create them with that alone", strings.Join(members, ", "))
		},
	}
}

// began says what was found when the folder was made ready for sending. From now on the exit code never says that
// nothing was sent.
func (o *operation) began(torn int) {
	o.process.sent.Store(true)
	o.heart.start()
	if torn > 0 {
		o.console.say("%s at the end of audit.csv: a run that died had not finished writing. "+
			"Cut off, and the users tried again", text.Things(torn, "torn row"))
	}
}

// finishedBefore answers for a folder that has nothing left to do, without a single call to the API.
func (o *operation) finishedBefore(ctx context.Context, d job.Deed, dir string) error {
	stop := o.console.watch(o.through("comparing the files in " + dir + " with the audit"))
	summary, notes, err := job.Refresh(d, "")
	stop()
	if err != nil {
		return err
	}
	o.console.sayAll(notes)
	o.console.say("nothing to do: %s is finished", dir)
	return o.finish(ctx, d, dir, true, o.result(summary, dir, nil, ""))
}

// result shows the summary and turns how the run ended into an error that says what to do next.
func (o *operation) result(s *report.Summary, dir string, ended error, resume string) error {
	if err := o.console.showSummary(s, dir); err != nil {
		return errors.Join(ended, err)
	}
	o.witness(s, dir)
	if ended != nil {
		e := asError(ended)
		if errors.Is(e, job.ErrStopAfter) {
			done := s.Accepted - s.Remaining
			o.console.say("Done: %s of %s. Look at them, then:\n%s", text.Count(done), text.Count(s.Accepted), resume)
			return job.Fail(e.Code, "", "")
		}
		return unfinished(e, s, resume)
	}
	if back := o.commandLine("restore", dir, apiNames...); s.Suspended > 0 {
		o.console.say("To give the users back the status that they had: %s", back)
	} else if o.backup && s.Deleted > 0 {
		o.console.say("To create the users again from the backup, with new user IDs: %s", back)
	}
	if s.ExitCode == 0 && !o.console.json {
		o.console.say("To check the proof: %s", o.commandLine("verify", dir))
	}
	return verdict(s, dir, o.commandLine("run", dir+"/"+report.FailedName, retryNames...))
}

// unfinished adds who is left to why a run stopped. resume is the command that goes on.
func unfinished(why *job.Error, s *report.Summary, resume string) error {
	e := job.Fail(why.Code, why.Hint, "%w; %s", why, text.Of(s.Remaining, s.Accepted, "user", "is left", "are left"))
	e.Next = resume
	return e
}

// verdict is the error that a summary's exit code leads to. again is the command that tries failed.csv again.
func verdict(s *report.Summary, dir, again string) error {
	switch {
	case !s.Finished():
		return unfinished(job.Fail(job.Code(s.ExitCode), "", "%s", s.Reason), s, s.Resume)
	case s.ExitCode == 0:
		return nil
	case s.Deed.Undoes():
		hint := fmt.Sprintf("%s/%s says why; to try again, move %s away and restore anew: who is there by now is left as is",
			dir, report.FailedName, dir)
		return job.Fail(job.Code(s.ExitCode), hint, "%s", text.Clauses(
			text.Clause(s.Failed, "user", "could not be restored", "could not be restored"),
			text.Clause(s.Unknown, "user", "may have been restored", "may have been restored"),
			text.Clause(s.NotSaved, "user", "was not in the backup", "were not in the backup")))
	}
	hint := report.RejectedName + " says how to mend each row"
	if s.Mismatched > 0 {
		hint = report.SparedName + " has the rows that describe somebody else: compare the list with its source"
	}
	if s.Failed+s.Unknown > 0 {
		hint = report.FailedName + " says why; to try them again: " + again
	}
	return job.Fail(job.Code(s.ExitCode), hint, "%s", wrong(s.Failed, s.Unknown, s.Invalid, s.Mismatched))
}

// wrong says what of a finished run is not as it should be.
func wrong(failed, unknown, invalid, mismatched int) string {
	return text.Clauses(text.Clause(failed, "user", "failed", "failed"),
		text.Clause(unknown, "user", "is unknown", "are unknown"), text.Clause(invalid, "row", "is invalid", "are invalid"),
		text.Clause(mismatched, "row", "describes somebody else", "describe somebody else"))
}
