package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
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

func text(category, name, value, usage string, others ...string) *cli.StringFlag {
	return &cli.StringFlag{Category: category, Name: name, Value: value, Usage: usage, Sources: sources(name, others...)}
}

func number(category, name string, value int, usage string) *cli.IntFlag {
	return &cli.IntFlag{Category: category, Name: name, Value: value, HideDefault: value == 0, Usage: usage, Sources: sources(name)}
}

func span(category, name string, value time.Duration, usage string) *cli.DurationFlag {
	return &cli.DurationFlag{Category: category, Name: name, Value: value, HideDefault: value == 0, Usage: usage, Sources: sources(name)}
}

func toggle(category, name, usage string, aliases ...string) *cli.BoolFlag {
	return &cli.BoolFlag{Category: category, Name: name, Usage: usage, Aliases: aliases, HideDefault: true, Sources: sources(name)}
}

// jobFlags are those of run, which plan takes too, so that one command line serves both.
func jobFlags() []cli.Flag {
	return slices.Concat(inputFlagList(), clientFlags(), metricsFlags(), []cli.Flag{
		&cli.StringSliceFlag{Category: inputFlags, Name: "protect", Usage: "`FILE`: IDs never to be deleted; repeatable", Sources: sources("protect")},
		number(paceFlags, "chunk-size", 50, "`N`: users per call, 1 to 50"),
		span(paceFlags, "max-duration", 0, "stop cleanly after `D`, such as 50m"),
		toggle(guardFlags, "yes", "do not ask", "y"),
		toggle(guardFlags, "dry-run", "do what plan does; beats --yes", "n"),
		&cli.IntFlag{Category: guardFlags, Name: "expect", Usage: "refuse unless exactly `N` users would be deleted", HideDefault: true, Sources: sources("expect")},
		text(paceFlags, "shard", "", "`I/N`: every Nth chunk from I, from 0; /N: JOB_COMPLETION_INDEX"),
		text(guardFlags, "max-deletes", "", "`N|P%`: refuse if more would be deleted (P%: of the pool)"),
		number(guardFlags, "stop-after", 0, "stop cleanly once `N` users are done"),
		text(guardFlags, "max-failures", "10%", "stop once `N|P%` users failed"),
		text(guardFlags, "plan", "", "refuse unless input and options are what `FILE` says"),
		text(guardFlags, "reason", "", "`TEXT`: the ticket or ground, kept with the proof"),
		toggle(guardFlags, "backup", "save each user's profile before deleting the user"),
		toggle(guardFlags, "verify", "read each chunk back after deleting it"),
		toggle(apiFlags, "sandbox", "an embedded sandbox with FILE's users: no account needed"),
		text(apiFlags, "faults", "", "`SPEC`: what the sandbox does wrong, such as all=25%"),
		text(outputFlags, "out", "", "`DIR`: the run's folder; {date}, {time}, {input}, {shard} are filled in (default: FILE's name + .bulkdelete)"),
		uploadFlag(),
		text(outputFlags, "progress", "auto", "`M`: auto, bar, plain or none"),
		toggle(outputFlags, "json", "print the summary as JSON"),
		text(outputFlags, "log-format", "", "`F`: console or json (default: console on a terminal)"),
		text(outputFlags, "log-level", "info", "`L`: debug, info, warn or error"),
	})
}

func inputFlagList() []cli.Flag {
	return []cli.Flag{
		text(inputFlags, "column", "", "`NAME|N`: the ID's column (default: found)"),
		text(inputFlags, "id-type", "user_id", "`T`: "+idTypes),
		text(inputFlags, "delimiter", "", "`C`: comma, semicolon, tab or pipe (default: found)"),
		text(inputFlags, "encoding", "", "`E`: utf-8, utf-16, gbk or gb18030 (default: found)"),
		toggle(inputFlags, "no-header", "the first row is data"),
		toggle(inputFlags, "no-validate", "send IDs that do not look like their type"),
	}
}

// clientFlags are those of every command that talks to the API.
func clientFlags() []cli.Flag {
	return []cli.Flag{
		text(apiFlags, "host", defaultHost, "`URL`: the API's root", "GENAUTH_HOST"),
		text(apiFlags, "auth", "token", "`M`: token or signature"),
		text(apiFlags, "signature-dialect", "authing", "`D`: authing or genauth"),
		text(apiFlags, "tenant-id", "", "`ID`: the tenant", "GENAUTH_TENANT_ID"),
		text(apiFlags, "ca-cert", "", "`FILE`: further root certificates"),
		&cli.FloatFlag{Category: paceFlags, Name: "rate", Value: 20, Usage: "`R`: calls a second at the most", Sources: sources("rate")},
		number(paceFlags, "workers", 16, "`N`: calls in flight at the most"),
		number(paceFlags, "retries", 8, "`N`: more attempts after a passing failure"),
		span(paceFlags, "timeout", 30*time.Second, "`D`: for one attempt"),
	}
}

// metricsFlags say where a run's metrics go.
func metricsFlags() []cli.Flag {
	return []cli.Flag{
		text(outputFlags, "metrics-file", "", "`FILE`: write metrics for node exporter's textfile"),
		text(outputFlags, "metrics-addr", "", "`ADDR`: serve /metrics and /healthz while it runs"),
		text(outputFlags, "metrics-push", "", "`URL`: push metrics to that Pushgateway at the end"),
	}
}

