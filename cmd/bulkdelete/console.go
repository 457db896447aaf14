package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v3"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

// console is where the program talks: the summary to standard output, everything else to standard error.
type console struct {
	in          io.Reader
	out         io.Writer
	err         *output
	interactive bool   // a person can be asked
	asksTTY     bool   // standard input is the data, so the terminal itself is asked
	terminal    bool   // standard error is a terminal
	cursor      bool   // and one that can move its cursor and show colours
	progress    string // bar, plain or none
	json        bool
	log         zerolog.Logger
}

// language is that of the page: the one asked for, or else the locale's.
func (o *outputOptions) language() string {
	locale := cmp.Or(o.lang, os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG"))
	if strings.HasPrefix(locale, "zh") {
		return "zh"
	}
	return "en"
}

func newConsole(c *cli.Command, o outputOptions) (*console, error) {
	root := c.Root()
	k := &console{in: root.Reader, out: root.Writer, err: root.ErrWriter.(*output), json: o.json, progress: o.progress}
	k.terminal = isTerminal(k.err)
	k.cursor = k.terminal && hasCursor(k.err)
	k.asksTTY = isStdin(c.Args().First())
	k.interactive = k.terminal && (isTerminal(root.Reader) || k.asksTTY)
	switch {
	case !slices.Contains([]string{"", "auto", "bar", "plain", "none"}, o.progress): // "": the command has no --progress
		return nil, fmt.Errorf("--progress %q: give auto, bar, plain or none", o.progress)
	case !slices.Contains([]string{"", "en", "zh"}, o.lang):
		return nil, fmt.Errorf("--lang %q: give en or zh", o.lang)
	case o.progress == "bar" || o.progress == "none":
	case k.cursor && o.progress != "plain":
		k.progress = "bar"
	default:
		k.progress = "plain"
	}
	level, err := zerolog.ParseLevel(o.logLevel)
	if err != nil || level == zerolog.NoLevel {
		return nil, fmt.Errorf("--log-level %q: give debug, info, warn or error", o.logLevel)
	}
	// The run's ID joins the lines of one process where the logs of many are collected.
	run := fmt.Sprintf("%08x", rand.Uint32())
	var w io.Writer = k.err
	switch format := o.logFormat; {
	case format == "console" || format == "" && k.terminal:
		w = zerolog.ConsoleWriter{Out: k.err, NoColor: !k.cursor || os.Getenv("NO_COLOR") != "", TimeFormat: time.TimeOnly}
	case format == "json":
		k.err.inJSON(run)
		if k.progress == "bar" {
			k.progress = "plain"
		}
	case format != "":
		return nil, fmt.Errorf("--log-format %q: give console or json", format)
	}
	k.log = zerolog.New(w).Level(level).With().Timestamp().Str("run", run).Logger()
	return k, nil
}

// say writes a line for a person to standard error.
func (k *console) say(format string, args ...any) {
	fmt.Fprintln(k.err, text.CleanLines(fmt.Sprintf(format, args...)))
}

// sayAll is say for what Refresh notes.
func (k *console) sayAll(lines []string) {
	for _, line := range lines {
		k.say("%s", line)
	}
}

// find writes a line of the command's result to standard output, unless JSON goes there.
func (k *console) find(format string, args ...any) {
	if k.json {
		k.say(format, args...)
		return
	}
	k.err.draw("")
	fmt.Fprintln(k.out, text.CleanLines(fmt.Sprintf(format, args...)))
}

// mayAsk refuses what has to be confirmed where nobody can be asked; look is what to do first.
func (k *console) mayAsk(yes bool, look string) error {
	if yes || k.interactive {
		return nil
	}
	return job.Fail(job.Guard, "answer on a terminal, or give --yes"+look,
		"not confirmed: there is no terminal to ask on, and no --yes")
}

// confirm asks for the number of users, who are all that are left or, for a trial, the next of them.
func (k *console) confirm(ctx context.Context, verb string, users, left int) error {
	in := k.in
	if k.asksTTY {
		tty, err := os.Open(ownTerminal)
		if err != nil {
			return job.Fail(job.Guard, "give --yes",
				"not confirmed: standard input is the data and there is no terminal to ask on")
		}
		defer tty.Close()
		in = tty
	}
	question := fmt.Sprintf("Type %d to %s %s", users, verb, text.Things(users, "user"))
	if users < left {
		question = fmt.Sprintf("Trial: type %d to %s the first %s of %s", users, verb, text.Count(users),
			text.Count(left))
	}
	fmt.Fprintf(k.err, "%s, anything else to leave: ", question)
	answer := make(chan string, 1)
	go func() { // a read from a terminal cannot be interrupted: it ends with the process
		line, _ := bufio.NewReader(io.LimitReader(in, 1024)).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		k.say("")
		return job.Fail(job.Guard, "nothing was sent", "not confirmed: %w", context.Cause(ctx))
	case line := <-answer:
		if strings.ReplaceAll(line, ",", "") == strconv.Itoa(users) {
			return nil
		}
		return job.Fail(job.Guard, "nothing was sent", "not confirmed: the answer was %q, not %d", text.Clean(line), users)
	}
}

// showSummary prints what became of everybody.
func (k *console) showSummary(s *report.Summary, dir string) error {
	if k.json {
		return k.showJSON(s)
	}
	b := &strings.Builder{}
	in := func(name string) string { return filepath.Join(dir, name) }
	if s.Finished() {
		b.WriteString("Finished.\n")
	} else {
		b.WriteString("Unfinished: " + s.Reason + "\n")
	}
	countRows(b, s, in)
	if s.Deleted+s.Suspended > 0 {
		b.WriteString("Sessions were not ended: who is logged in may stay so.\n")
	}
	if s.LastRowHash != "" { // shards have chains of their own
		fmt.Fprintf(b, "It took %s; to see it, open %s\n", took(s), in(report.PageName))
		fmt.Fprintf(b, "The proof is in %s; its last row's hash is\n%s\n", in(report.AuditName), s.LastRowHash)
	}
	_, err := io.WriteString(k.out, text.CleanLines(b.String()))
	return err
}

// countRows says how many rows became what; in gives the path of a file.
func countRows(b *strings.Builder, s *report.Summary, in func(name string) string) {
	line := func(name, count, note string) {
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %-10s %12s  %s", name, count, note), " ") + "\n")
	}
	row := func(name string, n int, note string) {
		if n > 0 {
			line(name, text.Count(n), note)
		}
	}
	kind, exists := "rows", "a user with the same ID was there"
	switch s.Deed {
	case report.Reinstate:
		exists = "changed meanwhile, left alone: " + in(report.AuditName) + " says how"
		fallthrough
	case report.Restore:
		kind = "users"
		row("restored", s.Restored, in(report.RestoredName))
		row("exists", s.Exists, exists)
	case report.Suspend:
		line("suspended", text.Count(s.Suspended), "")
	default:
		line("deleted", text.Count(s.Deleted), "")
	}
	row("absent", s.Absent, "no such user: never was, or gone already")
	row("spared", s.Spared, in(report.SparedName))
	row("failed", s.Failed, in(report.FailedName))
	row("unknown", s.Unknown, in(report.FailedName))
	row("rejected", s.Rejected, in(report.RejectedName))
	row("remaining", s.Remaining, in(report.RemainingName))
	switch {
	case s.Deed == report.Suspend, len(s.Shards) > 0: // the pool stays as large; each shard counted it when it began
	case s.PoolBefore != nil && s.PoolAfter != nil:
		line("pool", text.Count(*s.PoolAfter), "users left, of "+text.Count(*s.PoolBefore)+" before")
	case s.Deed == report.Delete && s.Finished() && s.Accepted > 0:
		line("pool", "unknown", "they could not be counted")
	}
	row("not saved", s.NotSaved, "of the run, and not in the backup")
	line(kind, text.Count(s.Rows), "in "+s.Input.Name)
}

func took(s *report.Summary) string {
	if s.Seconds < 1 {
		return "less than a second"
	}
	return time.Duration(s.Seconds * float64(time.Second)).Round(time.Second).String()
}

func (k *console) showJSON(v any) error {
	enc := json.NewEncoder(k.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
