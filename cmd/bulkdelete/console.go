package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

// console is where the program talks: the summary to standard output, everything else to standard error.
type console struct {
	in          io.Reader
	out         io.Writer
	err         *redirect // standard error; goes above the bar while there is one
	interactive bool      // a person can be asked
	terminal    bool      // standard error is a terminal
	cursor      bool      // and one that can move its cursor and show colours
	progress    string    // bar, plain or none
	json        bool
	log         zerolog.Logger

	users, failed, calls, throttled atomic.Int64
	busy                            atomic.Int64 // nanoseconds that calls took, together
	stopping                        atomic.Bool
}

func newConsole(c *cli.Command, o outputOptions) (*console, error) {
	root := c.Root()
	k := &console{in: root.Reader, out: root.Writer, err: &redirect{w: root.ErrWriter}, json: o.json}
	k.terminal = isTerminal(root.ErrWriter)
	k.cursor = k.terminal && os.Getenv("TERM") != "dumb"
	k.interactive = k.terminal && (isTerminal(root.Reader) || c.Args().First() == "-")
	if err := k.setProgress(o.progress); err != nil {
		return nil, err
	}
	level, err := zerolog.ParseLevel(o.logLevel)
	if err != nil || level == zerolog.NoLevel {
		return nil, fmt.Errorf("--log-level %q: give debug, info, warn or error", o.logLevel)
	}
	var w io.Writer = k.err
	switch format := o.logFormat; {
	case format == "console" || format == "" && k.terminal:
		w = zerolog.ConsoleWriter{Out: k.err, NoColor: !k.cursor || os.Getenv("NO_COLOR") != "", TimeFormat: time.TimeOnly}
	case format != "json" && format != "":
		return nil, fmt.Errorf("--log-format %q: give console or json", format)
	}
	// The run's ID joins the lines of one process where the logs of many are collected.
	k.log = zerolog.New(w).Level(level).With().Timestamp().Str("run", fmt.Sprintf("%08x", rand.Uint32())).Logger()
	return k, nil
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// say writes a line for a person to standard error.
func (k *console) say(format string, args ...any) {
	fmt.Fprintln(k.err, text.CleanLines(fmt.Sprintf(format, args...)))
}

// print writes a line of the command's result to standard output.
func (k *console) print(format string, args ...any) {
	fmt.Fprintln(k.out, text.CleanLines(fmt.Sprintf(format, args...)))
}

func showSamples(row func(name, format string, args ...any), name string, samples []sample) {
	for _, r := range samples {
		row(name, "line %d: %s", r.line, text.Clean(r.text))
		name = ""
	}
}

// confirm asks for the number of users. Where standard input is the data, the terminal itself is asked.
func (k *console) confirm(ctx context.Context, verb string, users int, inputIsStdin bool) error {
	in := k.in
	if inputIsStdin {
		tty, err := os.Open("/dev/tty")
		if err != nil {
			return job.Fail(job.Guard, "give --yes",
				"not confirmed: standard input is the data and there is no terminal to ask on")
		}
		defer tty.Close()
		in = tty
	}
	fmt.Fprintf(k.err, "Type %d to %s %s users, anything else to leave: ", users, verb, text.Count(users))
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
		if strings.ReplaceAll(line, ",", "") != strconv.Itoa(users) {
			return job.Fail(job.Guard, "nothing was sent", "not confirmed: the answer was %q, not %d", text.Clean(line), users)
		}
	}
	return nil
}

