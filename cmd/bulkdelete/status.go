package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

func statusCommand() *cli.Command {
	var o outputOptions
	var watch bool
	return &cli.Command{
		Name:      "status",
		Usage:     "say how a run stands, and what holds it up; changes nothing",
		ArgsUsage: "DIR",
		Description: `Examples:
   bulkdelete status users.bulkdelete
   bulkdelete status users.bulkdelete --watch  # until it ends
Exit codes: that of the run's state; running counts as 5, died as 4.`,
		Flags: append(named(o.flags(), "json", "log-level"),
			toggle(&watch, outputFlags, "watch", "show it every second until the run ends")),
		Action: func(ctx context.Context, c *cli.Command) error {
			k, err := newConsole(c, o)
			if err != nil {
				return err
			}
			dir, err := folderOf(c, "")
			if err != nil {
				return err
			}
			return k.showStatus(ctx, dir, watch)
		},
	}
}

// showStatus says how a run stands, again and again where that is wanted. Its exit code is that of the state.
func (k *console) showStatus(ctx context.Context, dir string, watch bool) error {
	for {
		stop := k.whileSlow("waiting for a heartbeat in " + dir)
		s, err := job.Status(ctx, dir)
		stop()
		if err != nil {
			return err
		}
		if err := k.printStatus(s, watch); err != nil {
			return err
		}
		working := s.State == report.Running || s.State == report.Paused
		if !watch || !working {
			return job.Fail(job.Code(s.ExitCode), "", "") // what was said is all there is to say
		}
		select {
		case <-ctx.Done():
			return job.Fail(job.Code(s.ExitCode), "", "")
		case <-time.After(time.Second):
		}
	}
}

func (k *console) printStatus(s *report.Status, watch bool) error {
	switch {
	case k.json && watch:
		return json.NewEncoder(k.out).Encode(s) // a line each
	case k.json:
		return k.showJSON(s)
	case watch && k.cursor && isTerminal(k.out):
		io.WriteString(k.out, "\x1b[H\x1b[2J") //nolint:errcheck // clears the screen; what follows says it
	}
	return describeStatus(s).print(k.out)
}

// describeStatus is a status for people.
func describeStatus(s *report.Status) *table {
	t, ago := &table{}, func(at time.Time) string { return roughly(time.Since(at)) + " ago" }
	share := 100 * float64(s.Done) / float64(max(1, s.Users))
	t.row(s.State, "process %d on %s, by %s, since %s", s.PID, s.Host, s.By, s.StartedAt.Format(time.RFC3339))
	t.row("done", "%s of %s users (%.0f%%), %s left", text.Count(s.Done), text.Count(s.Users), share, text.Count(s.Left))
	if s.State == report.Running || s.State == report.Paused {
		t.row("pace", "%.1f calls a second, %.4g at the most", s.Pace, s.Ceiling)
		t.row("held by", "%s", s.HeldBy)
		t.row("last minute", "%d retried, %d throttled", s.Retries, s.Throttled)
		if s.Seconds != nil {
			t.row("time left", "%s", roughly(time.Duration(*s.Seconds)*time.Second))
		}
	} else {
		t.row("last seen", "%s, %s", s.UpdatedAt.Format(time.RFC3339), ago(s.UpdatedAt))
		t.row("because", "%s", cmp.Or(s.HeldBy, "every user has an outcome"))
	}
	if e := s.LastError; e != nil {
		t.row("trouble", "%s: %s, request ID %s", ago(e.At), e.Message, cmp.Or(e.RequestID, "none"))
	}
	t.WriteString("\n")
	return t
}

func paceCommand() *cli.Command {
	var o outputOptions
	return &cli.Command{
		Name:      "pace",
		Usage:     "give the run that works on a folder another --rate, or pause it",
		ArgsUsage: "DIR RATE|pause|resume",
		Description: `Examples:
   bulkdelete pace users.bulkdelete 5
   bulkdelete pace users.bulkdelete pause   # calls in flight are finished
   bulkdelete pace users.bulkdelete resume  # at the rate of before
The run obeys within a second; its proof says who asked. A run that goes on
later keeps to it, unless it is given a --rate of its own.`,
		Flags: named(o.flags(), "json", "log-level"),
		Action: func(ctx context.Context, c *cli.Command) error {
			k, err := newConsole(c, o)
			if err != nil {
				return err
			}
			if c.NArg() != 2 {
				return job.Fail(job.Usage, fmt.Sprintf("for example: %s users.bulkdelete 5", c.FullName()),
					"give a run's folder DIR, and RATE, pause or resume")
			}
			dir, rate := c.Args().Get(0), c.Args().Get(1)
			if _, err := client.ParseRate(rate); err != nil && rate != report.Pause && rate != report.Resume {
				return fmt.Errorf("%w; or give pause or resume", err)
			}
			defer k.whileSlow("waiting for the run on " + dir + " to obey")()
			s, err := job.Repace(ctx, dir, report.PaceChange{At: time.Now().UTC(), By: job.Operator(), Rate: rate})
			if err != nil {
				return err
			}
			if k.json {
				return k.showJSON(s)
			}
			k.find("obeyed: %s, %.4g calls a second at the most", s.State, s.Ceiling)
			return nil
		},
	}
}
