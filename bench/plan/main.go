// Command plan measures how long planning takes, as a whole process, beside a bare encoding/csv loop over the same file:
//
//	go run ./bench/plan            # 1 and 10 million rows
//	go run ./bench/plan 20000000   # as many as you like
//
// It needs 25 bytes of disk a row.
package main

import (
	"bufio"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const rounds = 3 // of which the fastest counts: what disturbs a run only ever makes it slower

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench/plan:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 2 && args[0] == "bare" { // this program itself is the loop that plan is compared with
		return bare(args[1])
	}
	sizes := []int{1_000_000, 10_000_000}
	if len(args) > 0 {
		sizes = nil
	}
	for _, arg := range args {
		n, err := strconv.Atoi(arg)
		if err != nil {
			return err
		}
		sizes = append(sizes, n)
	}
	return compare(sizes)
}

func compare(sizes []int) (err error) {
	dir, err := os.MkdirTemp("", "bulkdelete-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary := filepath.Join(dir, "bulkdelete")
	if out, err := exec.Command("go", "build", "-o", binary, "./cmd/bulkdelete").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	empty := filepath.Join(dir, "one.csv")
	if _, err := generate(empty, 1); err != nil {
		return err
	}
	base, err := measure(binary, "plan", empty) // the program's own memory
	if err != nil {
		return err
	}
	fmt.Print("| rows | bare loop, MB/s | plan, MB/s | plan takes | bytes an ID at the peak |\n|---|---|---|---|---|\n")
	for _, n := range sizes {
		file := filepath.Join(dir, "users.csv")
		size, err := generate(file, n)
		if err != nil {
			return err
		}
		var loop, plan []usage
		for range rounds { // by turns, so that both meet the same machine
			a, err := measure(os.Args[0], "bare", file)
			if err != nil {
				return err
			}
			b, err := measure(binary, "plan", file)
			if err != nil {
				return err
			}
			loop, plan = append(loop, a), append(plan, b)
		}
		l, p := slices.MinFunc(loop, faster), slices.MinFunc(plan, faster)
		fmt.Printf("| %d | %.0f | %.0f | %.1f times the bare loop | %.1f |\n", n, rate(size, l), rate(size, p),
			p.wall.Seconds()/l.wall.Seconds(), float64(p.peak-base.peak)/float64(n))
	}
	return nil
}

// usage is what a process took.
type usage struct {
	wall time.Duration
	peak int64 // bytes of memory
}

func faster(a, b usage) int { return int(a.wall - b.wall) }

func rate(bytes int64, u usage) float64 { return float64(bytes) / 1e6 / u.wall.Seconds() }

func measure(name string, args ...string) (usage, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = []string{"HOME=/", "PATH=" + os.Getenv("PATH")} // no credentials: plan stays offline
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return usage{}, fmt.Errorf("%v: %w: %s", cmd.Args, err, out)
	}
	wall := time.Since(began)
	return usage{wall, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10}, nil
}

// bare reads a file and does nothing with it.
func bare(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.ReuseRecord = true
	for {
		if _, err := r.Read(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// generate writes n different user IDs in one column.
func generate(file string, n int) (size int64, err error) {
	f, err := os.Create(file)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	w.WriteString("userId\n") //nolint:errcheck // Flush tells
	random := rand.New(rand.NewPCG(1, 2))
	var line [25]byte
	line[24] = '\n'
	for i := range n {
		id := [12]byte{0x63, 0x19, 0xa1, byte(i >> 16), byte(i >> 8), byte(i), byte(i >> 24)}
		for j := 7; j < 12; j++ {
			id[j] = byte(random.Uint32())
		}
		hex.Encode(line[:], id[:])
		w.Write(line[:]) //nolint:errcheck // Flush tells
	}
	err = errors.Join(w.Flush(), f.Close())
	return int64(n)*25 + 7, err
}
