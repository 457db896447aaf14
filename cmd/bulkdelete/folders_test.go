package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"bulkdelete/internal/aloud"
)

// The lock comes first: while one run waits at the prompt no other gets into the folder, and the one that is
// refused leaves nothing behind in it.
func TestWhoWaitsAtThePromptHoldsTheFolder(t *testing.T) {
	p := newPool(t, 500, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 500)
	folder := filepath.Join(dir, "all.bulkdelete")
	waiting := openTerminal(t, p.command(dir, "run", "all.csv", "--rate", "5000"), 100)
	waiting.wait(t, "Type 500 to delete")
	before := snapshot(t, folder)
	wants(t, p.command(dir, "run", "all.csv", "--yes"), 3, "another run works on it: process")
	wants(t, p.command(dir, "report", "all.bulkdelete"), 2, "is not a run's folder")
	if after := snapshot(t, folder); !maps.Equal(before, after) || p.sent() > 0 {
		t.Errorf("the run that was refused left %v, and %d calls were sent", after, p.sent())
	}
	waiting.write(t, "500\r")
	if code := waiting.end(t); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, waiting)
	}
	checkAllGone(t, p, folder, 500)
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 0)
}

// Who is refused, or answers no, leaves no folder.
func TestWhoIsRefusedLeavesNothing(t *testing.T) {
	p := newPool(t, 10, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 10)
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--expect", "9", "--out", "a/b/c"), 3)
	no := openTerminal(t, p.command(dir, "run", "all.csv", "--out", "a/b/c"), 100)
	no.wait(t, "Type 10 to delete")
	no.write(t, "no\r")
	if code := no.end(t); code != 3 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); err == nil {
		t.Errorf("a is there: %v", snapshot(t, dir))
	}
}

// Removing the lock does not let a second run in: the audit itself is held.
func TestALockThatIsRemoved(t *testing.T) {
	p := newPool(t, 2000, "latency=50ms")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 2000)
	folder := filepath.Join(dir, "all.bulkdelete")
	first := p.command(dir, "run", "all.csv", "--yes", "--rate", "20")
	start(t, first, filepath.Join(folder, "audit.csv"))
	if err := os.Remove(filepath.Join(folder, "lock")); err != nil {
		t.Fatal(err)
	}
	run, err := os.ReadFile(filepath.Join(folder, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	wants(t, p.command(dir, "run", "all.csv", "--yes"), 3, "another run works on it")
	if now, err := os.ReadFile(filepath.Join(folder, "run.json")); err != nil || string(now) != string(run) {
		t.Errorf("run.json was changed: %s", now)
	}
}

// An audit that is taken away while the run works stops it at once, and so does a folder.
func TestAnAuditThatIsTakenAway(t *testing.T) {
	for name, take := range map[string]func(folder string) error{
		"replaced": func(folder string) error {
			text, err := os.ReadFile(filepath.Join(folder, "audit.csv"))
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(folder, "copy"), text, 0o600); err != nil {
				return err
			}
			return os.Rename(filepath.Join(folder, "copy"), filepath.Join(folder, "audit.csv"))
		},
		"deleted": func(folder string) error { return os.Remove(filepath.Join(folder, "audit.csv")) },
		"emptied": func(folder string) error { return os.Truncate(filepath.Join(folder, "audit.csv"), 0) },
		"moved":   func(folder string) error { return os.Rename(folder, folder+".moved") },
		"removed": os.RemoveAll,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, 2000, "latency=20ms")
			dir := t.TempDir()
			writeUsers(t, filepath.Join(dir, "all.csv"), 1, 2000)
			folder := filepath.Join(dir, "all.bulkdelete")
			c := p.command(dir, "run", "all.csv", "--yes", "--rate", "40", "--workers", "4")
			out := start(t, c, filepath.Join(folder, "audit.csv"))
			if err := take(folder); err != nil {
				t.Fatal(err)
			}
			sent := p.sent()
			err := c.Wait()
			if code := c.ProcessState.ExitCode(); code != 4 || !strings.Contains(out.String(), "so nothing more is sent") {
				t.Errorf("exit code %d (%v):\n%s", code, err, out)
			}
			if more := p.sent() - sent; more > 2*4 {
				t.Errorf("%d more calls were sent", more)
			}
		})
	}
}

