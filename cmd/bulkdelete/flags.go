package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
	"bulkdelete/pkg/who"
)

const (
	inputFlags   = "Input"
	apiFlags     = "API"
	paceFlags    = "Pace"
	guardFlags   = "Guards"
	outputFlags  = "Output"
	idTypes      = "user_id, phone, email, username, external_id, identity, sync_relation, custom_field"
	defaultHost  = "https://api.genauth.ai"
	mostWorkers  = 1024
	credentialID = "GENAUTH_ACCESS_KEY_ID"
	credentialSK = "GENAUTH_ACCESS_KEY_SECRET"
)

// sources says which environment variables stand for a flag: BULKDELETE_ and its name, then others it is known by.
func sources(flag string, others ...string) cli.ValueSourceChain {
	own := "BULKDELETE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
	return cli.EnvVars(append([]string{own}, others...)...)
}

func word(to *string, category, name, value, usage string, others ...string) *cli.StringFlag {
	return &cli.StringFlag{Destination: to, Category: category, Name: name, Value: value, Usage: usage,
		Sources: sources(name, others...)}
}

func number(to *int, category, name string, value int, usage string) *cli.IntFlag {
	return &cli.IntFlag{Destination: to, Category: category, Name: name, Value: value, HideDefault: value <= 0,
		Usage: usage, Sources: sources(name)}
}

// rate lets a flag be a client.Rate.
type rate struct{ *client.Rate }

func (r rate) Set(s string) (err error) {
	*r.Rate, err = client.ParseRate(s)
	return err
}

func (r rate) Get() any { return *r.Rate }

func span(to *time.Duration, category, name string, value time.Duration, usage string) *cli.DurationFlag {
	return &cli.DurationFlag{Destination: to, Category: category, Name: name, Value: value, HideDefault: value == 0,
		Usage: usage, Sources: sources(name)}
}

func toggle(to *bool, category, name, usage string, aliases ...string) *cli.BoolFlag {
	return &cli.BoolFlag{Destination: to, Category: category, Name: name, Usage: usage, Aliases: aliases,
		HideDefault: true, Sources: sources(name)}
}

// inputOptions say how a CSV is read.
type inputOptions struct {
	column, idType, delimiter, encoding string
	noHeader, noValidate                bool
}

func (o *inputOptions) flags() []cli.Flag {
	return []cli.Flag{
		word(&o.column, inputFlags, "column", "", "`NAME|N`: the ID's column (default: found)"),
		word(&o.idType, inputFlags, "id-type", "user_id", "`T`: "+idTypes),
		word(&o.delimiter, inputFlags, "delimiter", "", "`C`: comma, semicolon, tab or pipe (default: found)"),
		word(&o.encoding, inputFlags, "encoding", "", "`E`: utf-8, utf-16, gbk or gb18030 (default: found)"),
		toggle(&o.noHeader, inputFlags, "no-header", "the first row is data"),
		toggle(&o.noValidate, inputFlags, "no-validate", "send IDs that do not look like their type"),
	}
}

// apiOptions say how every command that talks to the API does that.
type apiOptions struct {
	host, auth, dialect, tenantID, userPool, caCert string

	rate             client.Rate
	workers, retries int
	timeout          time.Duration
}

func (o *apiOptions) flags() []cli.Flag {
	o.rate = client.PerSecond(20)
	return []cli.Flag{
		word(&o.host, apiFlags, "host", defaultHost, "`URL`: the API's root", "GENAUTH_HOST"),
		word(&o.auth, apiFlags, "auth", "token", "`M`: token or signature"),
		word(&o.dialect, apiFlags, "signature-dialect", "", "`D`: authing (default) or genauth"),
		word(&o.tenantID, apiFlags, "tenant-id", "", "`ID`: the tenant", "GENAUTH_TENANT_ID"),
		word(&o.userPool, apiFlags, "user-pool-id", "", "`ID`: the user pool, where the token does not say it",
			"GENAUTH_USERPOOL_ID"),
		word(&o.caCert, apiFlags, "ca-cert", "", "`FILE`: further root certificates"),
		&cli.GenericFlag{Value: rate{&o.rate}, Category: paceFlags, Name: "rate", Sources: sources("rate"),
			Usage: "`R`: calls a second, or \"08:00,5 20:00,100\""},
		number(&o.workers, paceFlags, "workers", 16, "`N`: calls in flight at the most"),
		number(&o.retries, paceFlags, "retries", 8, "`N`: more attempts after a passing failure"),
		span(&o.timeout, paceFlags, "timeout", 30*time.Second, "`D`: for one attempt"),
	}
}

