package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bulkdelete/internal/aloud"
	"bulkdelete/internal/sandbox"
	"bulkdelete/internal/text"
)

// pool is a user pool served in this process, which knows what it was asked.
type pool struct {
	*sandbox.Server
	url string

	mu    sync.Mutex
	named map[string]bool // every ID that a deletion named
	calls int             // deletions that arrived
	most  int             // IDs in one call
}

func (p *pool) sent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

func (p *pool) everNamed() map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.named)
}

func newPool(t *testing.T, users int, faults string, change ...func(*sandbox.Config)) *pool {
	t.Helper()
	p := &pool{named: map[string]bool{}}
	cfg := sandbox.Config{Unknown: sandbox.UnknownNotFound, Observe: p.observe, IDs: func(yield func(string) bool) {
		for i := range users {
			if !yield(userID(i + 1)) {
				return
			}
		}
	}}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if cfg.Faults, err = sandbox.ParseFaults(faults); err != nil {
		t.Fatal(err)
	}
	if p.Server, err = sandbox.New(cfg); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(p.Server)
	t.Cleanup(h.Close)
	p.url = h.URL
	return p
}

func (p *pool) observe(c sandbox.Call) {
	if c.Name != "delete-users-batch" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	p.most = max(p.most, len(c.IDs))
	for _, id := range c.IDs {
		p.named[id] = true
	}
}

// command is the program with credentials for the pool.
func (p *pool) command(dir string, args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "BULKDELETE_") && !strings.HasPrefix(v, "GENAUTH_") {
			c.Env = append(c.Env, v)
		}
	}
	c.Env = append(c.Env, runAsProgram+"=1", "GENAUTH_HOST="+p.url, credentialID+"="+sandbox.AccessKeyID,
		credentialSK+"="+sandbox.AccessKeySecret)
	return c
}

// writeUsers writes a CSV of users from to to.
func writeUsers(t *testing.T, path string, from, to int) {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("userId,name\n")
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, "%s,User %d\n", userID(i), i)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// exit runs a command to its end and gives its exit code and what it printed. A signal is code -1.
func exit(t *testing.T, c *exec.Cmd) (code int, printed string) {
	t.Helper()
	out, err := c.CombinedOutput()
	if e := (*exec.ExitError)(nil); err != nil && !errors.As(err, &e) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(out)
}

// column reads a column of a CSV in the run's folder, by header.
func column(t *testing.T, path, name string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for i, h := range all[0] {
		if h == name {
			var cells []string
			for _, row := range all[1:] {
				cells = append(cells, row[i])
			}
			return cells
		}
	}
	t.Fatalf("%s has no column %s", path, name)
	return nil
}

// Promise 4: kill it at any instant: at most --workers chunks are sent again, none is lost, and the files add up.
func TestKilledAtRandomInstants(t *testing.T) {
	t.Run("healthy API", func(t *testing.T) { killAtRandom(t, 20000, 150, "") })
	// Hanging and throttling are left out because they take long, not because they are harder.
	t.Run("25% faults", func(t *testing.T) { killAtRandom(t, 20000, 150, "all=25%,hang=0,429=0,seed=3") })
}

func killAtRandom(t *testing.T, users, kills int, faults string) {
	if testing.Short() {
		users, kills = users/5, kills/5
	}
	const workers = 8
	p := newPool(t, users, faults)
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, users)
	args := []string{"run", "all.csv", "--yes", "--rate", "100000", "--workers", fmt.Sprint(workers), "--timeout",
		"300ms", "--max-failures", "", "--progress", "none"}
	killed := killOften(t, p, dir, kills, args, "--stop-after", fmt.Sprint(users/kills))
	checkAllGone(t, p, filepath.Join(dir, "all.bulkdelete"), users)
	if again := p.sent() - (users+49)/50; faults == "" && again > (killed+1)*workers {
		t.Errorf("%d chunks were sent again after %d kills with %d workers", again, killed, workers)
	}
	t.Logf("%d kills, %d deletions sent for %d chunks", killed, p.sent(), (users+49)/50)
	if code, printed := exit(t,
		p.command(dir, "verify", "all.bulkdelete", "--rate", "1000", "--live", "--timeout", "300ms")); code != 0 {
		t.Errorf("verify ends with %d:\n%s", code, printed)
	}
}

// killOften runs a command again and again and kills it as often, each time somewhat later at random, until it is
// done or has died kills times; then it lets it finish.
func killOften(t *testing.T, p *pool, dir string, kills int, args []string, trial ...string) (killed int) {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 7))
	for killed < kills {
		c := p.command(dir, slices.Concat(args, trial)...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(5+random.IntN(60))*time.Millisecond, func() { c.Process.Kill() })
		err := c.Wait()
		timer.Stop()
		if s, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			killed++
		} else if err == nil {
			break // everything is done
		}
	}
	if killed < kills/2 {
		t.Errorf("everything was done after %d of %d kills: that shows little", killed, kills)
	}
	if code, printed := exit(t, p.command(dir, args...)); code != 0 {
		t.Fatalf("the last run ends with %d:\n%s", code, printed)
	}
	return killed
}

