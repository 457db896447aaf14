package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"

	"bulkdelete/bench/internal/lab"
	"bulkdelete/internal/text"
)

// series is what the rounds of one contender took, one entry a round.
type series struct {
	contender
	wall, cpu, peak []float64
	deleting        []float64 // seconds of the deleting alone, where the program says
}

func (s *series) add(u lab.Usage) {
	s.wall = append(s.wall, u.Wall.Seconds())
	s.cpu = append(s.cpu, u.CPU.Seconds())
	s.peak = append(s.peak, float64(u.Peak))
}

// ratios sets this series' rounds beside another's: more is faster. Rounds are compared one by one, since the machine
// changes its pace over a measurement.
func ratios(wall, beside []float64) []float64 {
	out := make([]float64, len(wall))
	for i := range wall {
		out[i] = beside[i] / wall[i]
	}
	return out
}

// calls measures how fast users are deleted where nothing goes wrong.
func (b *bench) calls(ctx context.Context) error {
	b.users = cmp.Or(b.users, 1_000_000)
	if err := lab.WriteUsers(b.path("users.csv"), b.users); err != nil {
		return err
	}
	all := []*series{
		{contender: b.rival("bare net/http loop", "bare")},
		{contender: b.ours("--json")},
		{contender: b.rival(fmt.Sprintf("a client a call, %d goroutines", b.workers), "pool")},
		{contender: b.rival("a client a call, for-loop", "loop")},
	}
	if err := b.alternate(all, func(s *series) error { return b.once(ctx, s) }); err != nil {
		return err
	}
	heading(fmt.Sprintf("%s users, %d workers, nothing goes wrong; the median of %d rounds",
		text.Count(b.users), b.workers, b.rounds))
	b.table(all)
	return nil
}

// alternate runs all contenders in every round, in turns from the first and from the last.
func (b *bench) alternate(all []*series, once func(*series) error) error {
	order := slices.Clone(all)
	for round := range b.rounds {
		for _, s := range order {
			if err := once(s); err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "round %d: %s: %.2f s\n", round+1, s.name, s.wall[round])
		}
		slices.Reverse(order)
	}
	return nil
}

// once runs one contender against a sandbox that is new.
func (b *bench) once(ctx context.Context, s *series) error {
	server, err := b.newSandbox(ctx)
	if err != nil {
		return err
	}
	defer server.Stop()
	u, err := lab.Run(ctx, server.Env, 0, s.program, s.args...)
	if err != nil {
		return err
	}
	left, err := (&reader{server: server}).count(ctx)
	if err != nil {
		return err
	}
	if left > 0 {
		return fmt.Errorf("%s left %d users: its time says nothing", s.name, left)
	}
	s.add(u)
	var summary struct{ Seconds float64 }
	if json.Unmarshal(u.Out, &summary) == nil && summary.Seconds > 0 {
		s.deleting = append(s.deleting, summary.Seconds)
	}
	return nil
}

func (b *bench) table(all []*series) {
	fmt.Println("| | users a second | beside the bare loop | rounds | CPU | peak memory |")
	fmt.Println("|---|---:|---:|---:|---:|---:|")
	bare := all[0].wall
	for _, s := range all {
		r := ratios(s.wall, bare)
		fmt.Printf("| %s | %s | %.2f | %s | %.1f s | %s |\n", s.name, b.aSecond(s.wall), median(r), spread(r),
			median(s.cpu), memory(median(s.peak)))
		if len(s.deleting) == len(bare) {
			r := ratios(s.deleting, bare)
			fmt.Printf("| – without planning before and files after | %s | %.2f | %s | | |\n",
				b.aSecond(s.deleting), median(r), spread(r))
		}
	}
}

// aSecond is how many users a second went in the median of rounds.
func (b *bench) aSecond(seconds []float64) string {
	return text.Count(int(math.Round(float64(b.users) / median(seconds))))
}