// outputOptions say how the program talks.
type outputOptions struct {
	progress, lang, logFormat, logLevel string
	json                                bool
}

func (o *outputOptions) flags() []cli.Flag {
	return []cli.Flag{
		word(&o.progress, outputFlags, "progress", "auto", "`M`: auto, bar, plain or none"),
		word(&o.lang, outputFlags, "lang", "", "`L`: en, or zh beside it, on report.html (default: by LANG)"),
		toggle(&o.json, outputFlags, "json", "print the summary as JSON"),
		word(&o.logFormat, outputFlags, "log-format", "", "`F`: console or json (default: console on a terminal)"),
		word(&o.logLevel, outputFlags, "log-level", "info", "`L`: debug, info, warn or error"),
	}
}

// jobOptions are those of run; plan takes them too, so that one command line serves both, and restore some of them.
type jobOptions struct {
	inputOptions
	apiOptions
	outputOptions
	attestOptions

	protect, only                                 []string
	sample, chunkSize, expect, stopAfter          int
	maxDuration                                   time.Duration
	yes, dryRun, suspend, backup, verify, sandbox bool
	match, shard, reason                          string
	maxDeletes, maxFailures, maxRejected          string
	plan, save, allowedSigners, faults            string
	out, upload, names                            string
	metricsFile, metricsAddr, metricsPush         string
}

// deed is what is done to users.
func (o *jobOptions) deed() report.Deed {
	if o.suspend {
		return report.Suspend
	}
	return report.Delete
}

// readsFirst says whether each user is read before anything is done, but for people protected by another kind of ID.
func (o *jobOptions) readsFirst() bool {
	return o.suspend || o.backup || o.match != "" || len(o.only) > 0
}

// none is a number that was not given.
const none = -1

func (o *jobOptions) flags() []cli.Flag {
	return slices.Concat(o.inputOptions.flags(), o.apiOptions.flags(), []cli.Flag{
		word(&o.metricsFile, outputFlags, "metrics-file", "", "`FILE`: write metrics for node exporter's textfile"),
		word(&o.metricsAddr, outputFlags, "metrics-addr", "", "`ADDR`: serve /metrics and /healthz while it runs"),
		word(&o.metricsPush, outputFlags, "metrics-push", "", "`URL`: push metrics to that Pushgateway at the end"),
		listOf(&o.protect, inputFlags, "protect", "`FILE`: people never to be touched, by any ID; repeatable"),
		word(&o.match, guardFlags, "match", "", "delete only whose profile agrees with the row's `FIELDS`: "+
			"email,name=Full name"),
		listOf(&o.only, guardFlags, "only",
			"delete only who fulfils `COND`: status=Suspended, last-login<90d-ago; repeatable"),
		number(&o.sample, guardFlags, "sample", 100, "`N` users looked up beforehand; 0: none"),
		number(&o.chunkSize, paceFlags, "chunk-size", 50, "`N`: users per call, 1 to 50"),
		span(&o.maxDuration, paceFlags, "max-duration", 0, "stop cleanly after `D`, such as 50m"),
		toggle(&o.yes, guardFlags, "yes", "do not ask", "y"),
		toggle(&o.dryRun, guardFlags, "dry-run", "do what plan does; beats --yes", "n"),
		number(&o.expect, guardFlags, "expect", none, "refuse unless exactly `N` users would be deleted"),
		word(&o.shard, paceFlags, "shard", "", "`I/N`: every Nth chunk from I, from 0; /N: JOB_COMPLETION_INDEX"),
		word(&o.maxDeletes, guardFlags, "max-deletes", "", "`N|P%`: refuse if more would be deleted (P%: of the pool)"),
		number(&o.stopAfter, guardFlags, "stop-after", none, "stop cleanly once `N` users are done"),
		word(&o.maxRejected, guardFlags, "max-rejected", "20%", "refuse if `N|P%` rows are invalid or duplicates"),
		word(&o.maxFailures, guardFlags, "max-failures", "10%", "stop once `N|P%` users failed"),
		word(&o.plan, guardFlags, "plan", "", "refuse unless input and options are what `FILE` says"),
		signersFlag(&o.allowedSigners, "who may have signed the plan"),
		word(&o.reason, guardFlags, "reason", "", "`TEXT`: the ticket or ground, kept with the proof"),
		toggle(&o.suspend, guardFlags, "suspend", "suspend instead of deleting; restore undoes it"),
		toggle(&o.backup, guardFlags, "backup", "save each user's profile before deleting the user"),
		toggle(&o.verify, guardFlags, "verify", "read each chunk back after deleting it"),
		toggle(&o.sandbox, apiFlags, "sandbox", "an embedded sandbox with FILE's users: no account needed"),
		word(&o.faults, apiFlags, "faults", "", "`SPEC`: what goes wrong: bulkdelete help faults"),
		word(&o.out, outputFlags, "out", "", "`DIR`: the run's folder; {date}, {time}, {input}, {shard} are filled in "+
			"(default: FILE's name + .bulkdelete)"),
		uploadFlag(&o.upload),
	}, o.attestOptions.flags(), o.outputOptions.flags())
}

