package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"bulkdelete/internal/aloud"
)

// start starts the program and waits until it has recorded a chunk.
func start(t *testing.T, c *exec.Cmd, audit string) *strings.Builder {
	t.Helper()
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	waitFor(t, "a recorded chunk", func() bool {
		text, _ := os.ReadFile(audit)
		return strings.Count(string(text), "\n") > 1
	})
	return &out
}

// waitFor polls for what another process does.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// SIGTERM finishes the calls in flight, records them, makes the files and exits with 5; what is printed last goes on.
func TestSignalStopsInOrder(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			p := newPool(t, 2000, "latency=50ms")
			dir := t.TempDir()
			writeUsers(t, filepath.Join(dir, "all.csv"), 1, 2000)
			folder := filepath.Join(dir, "all.bulkdelete")
			c := p.command(dir, "run", "all.csv", "--yes", "--rate", "40")
			out := start(t, c, filepath.Join(folder, "audit.csv"))
			c.Process.Signal(signal)
			c.Wait()
			if code := c.ProcessState.ExitCode(); code != 5 {
				t.Fatalf("exit code %d:\n%s", code, out)
			}
			if !strings.HasSuffix(out.String(), "run all.csv --yes --rate 40\n") {
				t.Errorf("the last line does not go on:\n%s", out)
			}
			gone := 2000 - p.Len()
			if said := len(column(t, filepath.Join(folder, "deleted.csv"), "userId")); said != gone ||
				gone == 0 || gone == 2000 {
				t.Errorf("%d users are gone and %d are said to be", gone, said)
			}
			if left := len(column(t, filepath.Join(folder, "remaining.csv"), "userId")); left != 2000-gone {
				t.Errorf("remaining.csv has %d rows, want %d", left, 2000-gone)
			}
			if code, printed := exit(t, p.command(dir, "run", "all.csv", "--yes", "--rate", "5000")); code != 0 {
				t.Fatalf("going on ends with %d:\n%s", code, printed)
			}
			checkAllGone(t, p, folder, 2000)
			if p.sent() != 40 {
				t.Errorf("%d calls were sent for 40 chunks", p.sent())
			}
		})
	}
}

func TestSecondSignalLeavesAtOnce(t *testing.T) {
	p := newPool(t, 200, "latency=4s")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 200)
	// Without a login and a look at a sample, which would be slow too.
	c := p.command(dir, "run", "all.csv", "--yes", "--auth", "signature", "--sample", "0")
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a call in flight", func() bool { return p.sent() > 0 })
	began := time.Now()
	c.Process.Signal(syscall.SIGTERM)
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if strings.Contains(lines.Text(), "stopping") {
			break
		}
	}
	c.Process.Signal(syscall.SIGTERM) // timeout(1) sends two: this one says nothing new
	c.Process.Signal(syscall.SIGINT)
	go io.Copy(io.Discard, stderr)
	c.Wait()
	if status := c.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || time.Since(began) > 3*time.Second {
		t.Errorf("after %s: %v", time.Since(began), status)
	}
}

func TestTwoRunsNeverShareAFolder(t *testing.T) {
	p := newPool(t, 2000, "latency=50ms")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 2000)
	first := p.command(dir, "run", "all.csv", "--yes", "--rate", "20")
	start(t, first, filepath.Join(dir, "all.bulkdelete", "audit.csv"))
	code, printed := exit(t, p.command(dir, "run", "all.csv", "--yes"))
	if code != 3 || !strings.Contains(printed, strconv.Itoa(first.Process.Pid)) {
		t.Errorf("exit code %d, want 3 and process %d:\n%s", code, first.Process.Pid, printed)
	}
}

// Promise 2: what is sent is what was planned, even if the file changes meanwhile.
func TestInputThatChangesStopsTheRun(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(path string) error
	}{
		{"appended", func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = fmt.Fprintf(f, "%s,New\n", userID(2001))
			return err
		}},
		{"replaced", func(path string) error {
			other := path + ".new"
			if err := os.WriteFile(other, []byte("userId,name\n"+userID(2001)+",New\n"), 0o600); err != nil {
				return err
			}
			return os.Rename(other, path)
		}},
		{"rewritten in place", func(path string) error {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "00000000000", "00000000001")), 0o600)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPool(t, 5000, "latency=20ms")
			dir := t.TempDir()
			path := filepath.Join(dir, "all.csv")
			writeUsers(t, path, 1, 2000)
			before, _ := os.ReadFile(path)
			run := p.command(dir, "run", "all.csv", "--yes", "--rate", "30", "--workers", "2")
			out := start(t, run, filepath.Join(dir, "all.bulkdelete", "audit.csv"))
			if err := c.change(path); err != nil {
				t.Fatal(err)
			}
			run.Wait()
			if code := run.ProcessState.ExitCode(); code != 4 ||
				!strings.Contains(out.String(), "the input is not what was planned") {
				t.Errorf("exit code %d:\n%s", code, out)
			}
			// What had been read ahead may be sent, for it is what was planned.
			if c.name != "rewritten in place" && p.sent() == 40 {
				t.Error("the change did not stop the run: all chunks were sent")
			}
			for id := range p.everNamed() {
				if id > userID(2000) {
					t.Fatalf("%s was named and not planned", id)
				}
			}
			if err := os.WriteFile(path, before, 0o600); err != nil {
				t.Fatal(err)
			}
			if code, printed := exit(t, p.command(dir, "run", "all.csv", "--yes", "--rate", "5000")); code != 0 {
				t.Errorf("with the old file back the run ends with %d:\n%s", code, printed)
			}
			if p.Len() != 3000 {
				t.Errorf("%d users are left, want 3000", p.Len())
			}
		})
	}
}

