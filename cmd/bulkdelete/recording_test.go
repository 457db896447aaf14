package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "make docs/terminal.cast and the generated parts of the pages anew")

const recording = "../../docs/terminal.cast"

// docs/terminal.cast, which asciinema plays, shows what the program shows today: the question, the bar, Ctrl-C, and the
// command that goes on.
func TestRecordingIsCurrent(t *testing.T) {
	dir := t.TempDir()
	sample, err := os.ReadFile("../../samples/offboarding.csv")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "users.csv"), sample, 0o600); err != nil {
		t.Fatal(err)
	}
	command := []string{"run", "--sandbox", "users.csv", "--faults", "latency=300ms"}
	first := play(t, dir, "\x03", 5, command...)
	second := play(t, dir, "", 0, command...)
	if *update {
		saveCast(t, strings.Join(append([]string{"$ bulkdelete"}, command...), " ")+"\r\n", first, second)
	}
	var shown strings.Builder
	for _, text := range castOutput(t) {
		shown.WriteString(text)
	}
	for _, term := range []*terminal{first, second} {
		for _, line := range steady(term.String()) {
			if !slices.Contains(steady(shown.String()), line) {
				t.Errorf("the recording does not show %q: go test ./cmd/bulkdelete -run Recording -update", line)
			}
		}
	}
}

// play runs the program at a terminal, answers its question, and presses a key once it is at work.
func play(t *testing.T, dir, key string, code int, args ...string) *terminal {
	t.Helper()
	c := (&pool{}).command(dir, args...)
	c.Args[0] = "bulkdelete" // which it shows as the command that goes on
	term := openTerminal(t, c, 80)
	term.wait(t, "anything else to leave: ")
	answer := regexp.MustCompile(`Type (\d+)`).FindStringSubmatch(term.String())
	term.write(t, answer[1]+"\r")
	if key != "" {
		term.wait(t, "[===")
		term.write(t, key)
	}
	if got := term.end(t); got != code {
		t.Fatalf("exit code %d, want %d:\n%s", got, code, term)
	}
	return term
}

// steady are a screen's lines without the bar and without what differs from run to run.
func steady(screen string) []string {
	var lines []string
	for line := range strings.Lines(escapes.ReplaceAllString(screen, "")) {
		line = line[strings.LastIndex(strings.TrimRight(line, "\r\n"), "\r")+1:]
		line = regexp.MustCompile(`[0-9a-f]{64}|\b[0-9a-f]{24}\b|\d[\d,]*`).ReplaceAllString(strings.TrimSpace(line), "0")
		varies := strings.Contains(line, " [") || strings.Contains(line, " | ") // the bar; who is left to be sampled
		if line != "" && !varies {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
	}
	return lines
}

// saveCast writes sessions as asciicast v2: a header, then an event for each write.
func saveCast(t *testing.T, typed string, sessions ...*terminal) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.Encode(map[string]any{"version": 2, "width": 80, "height": 24, "title": "bulkdelete: Ctrl-C, and going on",
		"idle_time_limit": 2})
	const pause = 2 * time.Second // for a person to read and to type
	at := time.Duration(0)
	show := func(text string) { enc.Encode([]any{float64(at.Milliseconds()) / 1000, "o", text}) }
	for _, term := range sessions {
		show(typed)
		before := term.writes[0]
		for _, w := range term.writes {
			at += w.at.Sub(before.at)
			if strings.HasSuffix(before.text, "leave: ") {
				at += pause
			}
			show(w.text)
			before = w
		}
		at += pause
	}
	if err := os.WriteFile(recording, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// castOutput reads the recording as a player does.
func castOutput(t *testing.T) (texts []string) {
	t.Helper()
	data, err := os.ReadFile(recording)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	var header struct{ Version, Width, Height int }
	if err := json.Unmarshal([]byte(lines[0]), &header); err != nil || header.Version != 2 || header.Width != 80 {
		t.Fatalf("the header is %s: %v", lines[0], err)
	}
	last := 0.0
	for _, line := range lines[1:] {
		var event []any
		if err := json.Unmarshal([]byte(line), &event); err != nil || len(event) != 3 {
			t.Fatalf("%s: %v", line, err)
		}
		if at := event[0].(float64); at < last {
			t.Fatalf("time runs backwards at %s", line)
		} else {
			last = at
		}
		texts = append(texts, event[2].(string))
	}
	return texts
}
