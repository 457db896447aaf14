package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"

	"bulkdelete/pkg/report"
)

// terminal is the program at a terminal of its own.
type terminal struct {
	tty  *os.File
	cmd  *exec.Cmd
	done chan struct{}

	mu     sync.Mutex
	text   strings.Builder
	writes []write
}

// write is what the program wrote at once, and when.
type write struct {
	at   time.Time
	text string
}

func openTerminal(t *testing.T, c *exec.Cmd, columns uint16) *terminal {
	t.Helper()
	tty, err := pty.StartWithSize(c, &pty.Winsize{Rows: 24, Cols: columns})
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{tty: tty, cmd: c, done: make(chan struct{})}
	t.Cleanup(func() { c.Process.Kill(); tty.Close(); <-term.done })
	go func() {
		defer close(term.done)
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			term.mu.Lock()
			if n > 0 {
				term.text.Write(buf[:n])
				term.writes = append(term.writes, write{time.Now(), string(buf[:n])})
			}
			term.mu.Unlock()
			if err != nil { // EIO: the program has gone
				return
			}
		}
	}()
	return term
}

func (term *terminal) String() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.text.String()
}

// wait waits until the program has written what.
func (term *terminal) wait(t *testing.T, what string) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%q", what), func() bool { return strings.Contains(term.String(), what) })
}

func (term *terminal) write(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(term.tty, keys); err != nil {
		t.Fatal(err)
	}
}

// end waits for the program's end and gives its exit code.
func (term *terminal) end(t *testing.T) int {
	t.Helper()
	err := term.cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	<-term.done
	return term.cmd.ProcessState.ExitCode()
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// widest is the longest line that was ever on the screen, in columns.
func (term *terminal) widest() (columns int, line string) {
	for _, l := range strings.FieldsFunc(escapes.ReplaceAllString(term.String(), ""),
		func(r rune) bool { return r == '\r' || r == '\n' }) {
		if n := utf8.RuneCountInString(l); n > columns {
			columns, line = n, l
		}
	}
	return columns, line
}

func atTerminal(t *testing.T, users int, faults string, columns uint16, env []string, args ...string) *terminal {
	t.Helper()
	p := newPool(t, users, faults)
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, users)
	c := p.command(dir, append([]string{"run", "all.csv"}, args...)...)
	c.Env = append(c.Env, env...)
	return openTerminal(t, c, columns)
}

// Nothing is deleted before the number of users was typed.
func TestConfirmationIsTyped(t *testing.T) {
	for answer, want := range map[string]int{"200": 0, "y": 3, "20": 3, "": 3} {
		t.Run("answer "+answer, func(t *testing.T) {
			term := atTerminal(t, 200, "", 80, nil, "--rate", "2000")
			term.wait(t, "Type 200 to delete 200 users")
			term.write(t, answer+"\r")
			if code := term.end(t); code != want {
				t.Errorf("exit code %d, want %d:\n%s", code, want, term)
			}
			if finished := strings.Contains(term.String(), "Finished."); finished != (want == 0) {
				t.Errorf("the screen shows:\n%s", term)
			}
		})
	}
}

// Ctrl-C at the question leaves; while it works it finishes what is in flight, says how many calls that are, and shows
// the command that goes on.
func TestCtrlC(t *testing.T) {
	const key = "\x03"
	term := atTerminal(t, 200, "", 80, nil)
	term.wait(t, "Type 200")
	term.write(t, key)
	if code := term.end(t); code != 3 {
		t.Errorf("at the question: exit code %d:\n%s", code, term)
	}
	term = atTerminal(t, 2000, "latency=100ms", 80, nil, "--yes", "--rate", "40")
	term.wait(t, "50/2,000 [")
	term.write(t, key)
	if code := term.end(t); code != 5 {
		t.Errorf("at work: exit code %d:\n%s", code, term)
	}
	said := regexp.MustCompile(`(?s)stopping: no new call starts; \d+ in flight.*a second signal leaves at once`)
	if !said.MatchString(term.String()) {
		t.Errorf("it does not say what it is doing:\n%s", term)
	}
	if !regexp.MustCompile(`stopping: \d+ calls? in flight`).MatchString(term.String()) {
		t.Errorf("the bar does not say how many calls are left:\n%s", term)
	}
	if !strings.HasSuffix(strings.TrimRight(term.String(), "\r\n"), "run all.csv --yes --rate 40") {
		t.Errorf("the last line does not go on:\n%s", term)
	}
}

// The bar and all lines around it keep to the terminal's width, but for what is there to be copied.
func TestBarFitsTheTerminal(t *testing.T) {
	for _, columns := range []uint16{24, 40, 80, 200} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			term := atTerminal(t, 1000, "latency=5ms", columns, nil, "--yes", "--rate", "100")
			term.wait(t, "Finished.")
			if code := term.end(t); code != 0 {
				t.Fatalf("exit code %d:\n%s", code, term)
			}
			bar := regexp.MustCompile(`^[\d,]+/1,000 \[[=> ]+\]` +
				`(( \d+ calls/s)?( ETA [\dms?]+)?( throttled 0 retries 0)?| (making|counting|reading) .*)( failed 0)?$`)
			bars := 0
			for _, l := range strings.FieldsFunc(escapes.ReplaceAllString(term.String(), ""),
				func(r rune) bool { return r == '\r' || r == '\n' }) {
				if !strings.Contains(l, "/1,000") {
					continue
				}
				bars++
				if !bar.MatchString(l) {
					t.Fatalf("a bar that is cut off: %q", l)
				}
				if n := utf8.RuneCountInString(l); n > int(columns) {
					t.Fatalf("%d columns at a terminal of %d: %q", n, columns, l)
				}
			}
			if bars == 0 {
				t.Errorf("no bar is shown:\n%s", term)
			}
			if n, line := term.widest(); columns >= 80 && n > int(columns) {
				t.Errorf("a line of %d columns: %q", n, line)
			}
		})
	}
}

