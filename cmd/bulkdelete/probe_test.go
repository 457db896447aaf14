package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/job"
)

// onlyTheThree checks that none of the pool's users was named in a deletion, and that they are all there.
func onlyTheThree(t *testing.T, p *pool, users int) {
	t.Helper()
	for i := range users {
		if p.everNamed()[userID(i+1)] || !p.Has("user_id", userID(i+1)) {
			t.Errorf("%s was named, or is gone", userID(i+1))
		}
	}
	if p.Len() != users {
		t.Errorf("%d users exist, want %d", p.Len(), users)
	}
}

// A probe that is killed at whatever point leaves nothing after the next one; a signal makes it remove its users.
func TestProbeKilledInTheMiddle(t *testing.T) {
	for name, reached := range map[string]func(p *pool, saved string) bool{
		"names kept":  func(_ *pool, saved string) bool { return saved != "" },
		"created":     func(p *pool, _ string) bool { return p.Len() == 23 },
		"one deleted": func(p *pool, _ string) bool { return p.Len() == 22 },
	} {
		for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
			t.Run(name+" "+signal.String(), func(t *testing.T) {
				t.Parallel()
				p, dir := newPool(t, 20, ""), t.TempDir()
				file := filepath.Join(dir, "bulkdelete-probe.json")
				c := p.command(dir, "probe", "--yes")
				var out strings.Builder
				c.Stdout, c.Stderr = &out, &out
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				been := false
				waitFor(t, name, func() bool {
					saved, _ := os.ReadFile(file)
					been = been || p.Len() == 23
					return reached(p, string(saved)) && (been || name != "one deleted")
				})
				c.Process.Signal(signal)
				c.Wait()
				if signal == syscall.SIGTERM {
					if code := c.ProcessState.ExitCode(); code != 5 {
						t.Errorf("exit code %d, want 5: %s", code, &out)
					}
				} else {
					wants(t, p.command(dir, "probe", "--yes"), 0, "left over", "refused as a whole")
				}
				if _, err := os.Stat(file); err == nil {
					t.Error("the names are still kept")
				}
				onlyTheThree(t, p, 20)
			})
		}
	}
}

// Nothing is created without leave, with a file that is something else's or another pool's, or beside another probe.
func TestProbeRefuses(t *testing.T) {
	p, dir := newPool(t, 3, ""), t.TempDir()
	file := filepath.Join(dir, "bulkdelete-probe.json")
	wants(t, p.command(dir, "probe"), 3, "no terminal to ask on")
	wants(t, p.command(dir, "probe", "users.csv", "--yes"), 2, "takes no argument")
	for _, saved := range []string{"user_id\n1\n", `{"host":"h","user_pool":"p","names":["ada"]}`, `{}`,
		`{"host":"h","user_pool":"p","names":["` + job.ProbeNames()[0] + `"]} x`} {
		os.WriteFile(file, []byte(saved), 0o600)
		wants(t, p.command(dir, "probe", "--yes"), 3, "holds no probe's names")
	}
	other, _ := json.Marshal(keptNames{Host: "https://h.example", Pool: "p", Names: job.ProbeNames()})
	os.WriteFile(file, other, 0o600)
	wants(t, p.command(dir, "probe", "--yes"), 3, "to be removed from user pool p of https://h.example")
	if saved, _ := os.ReadFile(file); string(saved) != string(other) {
		t.Errorf("the names are now %s", saved)
	}
	kept, err := openNames(file)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, p.command(dir, "probe", "--yes"), 3, "another probe works with")
	kept.close()
	if p.Len() != 3 || len(p.everNamed()) > 0 {
		t.Errorf("%d users exist, and %v were named", p.Len(), p.everNamed())
	}
}

// At a terminal the names stand there before anybody is created, and nobody is unless 3 is typed.
func TestProbeAsks(t *testing.T) {
	p, dir := newPool(t, 3, ""), t.TempDir()
	term := openTerminal(t, p.command(dir, "probe"), 80)
	term.wait(t, "Type 3 to create and delete 3 users")
	if shown := strings.Count(term.String(), "bulkdelete-probe-"); shown != 3 || p.Len() != 3 {
		t.Errorf("%d names are shown, %d users exist: %s", shown, p.Len(), term)
	}
	term.write(t, "yes\r")
	if code := term.end(t); code != 3 || p.Len() != 3 || p.sent() > 0 {
		t.Errorf("exit code %d, %d users: %s", code, p.Len(), term)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v are left: %v", left, err)
	}
}

// --json is an array of what the table has, and no six calls are made within a second.
func TestProbeJSON(t *testing.T) {
	var calls []time.Time
	p := newPool(t, 3, "absent-404", func(cfg *sandbox.Config) {
		observe := cfg.Observe
		cfg.Observe = func(c sandbox.Call) {
			calls = append(calls, c.At)
			observe(c)
		}
	})
	defer func() {
		for i := 5; i < len(calls); i++ {
			if span := calls[i].Sub(calls[i-5]); span < 900*time.Millisecond { // they took some time to arrive
				t.Errorf("calls %d to %d take %s", i-5, i, span)
			}
		}
	}()
	c := p.command(t.TempDir(), "probe", "--yes", "--json")
	out, err := c.Output()
	var found []map[string]string
	if err := json.Unmarshal(out, &found); err != nil || len(found) < 12 {
		t.Fatalf("%v: %s", err, out)
	}
	for _, f := range found {
		if f["question"] == "" || f["answer"] == "" || len(f) != 3 {
			t.Errorf("found %v", f)
		}
	}
	if err != nil {
		t.Error(err)
	}
	onlyTheThree(t, p, 3)
}

// Who cannot be removed is named, with exit 4, and removed by the next probe.
func TestProbeThatCannotRemove(t *testing.T) {
	p, dir := newPool(t, 3, ""), t.TempDir()
	var well atomic.Bool
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.Path; !well.Load() &&
			(strings.HasSuffix(path, "get-user-batch") || strings.HasSuffix(path, "delete-users-batch")) {
			io.WriteString(w, `{"statusCode":403,"message":"not permitted"}`)
			return
		}
		p.ServeHTTP(w, r)
	}))
	defer h.Close()
	p.url = h.URL
	out := wants(t, p.command(dir, "probe", "--yes"), 4, "could not be removed: bulkdelete-probe-", "not permitted",
		"run probe again")
	if saved, _ := os.ReadFile(filepath.Join(dir, "bulkdelete-probe.json")); p.Len() != 6 || len(saved) == 0 {
		t.Errorf("%d users exist, %q is kept: %s", p.Len(), saved, out)
	}
	well.Store(true)
	wants(t, p.command(dir, "probe", "--yes"), 0, "left over")
	onlyTheThree(t, p, 3)
}
