package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A trial asks for the trial's users, ends with the command that goes on without it, and the next question shows those
// whose turn comes next.
func TestATrial(t *testing.T) {
	p := newPool(t, 300, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 300)
	trial := openTerminal(t, p.command(dir, "run", "all.csv", "--stop-after", "50"), 100)
	trial.wait(t, "Trial: type 50 to delete the first 50 of 300")
	trial.write(t, "50\r")
	if code := trial.end(t); code != 5 {
		t.Fatalf("exit code %d:\n%s", code, trial)
	}
	said := strings.ReplaceAll(trial.String(), "\r", "")
	lines := strings.Split(strings.TrimSpace(said), "\n")
	last := lines[len(lines)-1]
	if !strings.Contains(said, "Done: 50 of 300. Look at them, then:") || !strings.HasSuffix(last, " run all.csv") {
		t.Errorf("the trial ends with\n%s", said)
	}
	if run, err := os.ReadFile(filepath.Join(dir, "all.bulkdelete", "run.json")); err != nil ||
		strings.Contains(string(run), `all.csv --stop-after`) {
		t.Errorf("run.json goes on with another trial: %v\n%s", err, run)
	}
	page, err := os.ReadFile(filepath.Join(dir, "all.bulkdelete", "report.html"))
	if err != nil || !strings.Contains(string(page), "<pre>cd "+dir+" &amp;&amp; ") {
		t.Errorf("the page does not say where to go on: %v", err)
	}
	rest := openTerminal(t, p.command(dir, "run", "all.csv"), 100)
	rest.wait(t, "Type 250 to delete 250 users")
	if said := rest.String(); !strings.Contains(said, "next users  line 52: "+userID(51)) || strings.Contains(said, userID(50)) {
		t.Errorf("those of the trial are shown again:\n%s", said)
	}
	rest.write(t, "250\r")
	if code := rest.end(t); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, rest)
	}
	checkAllGone(t, p, filepath.Join(dir, "all.bulkdelete"), 300)
}

// A trial that a signal ends before its users are done is still one.
func TestATrialThatIsStopped(t *testing.T) {
	p := newPool(t, 1000, "latency=20ms")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 1000)
	c := p.command(dir, "run", "all.csv", "--yes", "--stop-after", "900", "--rate", "2")
	out := start(t, c, filepath.Join(dir, "all.bulkdelete", "audit.csv"))
	c.Process.Signal(os.Interrupt)
	c.Wait()
	if said := strings.TrimSpace(out.String()); !strings.HasSuffix(said, "run all.csv --yes --stop-after 900 --rate 2") {
		t.Errorf("it ends with\n%s", said)
	}
}