// A folder that is somebody else's is not written into.
func TestFoldersThatAreNotOurs(t *testing.T) {
	p := newPool(t, 10, "")
	outside := t.TempDir()
	for name, c := range map[string]struct {
		prepare func(folder string) error
		code    int
		words   string
	}{
		"files and no run.json": {func(folder string) error {
			return os.WriteFile(filepath.Join(folder, "failed.csv"), []byte("mine"), 0o600)
		}, 3, "holds failed.csv and no run.json"},
		"writable by everybody": {func(folder string) error { return os.Chmod(folder, 0o777) }, 3,
			"others may write into it"},
		"another user's": {func(folder string) error { return os.Chown(folder, 12345, 12345) }, 3,
			"belongs to user 12345"},
		"a link for the lock": {func(folder string) error {
			return os.Symlink(filepath.Join(outside, "x"), filepath.Join(folder, "lock"))
		}, 3, "lock is not a regular file"},
		"a link for run.json": {func(folder string) error {
			return os.Symlink(filepath.Join(outside, "x"), filepath.Join(folder, "run.json"))
		}, 3, "run.json is not a regular file"},
		"a file": {func(folder string) error {
			if err := os.Remove(folder); err != nil {
				return err
			}
			return os.WriteFile(folder, nil, 0o600)
		}, 2, "is not a folder"},
		"empty":                 {func(string) error { return nil }, 0, ""},
		"empty, for all to see": {func(folder string) error { return os.Chmod(folder, 0o755) }, 0, ""},
		"a lock and what was left half written": {func(folder string) error {
			return os.WriteFile(filepath.Join(folder, ".input.tmp"), []byte("people"), 0o600)
		}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if os.Geteuid() != 0 && c.words == "belongs to user 12345" {
				aloud.Skip(t, "only root can give a folder to another user")
			}
			dir := t.TempDir()
			writeUsers(t, filepath.Join(dir, "all.csv"), 1, 10)
			folder := filepath.Join(dir, "out")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := c.prepare(folder); err != nil {
				t.Fatal(err)
			}
			before, sent := listing(t, dir), p.sent()
			wants(t, p.command(dir, "run", "all.csv", "--yes", "--rate", "5000", "--out", "out"), c.code, c.words)
			if c.code > 0 && (listing(t, dir) != before || p.sent() != sent) {
				t.Errorf("it was %s and is %s", before, listing(t, dir))
			}
			if _, err := os.Stat(filepath.Join(folder, ".input.tmp")); err == nil {
				t.Error("what was left half written is still there")
			}
		})
	}
}

// listing says what there is, without following links.
func listing(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("find", dir, "-printf", "%P %M %u %s\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Everything temporary is in the folder, and what a run that was killed left there is cleared by the next.
func TestNothingIsLeftElsewhere(t *testing.T) {
	p := newPool(t, 3000, "latency=20ms")
	dir, tmp := t.TempDir(), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 3000)
	command := func(args ...string) *exec.Cmd {
		c := p.command(dir, args...)
		c.Env = append(c.Env, "TMPDIR="+tmp)
		return c
	}
	c := command("run", "-", "--yes", "--rate", "40", "--out", "job")
	input, err := os.Open(filepath.Join(dir, "all.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	c.Stdin = input
	start(t, c, filepath.Join(dir, "job", "audit.csv"))
	c.Process.Signal(syscall.SIGKILL)
	c.Wait()
	if err := os.WriteFile(filepath.Join(dir, "job", ".deleted.csv.tmp"), []byte("people"), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, command("run", "job/input", "--yes", "--rate", "5000", "--out", "job"), 0)
	plan := command("plan", "-")
	plan.Stdin, err = os.Open(filepath.Join(dir, "all.csv"))
	if err != nil {
		t.Fatal(err)
	}
	wants(t, plan, 0, "3,000 of 3,000 rows")
	for _, place := range []string{tmp, filepath.Join(dir, "job")} {
		entries, err := os.ReadDir(place)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if place == tmp || strings.HasPrefix(e.Name(), ".") {
				t.Errorf("%s is left in %s", e.Name(), place)
			}
		}
	}
}

// A folder that may not be written, or an input that may not be read, is a matter of configuration, and the message says
// whose it is, who we are, and how that is mended.
func TestAFolderWithoutPermission(t *testing.T) {
	if os.Geteuid() != 0 {
		aloud.Skip(t, "only root can become another user")
	}
	p := newPool(t, 10, "")
	dir := t.TempDir()
	// What the test made is for all to see.
	for path := dir; path != filepath.Clean(os.TempDir()); path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 10)
	if err := os.Chmod(filepath.Join(dir, "all.csv"), 0o644); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "bulkdelete")
	if out, err := exec.Command("cp", os.Args[0], binary).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Chmod(binary, 0o755); err != nil { // whatever the umask
		t.Fatal(err)
	}
	as := func(args ...string) *exec.Cmd {
		c := p.command(dir, args...)
		c.Path = binary
		c.SysProcAttr = asUser(65532)
		return c
	}
	wants(t, as("run", "all.csv", "--yes"), 2, "belongs to user 0 (root)", "this is user 65532", "permission denied",
		"hint: chown 65532 "+dir+" (on the host, where a container mounts it), or choose another folder with --out")
	if err := os.Chmod(filepath.Join(dir, "all.csv"), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, as("plan", "all.csv"), 2, "all.csv belongs to user 0 (root) (mode 0600), and this is user 65532",
		"hint: chown 65532 "+filepath.Join(dir, "all.csv"))
	if p.sent() > 0 {
		t.Errorf("%d calls were sent", p.sent())
	}
}

