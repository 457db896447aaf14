package job

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// trial is a random input, API and history of runs.
type trial struct {
	rows, pool, copies, invalid int
	faults, unknown             string
	readDenied, suspend         bool
	workers, chunk              int
	stops                       []time.Duration // each run but the last ends after that long
	killed                      []bool          // or rather dies: nobody wrote down how it ended
}

func drawTrial(rt *rapid.T) trial {
	c := trial{
		rows:    rapid.IntRange(0, 300).Draw(rt, "rows"),
		copies:  rapid.IntRange(0, 3).Draw(rt, "copies"),
		invalid: rapid.IntRange(0, 3).Draw(rt, "invalid"),
		unknown: rapid.SampledFrom([]string{sandbox.UnknownSucceeds, sandbox.UnknownNotFound,
			sandbox.UnknownPartial}).Draw(rt, "unknown"),
		readDenied: rapid.IntRange(0, 4).Draw(rt, "read denied") == 0,
		workers:    rapid.IntRange(1, 6).Draw(rt, "workers"),
		chunk:      rapid.SampledFrom([]int{1, 7, 50}).Draw(rt, "chunk"),
	}
	c.suspend = !c.readDenied && rapid.IntRange(0, 2).Draw(rt, "suspend") == 0
	c.pool = c.rows - rapid.IntRange(0, min(c.rows, 4)).Draw(rt, "missing")
	c.faults = fmt.Sprintf("all=%d%%,latency=%dms,seed=%d", rapid.IntRange(0, 30).Draw(rt, "share"),
		rapid.IntRange(0, 80).Draw(rt, "latency"), rapid.Uint64Range(0, 1<<20).Draw(rt, "seed"))
	for range rapid.IntRange(0, 5).Draw(rt, "runs before") {
		c.stops = append(c.stops, time.Duration(rapid.IntRange(1, 3000).Draw(rt, "stop after ms"))*time.Millisecond)
		c.killed = append(c.killed, rapid.Bool().Draw(rt, "killed"))
	}
	return c
}

// Whatever the input, the faults and the ends of runs: accepted + rejected = rows; deleted + absent + failed +
// unknown = accepted; said deleted => gone; gone => said deleted or unknown (or absent, where it cannot be told
// from never there).
func TestTheFilesTellTheTruth(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawTrial(rt)
		synctest.Test(t, func(t *testing.T) { tryOut(t, c) })
	})
}

func tryOut(t *testing.T, c trial) {
	faults, err := sandbox.ParseFaults(c.faults)
	if err != nil {
		t.Fatal(err)
	}
	b := newFixture(t, sandbox.Config{Faults: faults, Unknown: c.unknown, ReadDenied: c.readDenied}, c.pool, c.rows)
	b.cfg.Workers, b.chunk, b.suspend = c.workers, c.chunk, c.suspend
	var more strings.Builder
	for i := range min(c.copies, c.rows) {
		fmt.Fprintln(&more, id(i+1))
	}
	more.WriteString(strings.Repeat("not an ID\n", c.invalid))
	appendTo(t, b.input, more.String())
	for i, stop := range c.stops {
		b.adjust = func(j *Job) { j.MaxDuration = stop }
		if _, err := b.run(t.Context()); err == nil {
			break
		}
		if c.killed[i] {
			kill(t, b.dir)
		}
	}
	b.adjust = nil
	s, err := b.run(t.Context())
	for tries := 0; codeOf(err) == Halted && tries < 20; tries++ { // the API was out of reach for a while
		s, err = b.run(t.Context())
	}
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	if s.Accepted != c.rows || s.Duplicates != min(c.copies, c.rows) || s.Invalid != c.invalid || s.Remaining != 0 {
		t.Errorf("%+v: %+v", c, s)
	}
	if c.suspend {
		comeBack(t, b, c)
		return
	}
	if c.unknown != sandbox.UnknownPartial { // there a user whom a refused batch deleted looks like one who never was
		for _, row := range b.rows("deleted.csv") {
			if row["outcome"] == string(report.Absent) && b.api.Deletions(row["user_id"]) > 0 {
				t.Errorf("%+v: %s was deleted and is called absent", c, row["user_id"])
			}
		}
	}
	for n := c.rows + 1; n <= c.rows+10; n++ {
		if b.named[id(n)] > 0 {
			t.Errorf("user %d was not planned and is named", n)
		}
	}
}

// comeBack kills restores as often as runs were killed before. In the end nobody is suspended any more but whom the
// files name.
func comeBack(t *testing.T, b *fixture, c trial) {
	var err error
	for _, stop := range append(c.stops, make([]time.Duration, 20)...) { // 0: to the end
		b.adjust = func(j *Job) { j.MaxDuration = stop }
		if _, err = b.restore(t.Context()); err == nil && stop == 0 {
			break
		}
		if stop > 0 && err != nil {
			kill(t, filepath.Join(b.dir, report.RestoreName))
		}
	}
	failed := map[string]bool{}
	if err == nil && b.runJSON().Asked.Plan.Accepted > 0 {
		for _, row := range b.returns("failed.csv") {
			failed[row["id"]] = true
		}
		for _, row := range b.returns("restored.csv") {
			if row["outcome"] != string(report.Restored) { // nobody else has changed anything
				t.Fatalf("%+v: %v", c, row)
			}
		}
	}
	for n := 1; n <= c.pool && err == nil; n++ {
		if is := b.api.Profile("user_id", id(n)); is["status"] != "Activated" && !failed[id(n)] {
			t.Fatalf("%+v: user %d is still %s", c, n, is["status"])
		}
	}
	if err != nil {
		t.Errorf("%+v: %v", c, err)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// kill makes a folder look as if its last run had died instead of ending in order.
func kill(t *testing.T, path string) {
	t.Helper()
	dir, err := journal.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	run, err := report.LoadRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	run.Open, run.Last().Ended = true, nil
	if err := run.Save(dir); err != nil {
		t.Fatal(err)
	}
}
