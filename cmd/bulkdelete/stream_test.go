package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"bulkdelete/pkg/job"
)

// Nobody waits before a silent screen, and a FIFO that nobody writes to hears the first signal: nothing was sent, and
// no folder is left.
func TestFIFOWithoutAWriterHearsTheFirstSignal(t *testing.T) {
	p := newPool(t, 10, "")
	dir := t.TempDir()
	makeFIFO(t, filepath.Join(dir, "fifo"))
	for _, args := range [][]string{
		{"run", "fifo", "--yes", "--out", "job"}, {"plan", "fifo"}, {"run", "-", "--yes", "--out", "job"},
	} {
		c := p.command(dir, args...)
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if c.Stderr, err = os.Create(filepath.Join(dir, "stderr")); err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		said := func() string { text, _ := os.ReadFile(filepath.Join(dir, "stderr")); return string(text) }
		waitFor(t, "a word about waiting", func() bool { return strings.Contains(said(), "waiting for whoever") })
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		c.Wait() //nolint:errcheck // the exit code is looked at
		in.Close()
		if code := c.ProcessState.ExitCode(); code != int(job.Interrupted) || p.sent() != 0 {
			t.Errorf("%v: exit code %d, %d calls\n%s", args, code, p.sent(), said())
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "job*")); len(left) > 0 {
			t.Errorf("%v leaves %v", args, left)
		}
	}
}
