// Command pace runs bulkdelete against a sandbox that allows fewer calls a second than the run is allowed to send,
// reads the run's own metrics four times a second, and draws how the pace finds the limit. It has to be started inside
// the repository; run.sh does that.
package main

import (
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"time"

	"bulkdelete/bench/internal/lab"
)

// trial is what is asked of the run.
type trial struct {
	limit, rate float64
	seconds     int
	svg, points string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pace:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	t := &trial{}
	var from string
	flags := flag.NewFlagSet("pace", flag.ContinueOnError)
	flags.Float64Var(&t.limit, "limit", 50, "calls a second that the server allows")
	flags.Float64Var(&t.rate, "rate", 100, "calls a second that the run is allowed")
	flags.IntVar(&t.seconds, "seconds", 100, "about how long the run takes")
	flags.StringVar(&t.svg, "svg", "docs/pace.svg", "`FILE` for the drawing")
	flags.StringVar(&t.points, "points", "bench/pace.csv", "`FILE` for what was measured")
	flags.StringVar(&from, "from", "", "draw what this `FILE` of points says, without a run")
	if err := flags.Parse(args); err != nil {
		return err
	}
	samples, err := load(from)
	if from == "" {
		samples, err = t.measure(ctx)
	}
	if err != nil {
		return err
	}
	t.tell(samples)
	return t.draw(samples)
}

// measure runs the trial and writes its points down.
func (t *trial) measure(ctx context.Context) (_ []sample, err error) {
	dir, err := os.MkdirTemp("", "bulkdelete-pace-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := lab.Build(ctx, dir, "./cmd/bulkdelete"); err != nil {
		return nil, err
	}
	program, users := lab.Binary(dir, "bulkdelete"), filepath.Join(dir, "users.csv")
	if err := lab.WriteUsers(users, int(t.limit)*t.seconds*50); err != nil {
		return nil, err
	}
	server, err := lab.StartSandbox(ctx, program, "--users", users, "--limit", fmt.Sprint(t.limit))
	if err != nil {
		return nil, err
	}
	defer server.Stop()
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() {
		_, err := lab.Run(ctx, server.Env, 0, program,
			"run", users, "--yes", "--rate", fmt.Sprint(t.rate), "--metrics-addr", address)
		done <- err
	}()
	samples, err := watch(ctx, "http://"+address+"/metrics", done)
	if err != nil {
		return nil, err
	}
	return samples, save(t.points, samples)
}

// freeAddress finds a port that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// tell says in numbers what the drawing shows.
func (t *trial) tell(samples []sample) {
	first, last := samples[0], samples[len(samples)-1]
	seconds := (last.at - first.at).Seconds()
	accepted, refused := last.accepted-first.accepted, last.refused-first.refused
	fmt.Printf("%.0f s, limit %g, --rate %g: %.1f accepted a second, %.0f%% of the limit; ",
		seconds, t.limit, t.rate, accepted/seconds, 100*accepted/seconds/t.limit)
	fmt.Printf("%.0f of %.0f attempts refused (%.2f%%)\n", refused, accepted+refused, 100*refused/(accepted+refused))
}

var columns = []string{"seconds", "accepted", "refused", "pace_limit"}

func save(path string, samples []sample) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	rows := [][]string{columns}
	for _, s := range samples {
		rows = append(rows, []string{fmt.Sprintf("%.2f", s.at.Seconds()), fmt.Sprint(s.accepted), fmt.Sprint(s.refused),
			fmt.Sprintf("%.2f", s.limit)})
	}
	return errors.Join(w.WriteAll(rows), f.Close())
}

// load reads what save wrote. No path is no samples.
func load(path string) ([]sample, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	var samples []sample
	for i, row := range rows[min(1, len(rows)):] {
		var n [4]float64
		for j, cell := range row[:min(len(row), len(n))] {
			if n[j], err = strconv.ParseFloat(cell, 64); err != nil {
				return nil, fmt.Errorf("%s, line %d: %w", path, i+2, err)
			}
		}
		samples = append(samples, sample{time.Duration(n[0] * float64(time.Second)), n[1], n[2], n[3]})
	}
	if len(samples) < 2 {
		return nil, fmt.Errorf("%s holds no points", path)
	}
	return samples, nil
}
