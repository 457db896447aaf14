package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// With --log-format json every line of standard error is JSON: the plan, the log, what went wrong and what to do next.
func TestEveryLineIsJSON(t *testing.T) {
	p := newPool(t, 120, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 120)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--yes", "--stop-after", "50"}, 5, "Look at them, then:"},
		{[]string{"--yes", "--rate", "500"}, 0, `"held_by"`},
		{[]string{"--expect", "7", "--out", "elsewhere"}, 3, `"level":"error"`},
	} {
		command := p.command(dir, append([]string{"run", "all.csv", "--log-format", "json"}, c.args...)...)
		var said bytes.Buffer
		command.Stderr = &said
		err := command.Run()
		if e, ok := errors.AsType[*exec.ExitError](err); ok && e.ExitCode() != c.code || !ok && c.code != 0 {
			t.Errorf("%v ends with %v, want exit code %d", c.args, err, c.code)
		}
		if !strings.Contains(said.String(), c.says) {
			t.Errorf("%v does not say %s:\n%s", c.args, c.says, said.String())
		}
		for line := range strings.Lines(said.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%v: a line that is no JSON: %s", c.args, line)
			}
		}
	}
}

// What cannot pass by itself is given up at once; all else says which attempt comes next.
func TestLoginThatCannotWork(t *testing.T) {
	p := newPool(t, 1, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 1)
	wrong := "https://" + strings.TrimPrefix(p.url, "http://")
	code, printed := exit(t, p.command(dir, "run", "all.csv", "--yes", "--retries", "8", "--host", wrong))
	if code != 4 || !strings.Contains(printed, "it does not speak TLS: is the port right?") ||
		strings.Contains(printed, "attempt 2") {
		t.Errorf("another protocol: exit code %d:\n%s", code, printed)
	}
	code, printed = exit(t, p.command(dir, "run", "all.csv", "--yes", "--retries", "1", "--host", "https://127.0.0.1:1"))
	if code != 4 || !strings.Contains(printed, "connection refused; attempt 2 of 2 in ") {
		t.Errorf("nobody listens: exit code %d:\n%s", code, printed)
	}
}