func chunkerOptions(c *cli.Command) (chunker.Options, error) {
	o := chunker.Options{
		Column: c.String("column"), IDType: c.String("id-type"), Encoding: strings.ToLower(c.String("encoding")),
		NoHeader: c.Bool("no-header"), NoValidate: c.Bool("no-validate"), ChunkSize: chunker.MaxChunk,
	}
	if c.IsSet("chunk-size") { // not every command has it
		o.ChunkSize = c.Int("chunk-size")
	}
	if o.ChunkSize == 0 {
		return o, errors.New("--chunk-size 0: give 1 to 50")
	}
	var err error
	if o.Shard, o.Shards, err = shard(c.String("shard"), os.Getenv("JOB_COMPLETION_INDEX")); err != nil {
		return o, err
	}
	if o.Delimiter, err = delimiter(c.String("delimiter")); err != nil {
		return o, err
	}
	if err := o.Validate(); err != nil {
		return o, err
	}
	o.Protect, err = protected(c.StringSlice("protect"), o)
	return o, err
}

// shard reads --shard I/N. In /N the I is the index that Kubernetes gives each pod of an Indexed Job.
func shard(text, index string) (i, n int, err error) {
	if text == "" {
		return 0, 1, nil
	}
	part, of, ok := strings.Cut(text, "/")
	if part == "" {
		if part = index; index == "" {
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

func delimiter(s string) (rune, error) {
	switch strings.ToLower(s) {
	case "":
		return 0, nil
	case "comma", ",":
		return ',', nil
	case "semicolon", ";":
		return ';', nil
	case "tab", "\t", `\t`:
		return '\t', nil
	case "pipe", "|":
		return '|', nil
	}
	return 0, fmt.Errorf("--delimiter %q: give comma, semicolon, tab or pipe", s)
}

// protected reads the IDs that must never be deleted. Of the input's options only those that hold for any file count.
func protected(files []string, o chunker.Options) ([]string, error) {
	var ids []string
	for _, name := range files {
		if err := onlyFile("protect", name); err != nil {
			return nil, err
		}
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("--protect: %w", err)
		}
		some, err := chunker.IDs(f, chunker.Options{IDType: o.IDType})
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("--protect %s: %w", name, err)
		}
		ids = append(ids, some...)
	}
	return ids, nil
}

// clientConfig reads the flags of clientFlags, without credentials.
func clientConfig(c *cli.Command) (client.Config, error) {
	cfg := client.Config{
		Host: strings.TrimRight(c.String("host"), "/"), Auth: c.String("auth"), Dialect: c.String("signature-dialect"),
		TenantID: c.String("tenant-id"), Rate: c.Float("rate"), Workers: c.Int("workers"), Retries: c.Int("retries"),
		Timeout: c.Duration("timeout"), Version: version(),
	}
	switch {
	case !(cfg.Rate > 0) || math.IsInf(cfg.Rate, 0):
		return cfg, fmt.Errorf("--rate %v: give calls a second above 0", cfg.Rate)
	case cfg.Workers < 1 || cfg.Workers > mostWorkers:
		return cfg, fmt.Errorf("--workers %d: give 1 to %d", cfg.Workers, mostWorkers)
	case cfg.Retries < 0:
		return cfg, fmt.Errorf("--retries %d: give 0 or more", cfg.Retries)
	case cfg.Timeout <= 0:
		return cfg, fmt.Errorf("--timeout %s: give a time above 0", cfg.Timeout)
	}
	var err error
	cfg.RootCAs, err = rootCAs(c.String("ca-cert"))
	return cfg, err
}

// outDir is the run's folder: --out, filled in, or the input's name with .bulkdelete for its ending.
func outDir(c *cli.Command, input string, now time.Time) (string, error) {
	if dir := c.String("out"); dir != "" {
		return fillOut(c, dir, input, now)
	}
	if input == "-" || input == "" {
		return "", job.Fail(job.Usage, "give the run's folder with --out DIR", "the input has no name to make a folder from")
	}
	name := strings.TrimSuffix(input, filepath.Ext(input))
	if i, n, err := shard(c.String("shard"), os.Getenv("JOB_COMPLETION_INDEX")); err != nil || n > 1 {
		return fmt.Sprintf("%s.%d-of-%d.bulkdelete", name, i, n), err
	}
	return name + ".bulkdelete", nil
}

// secret reads a credential from the environment, or from the file that NAME_FILE names, as containers mount them.
func secret(name string) (string, error) {
	value, path := os.Getenv(name), os.Getenv(name+"_FILE")
	switch {
	case value != "" && path != "":
		return "", fmt.Errorf("%s and %s_FILE are both set: unset one", name, name)
	case path == "":
		return value, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// credentials fills in the access key. Where one half is missing the error says which variables to set.
func credentials(cfg *client.Config) error {
	id, err := secret(credentialID)
	if err != nil {
		return err
	}
	key, err := secret(credentialSK)
	if err != nil {
		return err
	}
	var missing []string
	if id == "" {
		missing = append(missing, credentialID)
	}
	if key == "" {
		missing = append(missing, credentialSK)
	}
	if len(missing) > 0 {
		return job.Fail(job.Usage, "set it in the environment, or name a file that holds it with _FILE at the variable's end; --sandbox needs none",
			"no credentials: missing %s", strings.Join(missing, " and "))
	}
	cfg.AccessKeyID, cfg.AccessKeySecret = id, client.Secret(key)
	return nil
}
