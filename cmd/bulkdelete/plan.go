package main

import (
	"context"
	"errors"
	"github.com/urfave/cli/v3"

	"bulkdelete/pkg/job"
)

func planCommand() *cli.Command {
	return &cli.Command{
		Name:      "plan",
		Usage:     "check a CSV and show what run would delete; changes nothing",
		ArgsUsage: "FILE|URL",
		Description: `Example:
   bulkdelete plan users.csv --save plan.json  # for a second person to read
   bulkdelete run users.csv --plan plan.json   # refused unless it is the same`,
		Flags:        append(jobFlags(), text(guardFlags, "save", "", "write the plan to `FILE` for a second person to approve")),
		OnUsageError: usageError,
		Action: func(ctx context.Context, c *cli.Command) error {
			s, err := newSession(c)
			if err != nil {
				return err
			}
			return s.end(s.runPlan(ctx, c.String("save")))
		},
	}
}

// runPlan does everything that run does before the first deletion. Without credentials it stays offline, unless the
// plan is to name the user pool.
func (s *session) runPlan(ctx context.Context, save string) error {
	if save != "" && s.options.Shards > 1 {
		return job.Fail(job.Usage, "leave out --shard: its runs are compared with the plan of the whole", "--save is for a whole plan, not for one shard's part")
	}
	if err := s.open(ctx, nil); err != nil {
		return err
	}
	if err := s.scan(ctx); err != nil {
		return err
	}
	offline := ""
	if err := s.connect(ctx); err != nil {
		var e *job.Error
		if save != "" || !errors.As(err, &e) || e.Code != job.Usage {
			return err
		}
		offline = e.Error()
	}
	if err := s.guards(ctx, 0); err != nil {
		return err
	}
	if err := s.checkPlan(); err != nil {
		return err
	}
	if err := s.printPlan(offline); err != nil {
		return err
	}
	if save != "" {
		if err := job.SavePlan(save, s.want); err != nil {
			return err
		}
		s.console.say("plan saved to %s", save)
	}
	if s.plan.Invalid > 0 {
		return job.Fail(job.Incomplete, "mend the rows above, or let run set them aside in rejected.csv", "%s of %s rows are invalid", count(s.plan.Invalid), count(s.plan.Rows))
	}
	return nil
}

// printPlan puts the plan, which is what this command is for, on standard output.
func (s *session) printPlan(offline string) error {
	if !s.console.json {
		return s.console.showPlan(s.console.out, s, s.plan.Accepted, offline)
	}
	text, err := job.MarshalPlan(s.want)
	if err != nil {
		return err
	}
	_, err = s.console.out.Write(text)
	return err
}

// checkPlan refuses what is not the approved plan, and remembers who approved it.
func (s *session) checkPlan() (err error) {
	if path := s.flags.String("plan"); path != "" {
		s.approval, err = job.CheckPlan(path, job.Whole(s.want, s.plan))
	}
	return err
}