// The same for a backup and for the way back from it: everybody deleted is saved, and is back exactly once.
func TestBackupAndRestoreKilledAtRandomInstants(t *testing.T) {
	users, kills := 3000, 40
	if testing.Short() {
		users, kills = 1000, 10
	}
	p := newPool(t, users, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, users)
	flags := []string{"--yes", "--rate", "100000", "--workers", "8", "--max-failures", "", "--progress",
		"none", "--stop-after"}
	trial := fmt.Sprint(2 * users / kills)
	deleted := killOften(t, p, dir, kills,
		slices.Concat([]string{"run", "all.csv", "--backup"}, flags, []string{fmt.Sprint(users)}), "--stop-after", trial)
	checkAllGone(t, p, filepath.Join(dir, "all.bulkdelete"), users)
	restored := killOften(t, p, dir, kills,
		slices.Concat([]string{"restore", "all.bulkdelete"}, flags, []string{fmt.Sprint(users)}), "--stop-after", trial)
	t.Logf("killed %d times while deleting, %d times while restoring", deleted, restored)
	if n := p.Len(); n != users {
		t.Errorf("%d of %d users are there", n, users)
	}
	news := column(t, filepath.Join(dir, "all.bulkdelete", "restore", "restored.csv"), "new_user_id")
	for i, id := range column(t, filepath.Join(dir, "all.bulkdelete", "restore", "restored.csv"), "id") {
		if id != userID(i+1) || !p.Has("user_id", news[i]) {
			t.Fatalf("row %d: user %s is back as %q", i+1, id, news[i])
		}
	}
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 0,
		fmt.Sprintf("the backup is whole: %[1]s users, everybody deleted among them; %[1]s were restored\n",
			text.Count(users)))
}

// checkAllGone holds the folder against the server: everybody was deleted exactly once, is said to be deleted once, and
// nobody else was named.
func checkAllGone(t *testing.T, p *pool, dir string, users int) {
	t.Helper()
	if n := p.Len(); n != 0 {
		t.Errorf("%d users still exist", n)
	}
	said := map[string]int{}
	outcomes := column(t, filepath.Join(dir, "deleted.csv"), "outcome")
	for i, id := range column(t, filepath.Join(dir, "deleted.csv"), "userId") {
		said[id]++
		if outcomes[i] != "deleted" {
			t.Errorf("%s was there and is called %s", id, outcomes[i])
		}
	}
	for i := 1; i <= users; i++ {
		if id := userID(i); said[id] != 1 || p.Deletions(id) != 1 {
			t.Fatalf("user %d stands in deleted.csv %d times and was deleted %d times", i, said[id], p.Deletions(id))
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.named) != users || p.most > 50 {
		t.Errorf("%d users were named, %d at most in one call", len(p.named), p.most)
	}
	for _, name := range []string{"failed.csv", "rejected.csv"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || bytes.Count(text, []byte("\n")) != 1 {
			t.Errorf("%s is not empty: %v", name, err)
		}
	}
}

// The same for suspending and for the way back from that: nothing of anybody is touched but the status, and each has
// the one of before in the end.
func TestSuspendAndRestoreKilledAtRandomInstants(t *testing.T) {
	users, kills := 50_000, 40
	if os.Getenv("WHOLE_POOL") == "" {
		aloud.Say("%s: 47,000 of 50,000 users, which take two minutes; WHOLE_POOL=1 takes them all", t.Name())
		users, kills = 3000, 15
	}
	p := newPool(t, users, "none-shown")
	dir, before := t.TempDir(), make([]map[string]any, users)
	for i := range users {
		before[i] = withoutTimes(p.Profile("user_id", userID(i+1)))
	}
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, users)
	flags := []string{"--yes", "--rate", "100000", "--workers", "8", "--max-failures", "", "--progress",
		"none", "--stop-after"}
	trial := fmt.Sprint(2 * users / kills)
	suspended := killOften(t, p, dir, kills,
		slices.Concat([]string{"run", "all.csv", "--suspend"}, flags, []string{fmt.Sprint(users)}), "--stop-after", trial)
	for i := range users {
		want := maps.Clone(before[i])
		want["status"] = "Suspended"
		if is := withoutTimes(p.Profile("user_id", userID(i+1))); !reflect.DeepEqual(is, want) {
			t.Fatalf("user %d is suspended as %v\nand was %v", i+1, is, before[i])
		}
	}
	restored := killOften(t, p, dir, kills, slices.Concat([]string{"restore", "all.suspend.bulkdelete"}, flags,
		[]string{fmt.Sprint(users)}), "--stop-after", trial)
	t.Logf("killed %d times while suspending, %d times while restoring", suspended, restored)
	for i := range users {
		if is := withoutTimes(p.Profile("user_id", userID(i+1))); !reflect.DeepEqual(is, before[i]) {
			t.Fatalf("user %d is %v\nand was %v", i+1, is, before[i])
		}
	}
	wants(t, p.command(dir, "verify", "all.suspend.bulkdelete"), 0,
		fmt.Sprintf("the backup is whole: %[1]s users, everybody suspended among them; %[1]s were restored\n",
			text.Count(users)))
}

// withoutTimes leaves out of a profile when it was changed.
func withoutTimes(profile map[string]any) map[string]any {
	delete(profile, "updatedAt")
	delete(profile, "statusChangedAt")
	return profile
}