func listOf(to *[]string, category, name, usage string) *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Destination: to, Category: category, Name: name, Usage: usage, Sources: sources(name)}
}

// named takes some flags of a command, so that they mean the same everywhere.
func named(all []cli.Flag, names ...string) []cli.Flag {
	return slices.DeleteFunc(all, func(f cli.Flag) bool { return !slices.Contains(names, f.Names()[0]) })
}

// check refuses what cannot be meant: a flag that would be ignored because another one is missing, and numbers out
// of range.
func (o *jobOptions) check() error {
	switch {
	case o.faults != "" && !o.sandbox:
		return job.Fail(job.Usage, "add --sandbox, or leave --faults out",
			"--faults is for the sandbox, and without --sandbox real users would be deleted")
	case o.allowedSigners != "" && o.plan == "":
		return job.Fail(job.Usage, "add --plan plan.json, or leave --allowed-signers out",
			"--allowed-signers says who may have signed the plan, and there is none")
	case o.stopAfter == 0 || o.stopAfter < none:
		return fmt.Errorf("--stop-after %d: give a number of users from 1", o.stopAfter)
	case o.expect < none:
		return fmt.Errorf("--expect %d: give a number of users", o.expect)
	case o.maxDuration < 0:
		return fmt.Errorf("--max-duration %s: give a time above 0", o.maxDuration)
	case o.sample < 0:
		return fmt.Errorf("--sample %d: give a number of rows, or 0 for none", o.sample)
	}
	if _, err := who.ParseMatch(o.match); err != nil {
		return fmt.Errorf("--match: %w", err)
	}
	for _, text := range o.only {
		if _, err := who.ParseOnly(text, time.Now()); err != nil {
			return fmt.Errorf("--only %w", err)
		}
	}
	for flag, path := range map[string]string{"out": o.out, "plan": o.plan, "ca-cert": o.caCert,
		"metrics-file": o.metricsFile} {
		if err := onlyFile(flag, path); err != nil {
			return err
		}
	}
	for flag, limit := range map[string]string{"max-failures": o.maxFailures, "max-rejected": o.maxRejected,
		"max-deletes": o.maxDeletes} {
		if _, err := job.ParseLimit(limit); err != nil {
			return fmt.Errorf("--%s: %w", flag, err)
		}
	}
	_, err := sandbox.ParseFaults(o.faults)
	return err
}

// limit reads a limit that check has read.
func limit(text string) job.Limit {
	l, _ := job.ParseLimit(text)
	return l
}

// guards are the flags that could have refused or stopped a run, as run.json keeps them: those that were given.
func (o *jobOptions) guards() map[string]string {
	g := map[string]string{"max_deletes": o.maxDeletes, "max_failures": o.maxFailures, "max_rejected": o.maxRejected,
		"plan": withoutSecrets(o.plan), "expect": strconv.Itoa(o.expect), "stop_after": strconv.Itoa(o.stopAfter),
		"max_duration": o.maxDuration.String(), "verify": strconv.FormatBool(o.verify)}
	maps.DeleteFunc(g, func(_, value string) bool {
		return slices.Contains([]string{"", strconv.Itoa(none), "0s", "false"}, value)
	})
	return g
}

