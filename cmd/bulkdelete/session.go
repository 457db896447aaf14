package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/objects"
	"bulkdelete/pkg/report"
)

// sandboxHost stands in run.json for the embedded sandbox, whose port is another one each time.
const sandboxHost = "sandbox"

// session is one command line of run or plan on its way to the first deletion.
type session struct {
	flags    *cli.Command
	name     string          // of the input: a path, "-", or the last element of an object's URL
	given    string          // the input as the command line or the environment has it; it may be a secret
	object   *objects.Object // the input where it is a URL
	dir      string          // the run's folder; run only
	upload   *objects.Folder // where the run's folder is copied to; nil: nowhere
	console  *console
	metrics  *metrics // nil: plan
	options  chunker.Options
	config   client.Config
	input    *job.Input
	plan     *chunker.Plan
	first    []sample // the first accepted rows, to show
	refused  []sample // the first rejected rows
	target   job.Target
	approval *report.Approval // who approved the plan; nil: nobody was asked to
	want     *report.Run
	client   *client.Client
	close    []func() error
}

// sample is a row as it is shown to a person.
type sample struct {
	line int
	text string
}

const samples = 5

// newSession reads flags alone: whatever is wrong with them is said before a file is touched.
func newSession(c *cli.Command) (*session, error) {
	given, err := givenInput(c)
	if err != nil {
		return nil, err
	}
	console, err := newConsole(c)
	if err != nil {
		return nil, err
	}
	s := &session{flags: c, name: given, given: given, console: console}
	if err := checkNeeds(c); err != nil {
		return nil, err
	}
	if s.options, err = chunkerOptions(c); err != nil {
		return nil, err
	}
	if s.config, err = clientConfig(c); err != nil {
		return nil, err
	}
	s.config.Rate /= float64(s.options.Shards) // all shards together keep to --rate
	s.config.Observe = func(ctx context.Context, a client.Attempt) {
		console.attempt(job.ChunkOf(ctx), a)
		if s.metrics != nil {
			s.metrics.attempt(a)
		}
	}
	s.target = job.Target{Host: s.config.Host, TenantID: s.config.TenantID, Backup: c.Bool("backup"), Reason: c.String("reason")}
	if c.Bool("sandbox") {
		s.target.Host = sandboxHost
	}
	if err := s.readURLs(); err != nil {
		return nil, s.end(err)
	}
	return s, nil
}

// end lets go of everything the session holds, last taken first.
func (s *session) end(err error) error {
	for _, f := range slices.Backward(s.close) {
		err = errors.Join(err, f())
	}
	return err
}

// spools says whether the input has to be copied into a folder, since it is read more than once.
func (s *session) spools() bool { return s.object != nil || s.name == "-" }

// open opens the input. What is no file is copied into the folder first; where there is no folder, into a file without a
// name.
func (s *session) open(ctx context.Context, f *job.Folder) (err error) {
	switch {
	case s.object != nil && f == nil:
		s.input, err = job.Look(ctx, s.object)
	case s.object != nil:
		s.input, err = job.Fetch(ctx, s.object, f, s.console.say)
	case s.name == "-" && f == nil:
		s.input, err = job.Keep(s.flags.Root().Reader)
	case s.name == "-":
		s.input, err = f.Spool(s.flags.Root().Reader)
	default:
		s.input, err = job.OpenInput(s.name)
	}
	if err == nil {
		s.close = append(s.close, s.input.Close)
	}
	return err
}

// scan is the first pass over the input.
func (s *session) scan(ctx context.Context) (err error) {
	s.plan, err = chunker.Scan(ctx, s.input.Reader(), s.options, func(row chunker.Row) error {
		switch {
		case row.Reject == nil && len(s.first) < samples:
			s.first = append(s.first, sample{row.Line, string(row.ID)})
		case row.Reject != nil && len(s.refused) < samples:
			s.refused = append(s.refused, sample{row.Line, row.Reject.Reason})
		}
		return nil
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return job.Fail(job.Usage, "nothing was sent", "%s: %w", s.input.Name, err)
	}
	s.describe()
	return nil
}

func (s *session) describe() {
	s.want = job.Describe(s.input, s.plan, s.target)
	s.want.Program = version()
}

// connect makes the client and learns whose user pool it is.
func (s *session) connect(ctx context.Context) error {
	if err := s.connectTo(ctx, sandbox.Config{IDType: s.plan.Options.IDType, IDs: acceptedIDs(s.plan, s.input)}); err != nil {
		return err
	}
	s.describe()
	return nil
}

// connectTo connects to the API or, with --sandbox, to an embedded sandbox like that.
func (s *session) connectTo(ctx context.Context, cfg sandbox.Config) error {
	if s.flags.Bool("sandbox") {
		if err := s.startSandbox(cfg); err != nil {
			return err
		}
	} else if err := credentials(&s.config); err != nil {
		return err
	}
	var err error
	if s.client, err = client.New(s.config); err != nil {
		return err
	}
	s.close = append(s.close, func() error { s.client.Close(); return nil })
	pool, err := s.client.Login(ctx)
	if err != nil {
		return loginFailed(ctx, err)
	}
	s.target.UserPool = pool
	if pool == "" { // signed calls do not say; the key does
		s.target.UserPool = s.config.AccessKeyID
	}
	return nil
}

func loginFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, client.Unavailable) {
		return job.Fail(job.Halted, "check the network and --host; nothing was sent", "the API is out of reach: %w", err)
	}
	return job.Fail(job.Halted, "check "+credentialID+" and "+credentialSK+"; nothing was sent", "cannot log in: %w", err)
}

// guards refuses what was not meant, before anything is sent. gone is how many users earlier runs of the same job deleted.
func (s *session) guards(ctx context.Context, gone int) error {
	_, all := s.plan.Whole() // shards are parts of one job, which the guards are about
	if want := s.flags.Int("expect"); s.flags.IsSet("expect") && want != all {
		return job.Fail(job.Guard, "look at the input, or correct --expect; nothing was sent",
			"%d users would be deleted, not the %d of --expect", all, want)
	}
	limit, err := job.ParseLimit(s.flags.String("max-deletes"))
	if err != nil {
		return fmt.Errorf("--max-deletes: %w", err)
	}
	total := 0
	if limit.IsPercent() {
		if s.client == nil {
			return job.Fail(job.Usage, "", "a share with --max-deletes needs credentials: the API says how many users the pool has")
		}
		if total, err = s.client.CountUsers(ctx); err != nil {
			return job.Fail(job.Halted, "nothing was sent", "the pool's users cannot be counted for --max-deletes: %w", err)
		}
		total += gone // they were of the pool when the job began
	}
	if !limit.Allows(all, total) {
		of := ""
		if limit.IsPercent() {
			of = fmt.Sprintf(" of the pool's %s", count(total))
		}
		return job.Fail(job.Guard, "look at the input, or raise the limit; nothing was sent",
			"%s users%s would be deleted, more than --max-deletes %s allows", count(all), of, limit)
	}
	return nil
}

func rootCAs(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--ca-cert: %w", err)
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, 4<<20))
	if err != nil {
		return nil, fmt.Errorf("--ca-cert %s: %w", path, err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca-cert %s holds no certificate in PEM form", path)
	}
	return pool, nil
}