// showSummary prints what became of everybody.
func (k *console) showSummary(s *report.Summary, dir string) error {
	if k.json {
		return k.showJSON(s)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	rows, kind := &counts{}, "rows"
	rows.WriteString(headline(s) + "\n")
	if s.Deed == report.Restore {
		kind = "users"
		rows.add("restored", s.Restored, in(report.RestoredName))
		rows.add("exists", s.Exists, "a user with the same ID was there")
	} else {
		rows.always("deleted", s.Deleted, "")
		rows.add("absent", s.Absent, "no such user: never was, or gone already")
	}
	rows.add("failed", s.Failed, in(report.FailedName))
	rows.add("unknown", s.Unknown, in(report.FailedName))
	rows.add("rejected", s.Rejected, in(report.RejectedName))
	rows.add("remaining", s.Remaining, in(report.RemainingName))
	rows.add("not saved", s.NotSaved, "deleted, and not in the backup")
	return rows.print(k.out, kind, s.Rows, "in "+s.Input.Name, dir, s.LastRowHash)
}

// counts is the table of a summary.
type counts struct{ strings.Builder }

// add adds a line if there is something to count.
func (c *counts) add(name string, n int, note string) {
	if n > 0 {
		c.always(name, n, note)
	}
}

func (c *counts) always(name string, n int, note string) {
	c.WriteString(strings.TrimRight(fmt.Sprintf("  %-10s %12s  %s", name, text.Count(n), note), " ") + "\n")
}

// print ends the table with the sum and the audit that proves it.
func (c *counts) print(w io.Writer, name string, n int, note, dir, lastRowHash string) error {
	c.always(name, n, note)
	if lastRowHash != "" { // shards have chains of their own
		fmt.Fprintf(c, "The proof is in %s; its last row's hash is\n%s\n", filepath.Join(dir, report.AuditName), lastRowHash)
	}
	_, err := io.WriteString(w, text.CleanLines(c.String()))
	return closedPipe(err)
}

// closedPipe drops the error of a reader, such as head, that closed the pipe early.
func closedPipe(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

func (k *console) showJSON(v any) error {
	enc := json.NewEncoder(k.out)
	enc.SetIndent("", "  ")
	return closedPipe(enc.Encode(v))
}

func headline(s *report.Summary) string {
	if !s.Finished() {
		return "Unfinished: " + s.Reason
	}
	return "Finished."
}

// row counts a row that is on disk. What the API said about a user stays out of the log.
func (k *console) row(r report.Row) {
	k.users.Add(int64(r.Users))
	if r.Outcome != report.Failed && r.Outcome != report.Unknown {
		return
	}
	k.failed.Add(int64(r.Users))
	k.log.Warn().Int("chunk", r.Chunk).Str("part", fmt.Sprintf("%d-%d", r.From, r.To)).
		Str("outcome", string(r.Outcome)).Int("http_status", r.HTTPStatus).Int("status_code", r.StatusCode).
		Int("api_code", r.APICode).Strs("request_ids", r.RequestIDs).Msg("chunk failed")
}

// attempt counts a call on the wire; chunk is the one that it was for, or 0.
func (k *console) attempt(chunk int, a client.Attempt) {
	k.calls.Add(1)
	k.busy.Add(int64(a.Duration))
	if a.Throttled {
		k.throttled.Add(1)
	}
	if a.Err != nil {
		k.log.Debug().Str("call", a.Call).Int("chunk", chunk).Int("attempt", a.Number).
			Int("http_status", a.HTTPStatus).Int("status_code", a.StatusCode).Str("request_id", a.RequestID).
			Int64("ms", a.Duration.Milliseconds()).Err(a.Err).Msg("attempt failed")
	}
}

// fewWorkers says how many workers the pace would have needed, and "" if those that there were did.
func (k *console) fewWorkers(workers int, rate float64) string {
	calls := k.calls.Load()
	if calls < 10*int64(workers) || k.throttled.Load() > 0 {
		return ""
	}
	each := time.Duration(k.busy.Load() / calls)
	reach := float64(workers) / each.Seconds()
	if reach >= 0.97*rate {
		return ""
	}
	hint := fmt.Sprintf("hint: --workers %d reach %.0f calls a second at %s a call",
		workers, reach, each.Round(time.Millisecond))
	if enough := math.Ceil(1.1 * rate * each.Seconds()); enough <= mostWorkers {
		hint += fmt.Sprintf("\nhint: --workers %.0f would reach the %v that --rate allows", enough, rate)
	}
	return hint
}

// draining says how a run is ending; signalled: because of a signal.
func (k *console) draining(calls int, signalled bool) {
	k.stopping.Store(true)
	if k.cursor { // the ^C that the terminal shows stands where the bar begins
		fmt.Fprint(k.err, "\r\x1b[K")
	}
	text := "stopping: no new call starts"
	if calls > 0 {
		text += fmt.Sprintf("; %d in flight will be finished and recorded", calls)
	}
	if signalled {
		text += "\n(a second signal leaves at once)"
	}
	k.say("%s", text)
}
