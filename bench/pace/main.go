// Command pace runs bulkdelete against a sandbox that allows fewer calls a second than the run is allowed to send, that
// refuses some for no reason and that other users use for a while; reads the run's own metrics four times a second; and
// draws how the pace finds the limit. It has to be started inside the repository; run.sh does that.
package main

import (
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"time"

	"bulkdelete/bench/internal/lab"
)

// trial is what is asked of the run.
type trial struct {
	limit, rate, others float64
	seconds             int
	faults, svg, points string
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
	flags.Float64Var(&t.others, "others", 30, "calls a second by other users in the fifth and sixth tenth of the time")
	flags.StringVar(&t.faults, "faults", "429=1%", "the sandbox's faults")
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
	server, err := lab.StartSandbox(ctx, program, "--users", users, "--limit", fmt.Sprint(t.limit), "--faults", t.faults)
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
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	samples, err := watch(ctx, "http://"+address+"/metrics", done, func() {
		go t.beOthers(ctx, server.Get("GENAUTH_HOST"))
	})
	if err != nil {
		return nil, err
	}
	return samples, save(t.points, samples)
}

// busy is when other users are there.
func (t *trial) busy() (from, to time.Duration) {
	tenth := time.Duration(t.seconds) * time.Second / 10
	return 4 * tenth, 6 * tenth
}

// beOthers sends calls that count against the limit, when its time has come. They are refused in the end for want of a
// token, which is looked at later.
func (t *trial) beOthers(ctx context.Context, host string) {
	from, to := t.busy()
	began := time.Now()
	tick := time.NewTicker(time.Duration(float64(time.Second) / t.others))
	defer tick.Stop()
	for time.Since(began) < to {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if time.Since(began) < from {
			continue
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, host+"/api/v3/list-users", nil)
		if err != nil {
			return
		}
		if response, err := http.DefaultClient.Do(r); err == nil {
			response.Body.Close()
		}
	}
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
	from, to := t.busy()
	left := t.limit*seconds - t.others*(to-from).Seconds()
	fmt.Printf("%.0f s, limit %g, --rate %g, %s: %.0f accepted, %.0f%% of what others left; ",
		seconds, t.limit, t.rate, t.faults, accepted, 100*accepted/left)
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