// smallDisk mounts a file system of that size, with a file ballast in it that takes kib KiB.
func smallDisk(t *testing.T, size string, kib int) (mount string) {
	t.Helper()
	mount = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", mount).CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" && os.Geteuid() == 0 {
			t.Fatalf("a small file system cannot be mounted: %v: %s", err, out)
		}
		aloud.Skip(t, "needs the right to mount a tmpfs: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", mount).Run() })
	if err := os.WriteFile(filepath.Join(mount, "ballast"), make([]byte, kib<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	return mount
}

// savedIDs reads a backup as anybody can, up to an end that may be torn.
func savedIDs(t *testing.T, path string) map[string]bool {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	ids := map[string]bool{}
	for d := json.NewDecoder(z); ; {
		var u struct{ ID string }
		if d.Decode(&u) != nil {
			return ids
		}
		ids[u.ID] = true
	}
}

// On a disk that is full nobody is deleted who could not be saved; after making room the same command goes on.
func TestDiskFullForTheBackup(t *testing.T) {
	mount := smallDisk(t, "1m", 900)
	p := newPool(t, 5000, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 5000)
	folder := filepath.Join(mount, "job")
	args := []string{"run", "all.csv", "--yes", "--backup", "--rate", "5000", "--workers", "4", "--out", folder}
	code, printed := exit(t, p.command(dir, args...))
	if code != 4 || !strings.Contains(printed, "the backup cannot be written, so nobody more is deleted") ||
		p.sent() == 0 || p.sent() == 100 {
		t.Fatalf("exit code %d after %d deletions:\n%s", code, p.sent(), printed)
	}
	if err := os.Remove(filepath.Join(mount, "ballast")); err != nil {
		t.Fatal(err)
	}
	saved := savedIDs(t, filepath.Join(folder, "backup.jsonl.zst"))
	for id := range p.everNamed() {
		if !saved[id] {
			t.Fatalf("%s was named in a deletion and is not in the backup", id)
		}
	}
	if out, err := exec.Command("mount", "-o", "remount,size=16m", mount).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if code, printed := exit(t, p.command(dir, args...)); code != 0 {
		t.Fatalf("going on ends with %d:\n%s", code, printed)
	}
	checkAllGone(t, p, folder, 5000)
	if code, printed := exit(t, p.command(dir, "verify", folder)); code != 0 ||
		!strings.Contains(printed, "5,000 users, everybody deleted among them") {
		t.Errorf("verify ends with %d:\n%s", code, printed)
	}
}

// A full disk stops the run with 4; after making room the same command goes on.
func TestDiskFull(t *testing.T) {
	mount := smallDisk(t, "256k", 204)
	p := newPool(t, 5000, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 5000)
	folder := filepath.Join(mount, "job")
	args := []string{"run", "all.csv", "--yes", "--rate", "5000", "--workers", "4", "--out", folder}
	code, printed := exit(t, p.command(dir, args...))
	last := "run all.csv --yes --rate 5000 --workers 4 --out " + folder
	if code != 4 || !strings.Contains(printed, "no space left") || !strings.HasSuffix(strings.TrimSpace(printed), last) {
		t.Fatalf("exit code %d:\n%s", code, printed)
	}
	sent := p.sent()
	audit, err := os.ReadFile(filepath.Join(folder, "audit.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if recorded := strings.Count(string(audit), "\n") - 1; sent != recorded || sent == 0 || sent == 100 {
		t.Errorf("%d chunks were sent and %d recorded", sent, recorded)
	}
	if err := os.Remove(filepath.Join(mount, "ballast")); err != nil {
		t.Fatal(err)
	}
	remount := func(options string) {
		t.Helper()
		if out, err := exec.Command("mount", "-o", "remount,"+options, mount).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	remount("ro")
	if code, printed := exit(t, p.command(dir, args...)); code != 4 || p.sent() != sent {
		t.Errorf("on a disk that cannot be written the run ends with %d, after %d more calls:\n%s",
			code, p.sent()-sent, printed)
	}
	remount("rw,size=16m")
	if code, printed := exit(t, p.command(dir, args...)); code != 0 {
		t.Fatalf("going on ends with %d:\n%s", code, printed)
	}
	checkAllGone(t, p, folder, 5000)
}

// A rehearsal as the README describes it: the sandbox in one terminal, a run in another, credentials as it says.
func TestSandboxForRehearsals(t *testing.T) {
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 500)
	nobody := &pool{}
	serve := nobody.command(dir, "sandbox", "--users", "all.csv", "--addr", "127.0.0.1:0")
	stdout, err := serve.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { serve.Process.Kill() })
	run := nobody.command(dir, "run", "all.csv", "--yes", "--rate", "1000")
	lines := bufio.NewScanner(stdout)
	for said := 0; said < 3 && lines.Scan(); {
		if variable, ok := strings.CutPrefix(lines.Text(), "  export "); ok {
			run.Env = append(run.Env, variable)
			said++
		}
	}
	if code, printed := exit(t, run); code != 0 || !strings.Contains(printed, "  deleted             500\n") {
		t.Errorf("exit code %d:\n%s", code, printed)
	}
	serve.Process.Signal(os.Interrupt)
	last := ""
	for lines.Scan() {
		last = lines.Text()
	}
	if err := serve.Wait(); err != nil || last != "0 of 500 users are left" {
		t.Errorf("the sandbox ends with %v and %q", err, last)
	}
}