// Names that a folder is made of are safe ones.
func TestInputNamesAreMadeSafe(t *testing.T) {
	for name, want := range map[string]string{
		"users.csv": "users", "...csv": "input", "..csv": "input", ".csv": "input", "a/b.c.csv": "b.c", "-": "stdin",
		"x\n{date}.csv": "x__date_", "用户.csv": "用户",
	} {
		if got := inputName(name); got != want {
			t.Errorf("%q gives %q, want %q", name, got, want)
		}
	}
}

// A run that was killed while it made its files, or before it was sealed, is gone on with by a schedule, and
// nothing is sent again.
func TestAScheduleCompletesWhatDiedAtItsEnd(t *testing.T) {
	p := newPool(t, 100, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 100)
	args := func(out string) []string { return []string{"run", "all.csv", "--yes", "--rate", "5000", "--out", out} }
	wants(t, p.command(dir, args("runs/2026-01-01")...), 0)
	for _, name := range []string{"seal.json", "summary.json", "deleted.csv"} {
		if err := os.Remove(filepath.Join(dir, "runs/2026-01-01", name)); err != nil {
			t.Fatal(err)
		}
	}
	sent := p.sent()
	printed := wants(t, p.command(dir, args("runs/{date}")...), 0, "going on with runs/2026-01-01")
	if p.sent() != sent {
		t.Errorf("%d calls were sent again:\n%s", p.sent()-sent, printed)
	}
	wants(t, p.command(dir, "verify", "runs/2026-01-01"), 0)
	if found, _ := filepath.Glob(filepath.Join(dir, "runs", "*")); len(found) != 1 {
		t.Errorf("there are %v", fmt.Sprint(found))
	}
}

// What is written is UTF-8, and begins with a byte order mark only where the input did or was not UTF-8: rows of an input
// that has none stay what they were, to the first byte.
func TestByteOrderMarks(t *testing.T) {
	const mark = "\ufeff"
	text := "userId,name\n" + userID(1) + ",Jürgen 王\nnot an ID,Zoë\n"
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	gbk, err := simplifiedchinese.GBK.NewEncoder().String(strings.NewReplacer("ü", "u", "ë", "e").Replace(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		input, encoding string
		marked          bool
	}{
		"utf-8": {text, "", false}, "utf-8 with a mark": {mark + text, "", true}, "utf-16": {utf16, "", true},
		"gbk": {gbk, "gbk", true},
	} {
		p, dir := newPool(t, 10, ""), t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "all.csv"), []byte(c.input), 0o600); err != nil {
			t.Fatal(err)
		}
		wants(t, p.command(dir, "run", "all.csv", "--yes", "--max-rejected", "50%", "--encoding", c.encoding), 1)
		for _, file := range []string{"deleted.csv", "failed.csv", "rejected.csv"} {
			got, err := os.ReadFile(filepath.Join(dir, "all.bulkdelete", file))
			if err != nil || strings.HasPrefix(string(got), mark) != c.marked || strings.Count(string(got), mark) > 1 ||
				!utf8.Valid(got) {
				t.Errorf("%s: %s begins with %q: %v", name, file, got[:min(len(got), 20)], err)
			}
			if file == "deleted.csv" && !strings.Contains(string(got), "王") {
				t.Errorf("%s: the row is not what it was: %s", name, got)
			}
		}
	}
}