// chunking gives what the flags say of planning.
func (o *jobOptions) chunking() (chunker.Options, error) {
	if o.chunkSize == 0 {
		return chunker.Options{}, errors.New("--chunk-size 0: give 1 to 50")
	}
	c, err := o.inputOptions.chunking()
	if err != nil {
		return c, err
	}
	c.ChunkSize = o.chunkSize
	if c.Shard, c.Shards, err = shard(o.shard); err != nil {
		return c, err
	}
	c.WholeRows = o.match != ""
	return c, c.Validate()
}

func (o *inputOptions) chunking() (c chunker.Options, err error) {
	c = chunker.Options{Column: o.column, IDType: o.idType, Encoding: strings.ToLower(o.encoding), NoHeader: o.noHeader,
		NoValidate: o.noValidate, ChunkSize: chunker.MaxChunk}
	if c.Delimiter, err = delimiter(o.delimiter); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// shard reads --shard I/N. In /N the I is the index that Kubernetes gives each pod of an Indexed Job.
func shard(text string) (i, n int, err error) {
	if text == "" {
		return 0, 1, nil
	}
	part, of, ok := strings.Cut(text, "/")
	if part == "" {
		if part = os.Getenv("JOB_COMPLETION_INDEX"); part == "" {
			return 0, 0, fmt.Errorf("--shard %q: JOB_COMPLETION_INDEX is not set, so say which shard: 0%s", text, text)
		}
	}
	i, errI := strconv.Atoi(part)
	n, errN := strconv.Atoi(of)
	if !ok || errI != nil || errN != nil || n < 1 || i < 0 || i >= n {
		return 0, 0, fmt.Errorf("--shard %q: give I/N with I from 0 to N-1, such as 0/4 to 3/4", text)
	}
	return i, n, nil
}

var delimiters = map[string]rune{"": 0, "comma": ',', ",": ',', "semicolon": ';', ";": ';',
	"tab": '\t', "\t": '\t', `\t`: '\t', "pipe": '|', "|": '|'}

func delimiter(s string) (rune, error) {
	d, ok := delimiters[strings.ToLower(s)]
	if !ok {
		return 0, fmt.Errorf("--delimiter %q: give comma, semicolon, tab or pipe", s)
	}
	return d, nil
}

// protected reads the people who must never be deleted.
func protected(files []string, idType string) (all job.Protection, err error) {
	for _, name := range files {
		if err := onlyFile("protect", name); err != nil {
			return nil, err
		}
		list, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("--protect: %w", err)
		}
		kinds, ids, err := chunker.List(list, idType)
		if err != nil {
			return nil, fmt.Errorf("--protect %s: %w", name, err)
		}
		for _, kind := range kinds {
			for _, id := range ids {
				all = append(all, job.Protected{Kind: kind, ID: id, List: filepath.Base(name)})
			}
		}
	}
	return all, nil
}

// config is how the client is to be, without credentials.
func (o *apiOptions) config() (client.Config, error) {
	cfg := client.Config{Host: strings.TrimRight(o.host, "/"), Auth: o.auth, Dialect: o.dialect, TenantID: o.tenantID,
		UserPool: o.userPool, Rate: o.rate, Workers: o.workers, Retries: o.retries, Timeout: o.timeout, Version: version()}
	switch {
	case o.dialect != "" && o.auth != "signature":
		return cfg, job.Fail(job.Usage, "add --auth signature, or leave --signature-dialect out",
			"--signature-dialect is for signatures, and --auth is %s", o.auth)
	case o.workers < 1 || o.workers > mostWorkers:
		return cfg, fmt.Errorf("--workers %d: give 1 to %d", o.workers, mostWorkers)
	case o.retries < 0:
		return cfg, fmt.Errorf("--retries %d: give 0 or more", o.retries)
	case o.timeout <= 0:
		return cfg, fmt.Errorf("--timeout %s: give a time above 0", o.timeout)
	}
	var err error
	if cfg.RootCAs, err = rootCAs(o.caCert); err != nil {
		return cfg, err
	}
	trial := cfg // nothing is sent by making a client
	trial.AccessKeyID, trial.AccessKeySecret, trial.Host = "any", "any", cmp.Or(cfg.Host, defaultHost)
	_, err = client.New(trial)
	return cfg, err
}
