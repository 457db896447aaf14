package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"bulkdelete/bench/internal/lab"
	"bulkdelete/internal/text"
)

// growthRounded is up to how many users a job is measured in several rounds.
const growthRounded = 1_000_000

// stages are what a job consists of, in the table's order.
var stages = [...]string{"plan: until the first call", "calls", "files: after the last call", "verify", "report",
	"resume at half: until its first call", "peak memory of the run"}

// memoryStage is the one whose rounds are bytes; those of all others are seconds.
const memoryStage = len(stages) - 1

// size is a number of users, with the rounds of each stage.
type size struct {
	users  int
	rounds [len(stages)][]float64
}

// growth measures what each part of a job takes at several numbers of users.
func (b *bench) growth(ctx context.Context) error {
	numbers, err := b.sizes("10000,100000,1000000,10000000")
	if err != nil {
		return err
	}
	var all []*size
	for _, n := range numbers {
		if err := lab.WriteUsers(b.path("users.csv"), n); err != nil {
			return err
		}
		s := &size{users: n}
		rounds := b.rounds
		if n > growthRounded {
			rounds = 1
		}
		for round := range rounds {
			began := time.Now()
			if err = b.whole(ctx, s); err == nil {
				err = b.halves(ctx, s)
			}
			if err != nil {
				return fmt.Errorf("%d users: %w", n, err)
			}
			fmt.Fprintf(os.Stderr, "%s users, round %d of %d: %.0f s\n", text.Count(n), round+1, rounds,
				time.Since(began).Seconds())
		}
		all = append(all, s)
	}
	heading(fmt.Sprintf("How a job grows; %d workers, the median of %d rounds (one above %s users)", b.workers, b.rounds,
		text.Count(growthRounded)))
	growthTable(all)
	return nil
}

// whole runs a job from its beginning to its end, then verifies its folder and makes its files again. That all of
// these say that everybody is deleted is their exit code 0.
func (b *bench) whole(ctx context.Context, s *size) error {
	server, err := b.newSandbox(ctx)
	if err != nil {
		return err
	}
	defer server.Stop()
	c := b.ours("--json")
	began := time.Now()
	u, err := lab.Run(ctx, server.Env, 0, c.program, c.args...)
	if err != nil {
		return err
	}
	var summary struct {
		StartedAt time.Time `json:"started_at"`
		EndedAt   time.Time `json:"ended_at"`
	}
	if err := json.Unmarshal(u.Out, &summary); err != nil {
		return err
	}
	took := []time.Duration{summary.StartedAt.Sub(began), summary.EndedAt.Sub(summary.StartedAt),
		began.Add(u.Wall).Sub(summary.EndedAt)}
	for _, verb := range []string{"verify", "report"} {
		again, err := lab.Run(ctx, nil, 0, c.program, verb, b.path("users.bulkdelete"))
		if err != nil {
			return err
		}
		took = append(took, again.Wall)
	}
	for i, d := range took {
		s.rounds[i] = append(s.rounds[i], d.Seconds())
	}
	s.rounds[memoryStage] = append(s.rounds[memoryStage], float64(u.Peak))
	return nil
}

// halves stops a job when half of its users are deleted, and measures how long going on takes to come to its first
// call: it has to plan again, and to find in the audit what is done.
func (b *bench) halves(ctx context.Context, s *size) error {
	server, err := b.newSandbox(ctx)
	if err != nil {
		return err
	}
	defer server.Stop()
	const stopped = 5 // exit code
	half := b.ours("--progress", "none", "--stop-after", fmt.Sprint(s.users/2))
	if _, err := lab.Run(ctx, server.Env, stopped, half.program, half.args...); err != nil {
		return err
	}
	began := time.Now()
	rest := b.ours("--progress", "none")
	if _, err := lab.Run(ctx, server.Env, 0, rest.program, rest.args...); err != nil {
		return err
	}
	first, err := firstCall(filepath.Join(b.path("users.bulkdelete"), "audit.csv"), began)
	s.rounds[memoryStage-1] = append(s.rounds[memoryStage-1], first.Sub(began).Seconds())
	return err
}

// newSandbox is one where everybody exists, beside a folder that does not.
func (b *bench) newSandbox(ctx context.Context) (*lab.Sandbox, error) {
	if err := os.RemoveAll(b.path("users.bulkdelete")); err != nil {
		return nil, err
	}
	return lab.StartSandbox(ctx, lab.Binary(b.dir, "bulkdelete"), "--users", b.path("users.csv"))
}

// firstCall is when the first of an audit's calls began that began after a time.
func firstCall(audit string, after time.Time) (first time.Time, err error) {
	f, err := os.Open(audit)
	if err != nil {
		return first, err
	}
	defer f.Close()
	rows := csv.NewReader(f)
	rows.ReuseRecord = true
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) && first.IsZero() {
			return first, fmt.Errorf("%s has no call after %s", audit, after)
		}
		if errors.Is(err, io.EOF) {
			return first, nil
		}
		if err != nil {
			return first, err
		}
		const startedAt = 12
		at, err := time.Parse(time.RFC3339, row[startedAt]) // fails on the header
		if err == nil && at.After(after) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
}

// growthTable prints, for each stage and size, what it took in all and for each user, and what a further user takes
// between the two largest sizes. That one is without what is the same for every size; where it is the largest size's
// own, the stage grows in a straight line.
func growthTable(all []*size) {
	line, rule := "| ", "|---"
	for _, s := range all {
		line, rule = line+"| "+text.Count(s.users)+" users ", rule+"|---:"
	}
	fmt.Println(line + "| a further user |\n" + rule + "|---:|")
	for i, stage := range stages {
		fmt.Printf("| %s ", stage)
		for _, s := range all {
			v := median(s.rounds[i])
			inAll := fmt.Sprintf("%.2f s", v)
			if i == memoryStage {
				inAll = memory(v)
			}
			fmt.Printf("| %s; %s ", inAll, aUser(i, v/float64(s.users)))
		}
		more := "–"
		if n := len(all); n > 1 {
			before, last := all[n-2], all[n-1]
			more = aUser(i, (median(last.rounds[i])-median(before.rounds[i]))/float64(last.users-before.users))
		}
		fmt.Printf("| %s |\n", more)
	}
}

// aUser shows a user's share of a stage.
func aUser(stage int, share float64) string {
	if stage == memoryStage {
		return fmt.Sprintf("%.0f B", share)
	}
	return fmt.Sprintf("%.2f µs", share*1e6)
}
