// Command compare runs bulkdelete and what people would use instead side by side, on the same server, in alternating
// rounds, and prints tables in Markdown. It has to be started inside the repository; run.sh does that.
//
//	compare calls     how fast each deletes where nothing goes wrong and nothing throttles
//	compare plan      how fast bulkdelete plans a file, beside encoding/csv reading it
//	compare growth    what each part of a job takes at 10 thousand to 10 million users
//	compare faults    what each leaves behind where some calls go wrong
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"bulkdelete/bench/internal/lab"
)

// bench is what all measurements need.
type bench struct {
	dir     string // for binaries, inputs and what the programs leave behind
	users   int
	rounds  int
	workers int
	rows    string
	faults  string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	if len(args) == 0 {
		return errors.New("give calls, plan, growth or faults")
	}
	b := &bench{}
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.IntVar(&b.users, "users", 0, "users to delete (default 1,000,000; 200,000 with faults)")
	flags.IntVar(&b.rounds, "rounds", 5, "rounds, of which the median counts; calls, plan and growth")
	flags.IntVar(&b.workers, "workers", 32, "calls in flight")
	flags.StringVar(&b.rows, "rows", "", "sizes of the files of plan and growth, with commas between")
	flags.StringVar(&b.faults, "faults", "all=2%,seed=1", "what goes wrong; see bulkdelete sandbox --help")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "bulkdelete-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := lab.Build(ctx, b.dir, "./cmd/bulkdelete", "./bench/rival"); err != nil {
		return err
	}
	switch args[0] {
	case "calls":
		return b.calls(ctx)
	case "plan":
		return b.plan(ctx)
	case "growth":
		return b.growth(ctx)
	case "faults":
		return b.leftBehind(ctx)
	}
	return fmt.Errorf("there is no %q: give calls, plan, growth or faults", args[0])
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// contender is a program beside others.
type contender struct {
	name    string
	program string
	args    []string
	most    int // exit code that still counts as an end
}

// rival is one verb of the rival program.
func (b *bench) rival(name, verb string, args ...string) contender {
	args = append([]string{verb, "-workers", fmt.Sprint(b.workers)}, args...)
	return contender{name: name, program: lab.Binary(b.dir, "rival"), args: append(args, b.path("users.csv"))}
}

// ours is the whole job: read, checked, planned, deleted, audited, and all files written. A rate that no machine
// reaches puts the pace out of the way.
func (b *bench) ours(args ...string) contender {
	whole := []string{"run", b.path("users.csv"), "--yes", "--rate", "1e9", "--workers", fmt.Sprint(b.workers)}
	program := lab.Binary(b.dir, "bulkdelete")
	return contender{name: "bulkdelete run", program: program, args: append(whole, args...), most: 1}
}

// heading says what was measured where, without naming the machine.
func heading(title string) {
	fmt.Printf("\n### %s\n%s, %d cores, %s/%s, %s%s\n\n", title, time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(),
		runtime.GOOS, runtime.GOARCH, runtime.Version(), commit())
}

// commit names the measured commit, where git says it.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return ""
	}
	return ", commit " + strings.TrimSpace(string(out))
}

// median is the middle one, or the mean of the two in the middle.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	if n == 0 {
		return 0
	}
	return (v[(n-1)/2] + v[n/2]) / 2
}

// spread is how far apart the rounds were.
func spread(values []float64) string {
	return fmt.Sprintf("%.2f–%.2f", slices.Min(values), slices.Max(values))
}

// memory shows a peak. What is not above this process's own peak cannot be told from it: see lab.
func memory(peak float64) string {
	own := lab.OwnPeak()
	switch {
	case peak == 0:
		return "?"
	case int64(peak) <= own:
		return fmt.Sprintf("≤ %d MiB", own>>20+1)
	}
	return fmt.Sprintf("%.0f MiB", peak/(1<<20))
}
