package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/urfave/cli/v3"
)

func say(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(context.Background(), append([]string{"bulkdelete"}, args...), strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatalf("%v ends with %d: %s", args, code, &errs)
	}
	return out.String()
}

// Every command's help fits a screen, names all its flags, and shows an example whose flags there are.
func TestHelpFitsAScreen(t *testing.T) {
	for _, c := range newApp().Commands {
		if strings.Contains("help man version completion", c.Name) {
			continue
		}
		text := say(t, c.Name, "--help")
		most := 40
		if len(c.Flags) > 20 {
			most = 75
		}
		if n := strings.Count(text, "\n"); n > most {
			t.Errorf("%s --help has %d lines", c.Name, n)
		}
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > helpWidth {
				t.Errorf("%s --help has a line of %d columns: %s", c.Name, n, line)
			}
		}
		if !strings.Contains(text, "Example") || !strings.Contains(text, "   bulkdelete "+c.Name) {
			t.Errorf("%s --help shows no example", c.Name)
		}
		for _, f := range c.Flags {
			if !strings.Contains(text, "--"+f.Names()[0]) {
				t.Errorf("%s --help does not name --%s", c.Name, f.Names()[0])
			}
		}
		checkExamples(t, c, text)
	}
}

// checkExamples finds flags in examples that the command does not have.
func checkExamples(t *testing.T, c *cli.Command, text string) {
	for line := range strings.Lines(text) {
		example, ok := strings.CutPrefix(line, "   bulkdelete "+c.Name)
		example, _, _ = strings.Cut(example, "#")
		for _, word := range strings.Fields(example) {
			if name, flag := strings.CutPrefix(word, "--"); ok && flag && !knows(c, name) {
				t.Errorf("the example of %s has the unknown flag %s", c.Name, word)
			}
		}
	}
}

func knows(c *cli.Command, name string) bool {
	for _, f := range c.Flags {
		if f.Names()[0] == name {
			return true
		}
	}
	return false
}

// The topics, the README and the manual page tell the same of every exit code, outcome and column of the audit.
func TestTopicsSayWhatTheReadmeSays(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	man := say(t, "man")
	for name, heading := range map[string]string{"exit-codes": "## Exit codes", "audit": "| outcome | meaning |"} {
		text := say(t, "help", name)
		_, section, _ := strings.Cut(string(readme), heading)
		section, _, _ = strings.Cut(section, "\n\n#")
		rows := 0
		for line := range strings.Lines(section) {
			cells := strings.Split(line, "|")
			if key := strings.Trim(strings.TrimSpace(cells[min(1, len(cells)-1)]), "`"); len(cells) > 3 && !strings.HasPrefix(key, "-") && key != "code" && key != "" {
				rows++
				if !strings.Contains(plainWords(text), plainWords(key + " " + cells[2])[:12]) {
					t.Errorf("help %s lacks %q", name, line)
				}
			}
		}
		if rows < 4 {
			t.Errorf("the README has %d rows on %s", rows, name)
		}
		if !strings.Contains(man, strings.ToUpper(strings.SplitN(text, "\n", 2)[0])) {
			t.Errorf("the manual page lacks %s", name)
		}
	}
}

func plainWords(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "`", "")), " ")
}

// The manual page is made of the commands themselves.
func TestManualPage(t *testing.T) {
	man := say(t, "man")
	if !strings.HasPrefix(strings.TrimLeft(man, "\n"), ".") {
		t.Fatalf("no manual page: %.80q", man)
	}
	for _, c := range newApp().Commands {
		if !strings.Contains(man, strings.ReplaceAll(c.Name, "-", `\-`)) {
			t.Errorf("the manual page lacks %s", c.Name)
		}
		for _, f := range c.Flags {
			if name := f.Names()[0]; !strings.Contains(man, name) {
				t.Errorf("the manual page lacks --%s", f.Names()[0])
			}
		}
	}
}