// Colours are for terminals whose owner wants them.
func TestNoColor(t *testing.T) {
	colour := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for _, env := range []string{"NO_COLOR=", "NO_COLOR=1"} {
		term := atTerminal(t, 100, "503=30%,seed=3", 80, []string{env}, "--yes", "--rate", "100", "--log-level", "debug")
		term.wait(t, "Finished.")
		term.end(t)
		if !strings.Contains(term.String(), "attempt failed") {
			t.Fatalf("no log line:\n%s", term)
		}
		if got := colour.MatchString(term.String()); got != (env == "NO_COLOR=") {
			t.Errorf("%s: coloured: %v\n%q", env, got, term)
		}
	}
}

// A dumb terminal gets lines, and nothing that would move its cursor.
func TestDumbTerminal(t *testing.T) {
	term := atTerminal(t, 200, "503=30%,seed=3", 80, []string{"TERM=dumb"}, "--rate", "100", "--log-level", "debug")
	term.wait(t, "Type 200")
	term.write(t, "200\r")
	if code := term.end(t); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, term)
	}
	if s := term.String(); strings.Contains(s, "\x1b") || !strings.Contains(s, "done=200") ||
		!strings.Contains(s, "attempt failed") {
		t.Errorf("the screen shows:\n%q", s)
	}
}

// Where standard error is no terminal it is a log, and names no user: not in the plan either.
func TestNoUserInALog(t *testing.T) {
	p := newPool(t, 100, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 100)
	code, printed := exit(t, p.command(dir, "run", "all.csv", "--yes", "--rate", "500"))
	if code != 0 || strings.Contains(printed, userID(1)) || !strings.Contains(printed, "100 of 100 rows") {
		t.Errorf("exit code %d:\n%s", code, printed)
	}
	term := atTerminal(t, 100, "", 80, nil)
	term.wait(t, "Type 100")
	if !strings.Contains(term.String(), userID(1)) {
		t.Errorf("a person who is asked does not see who:\n%s", term)
	}
	if code, printed = exit(t, p.command(dir, "plan", "all.csv")); code != 0 || !strings.Contains(printed, userID(1)) {
		t.Errorf("plan: exit code %d:\n%s", code, printed)
	}
}

// A mistake in --progress is found before anybody is asked.
func TestProgressIsCheckedFirst(t *testing.T) {
	term := atTerminal(t, 10, "", 80, nil, "--progress", "dots")
	if code := term.end(t); code != 2 || strings.Contains(term.String(), "Type 10") ||
		!strings.Contains(term.String(), "give auto, bar, plain or none") {
		t.Errorf("exit code %d:\n%s", code, term)
	}
}

// Where standard output is piped, the summary goes there and the bar stays at the terminal.
func TestSummaryGoesToThePipe(t *testing.T) {
	p := newPool(t, 100, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 100)
	c := p.command(dir, "run", "all.csv", "--yes", "--rate", "50", "--json")
	var out strings.Builder
	c.Stdout = &out
	c.SysProcAttr = ownSession()
	term := openTerminal(t, c, 80)
	if code := term.end(t); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, term)
	}
	file, err := os.ReadFile(filepath.Join(dir, "all.bulkdelete", "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(file) {
		t.Errorf("--json prints\n%s\nand summary.json holds\n%s", &out, file)
	}
	if !strings.Contains(term.String(), "100/100 [") || strings.Contains(term.String(), "exit_code") {
		t.Errorf("the terminal shows:\n%s", term)
	}
	out.Reset()
	c = p.command(dir, "status", "all.bulkdelete", "--watch")
	c.Stdout, c.SysProcAttr = &out, ownSession()
	if code := openTerminal(t, c, 80).end(t); code != 0 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("exit code %d; status --watch puts into a file %q", code, &out)
	}
}

// A run that died when everybody was done shows nobody as the next.
func TestNobodyIsNextWhenAllAreDone(t *testing.T) {
	p, dir := newPool(t, 100, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 100)
	wants(t, p.command(dir, "run", "all.csv", "--yes"), 0)
	path := filepath.Join(dir, "all.bulkdelete", "run.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var run report.Run
	if err := json.Unmarshal(text, &run); err != nil {
		t.Fatal(err)
	}
	run.Open, run.Last().Ended = true, nil
	if text, err = json.Marshal(run); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c := p.command(dir, "run", "all.csv", "--yes")
	c.SysProcAttr = ownSession()
	term := openTerminal(t, c, 80)
	if code := term.end(t); code != 0 || !strings.Contains(term.String(), "0 are left") ||
		strings.Contains(term.String(), "next users") {
		t.Errorf("exit code %d; the terminal shows:\n%s", code, term)
	}
}

// A pace that the workers cannot reach is said, with the number of workers that would do; and only then.
func TestTooFewWorkersAreSaid(t *testing.T) {
	hint := regexp.MustCompile(`hint: --workers 2 reach \d+ calls a second at \d+ms a call
hint: --workers \d+ would reach the 150 that --rate allows`)
	for workers, want := range map[string]bool{"2": true, "16": false} {
		p := newPool(t, 1500, "latency=30ms")
		dir := t.TempDir()
		writeUsers(t, filepath.Join(dir, "all.csv"), 1, 1500)
		_, printed := exit(t, p.command(dir, "run", "all.csv", "--yes", "--workers", workers, "--rate", "150"))
		if hint.MatchString(printed) != want || strings.Contains(printed, "hint: --workers") != want {
			t.Errorf("--workers %s:\n%s", workers, printed)
		}
	}
}
