package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/job"
)

func say(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := (&process{errOut: &output{w: &errs}}).run(context.Background(), append([]string{"bulkdelete"}, args...),
		strings.NewReader(""), &out); code != 0 {
		t.Fatalf("%v ends with %d: %s", args, code, &errs)
	}
	return out.String()
}

// Every command's help fits a screen, names all its flags, and shows an example whose flags there are.
func TestHelpFitsAScreen(t *testing.T) {
	for _, c := range (&process{}).newApp().Commands {
		text := say(t, c.Name, "--help")
		most := 24
		if len(c.Flags) > 12 { // a screen cannot hold them: three must do
			most = 72
		}
		if n := strings.Count(text, "\n"); n > most {
			t.Errorf("%s --help has %d lines", c.Name, n)
		}
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > helpWidth {
				t.Errorf("%s --help has a line of %d columns: %s", c.Name, n, line)
			}
		}
		if len(c.Flags) == 0 {
			continue
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

// The topics, the pages and the manual page tell the same of every exit code, outcome and column of the audit, row
// by row and word by word.
func TestTopicsSayWhatTheReadmeSays(t *testing.T) {
	man := say(t, "man")
	for _, table := range []struct{ topic, page, first string }{
		{"exit-codes", "README.md", "code"},
		{"audit", "docs/proof.md", "column"},
		{"audit", "docs/proof.md", "outcome"},
	} {
		text := say(t, "help", table.topic)
		told, shown := topicTable(text, table.first), pageTable(docsPage(t, table.page), table.first)
		if len(shown) < 6 || !slices.EqualFunc(told, shown, slices.Equal) {
			t.Errorf("help %s, %s, is\n%q\nand %s has\n%q", table.topic, table.first, told, table.page, shown)
		}
		title, _, _ := strings.Cut(strings.SplitN(text, "\n", 2)[0], ":")
		if !strings.Contains(man, "\n.SH "+strings.ToUpper(title)) {
			t.Errorf("the manual page lacks %s", table.topic)
		}
	}
}

// topicTable reads the table of a topic that begins with the column first: cells stand below the words of the
// heading, and go on in lines without a first cell.
func topicTable(text, first string) (rows [][]string) {
	heading := regexp.MustCompile(`(?m)^` + first + ` +meaning.*$`).FindString(text)
	_, body, _ := strings.Cut(text, heading+"\n")
	body, _, _ = strings.Cut(body, "\n\n")
	var at []int
	for _, word := range regexp.MustCompile(`\S+( \S+)*`).FindAllStringIndex(heading, -1) {
		at = append(at, word[0])
	}
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\n")
		if !strings.HasPrefix(line, " ") {
			rows = append(rows, make([]string, len(at)))
		}
		row := rows[len(rows)-1]
		for i := range at {
			end := len(line)
			if i+1 < len(at) {
				end = min(end, at[i+1])
			}
			row[i] = plainWords(row[i] + " " + line[min(at[i], end):end])
		}
	}
	return rows
}

// pageTable reads the table of a page in Markdown that begins with the column first.
func pageTable(page, first string) (rows [][]string) {
	_, body, _ := strings.Cut(page, "\n| "+first+" |")
	body, _, _ = strings.Cut(body, "\n\n")
	for _, line := range strings.Split(body, "\n")[2:] { // the rest of the heading, and the line below it
		var row []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			row = append(row, plainWords(cell))
		}
		rows = append(rows, row)
	}
	return rows
}

func plainWords(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "`", "")), " ")
}

// The manual page is made of the commands themselves.
func TestManualPage(t *testing.T) {
	man := say(t, "man")
	if !strings.HasPrefix(man, ".TH BULKDELETE 1") {
		t.Fatalf("no manual page: %.80q", man)
	}
	for line := range strings.Lines(man) {
		if !regexp.MustCompile(`^([^.']|\.(TH|SH|SS|TP|PP|B|I|nf|fi)\b|$)`).MatchString(line) {
			t.Errorf("a line that man(7) takes for a macro: %q", line)
		}
	}
	for _, c := range (&process{}).newApp().Commands {
		if !strings.Contains(man, strings.ToUpper("bulkdelete "+c.Name)) {
			t.Errorf("the manual page lacks %s", c.Name)
		}
		for _, f := range c.Flags {
			if name := `\-\-` + strings.ReplaceAll(f.Names()[0], "-", `\-`); !strings.Contains(man, "\n.B "+name) {
				t.Errorf("the manual page lacks --%s", f.Names()[0])
			}
		}
	}
}

// Help is given wherever it is asked for, the file's name before it or not.
func TestHelpAnywhere(t *testing.T) {
	want := say(t, "help", "run")
	for _, line := range []string{
		"run --help", "run -h", "run users.csv --help", "run --help users.csv", "run --rate 5 users.csv -h", "--help run",
	} {
		if got := say(t, strings.Fields(line)...); got != want || !strings.Contains(got, "--max-deletes") {
			t.Errorf("%s shows\n%s", line, got)
		}
	}
}

// The help of --faults explains every word that it takes.
func TestEveryFaultIsExplained(t *testing.T) {
	text := say(t, "help", "faults")
	for _, example := range sandbox.Examples() {
		name, _, _ := strings.Cut(example, "=")
		if !regexp.MustCompile(`(?m)^([\w-]+, )*` + regexp.QuoteMeta(name) + `[ =,]`).MatchString(text) {
			t.Errorf("%s is not explained", name)
		}
		if _, err := sandbox.ParseFaults(example); err != nil {
			t.Errorf("%s is no example: %v", example, err)
		}
	}
}

// Completion knows the values of flags that have few; what is completed is what the shells' scripts ask for.
func TestCompletionKnowsValues(t *testing.T) {
	for line, want := range map[string]string{
		"run x.csv --id-type":              idTypes,
		"plan --auth":                      "token, signature",
		"verify --signature-dialect":       "authing, genauth",
		"run --encoding":                   "utf-8, utf-16, gbk, gb18030",
		"sandbox --delimiter":              "comma, semicolon, tab, pipe",
		"report --progress":                "auto, bar, plain, none",
		"restore --log-format":             "console, json",
		"status --log-level":               "debug, info, warn, error",
		"sandbox --unknown":                "success, not-found, partial, partial-422",
		"run x.csv --sandbox --yes --faul": "--faults:`SPEC`: what goes wrong: bulkdelete help faults",
		"run --faults":                     strings.Join(sandbox.Examples(), ", "),
	} {
		got := strings.Split(strings.TrimSpace(say(t, append(strings.Fields(line), "--generate-shell-completion")...)), "\n")
		if strings.Join(got, ", ") != want {
			t.Errorf("%s is completed with %q, want %s", line, got, want)
		}
	}
}

// What the first help of all says to try works anywhere.
func TestRootHelpCanBeTried(t *testing.T) {
	text := say(t, "help")
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > helpWidth {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	_, example, _ := strings.Cut(text, "made up:\n")
	example, _, _ = strings.Cut(example, "\n\n")
	dir := t.TempDir()
	c := exec.Command("sh", "-c", strings.Replace(example, "bulkdelete", `"$PROGRAM"`, 1)+" --yes --rate 1000")
	own := newPool(t, 1, "").command(dir) // without its arguments
	c.Dir, c.Env = dir, append(own.Env, "PROGRAM="+own.Path)
	wants(t, c, 0, "deleted             500")
}

// A value that cannot be meant is refused before anything else, on a folder that is finished as well.
func TestMalformedValuesAreRefusedFirst(t *testing.T) {
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 10)
	p := newPool(t, 10, "")
	wants(t, p.command(dir, "run", "all.csv", "--yes"), 0)
	for _, bad := range []string{"--max-deletes=abc", "--max-rejected=abc", "--max-failures=abc", "--auth=abc", "--host=abc",
		"--shard=abc", "--only=abc", "--match=,", "--rate=abc", "--chunk-size=0", "--encoding=abc", "--delimiter=abc",
		"--id-type=abc", "--progress=abc", "--log-level=abc", "--log-format=abc", "--timeout=0s", "--sample=-1",
		"--expect=-2", "--stop-after=0", "--upload=abc", "--timestamp=abc", "--metrics-addr=abc", "--faults=abc"} {
		args := []string{"run", "all.csv", "--yes", bad}
		if bad == "--faults=abc" {
			args = append(args, "--sandbox", "--out", "another")
		}
		if said := wants(t, p.command(dir, args...), 2); strings.Contains(said, "nothing to do") {
			t.Errorf("%s:\n%s", bad, said)
		}
	}
	for _, verb := range []string{"report", "status", "verify", "restore"} {
		wants(t, p.command(dir, verb, "nosuch"), 2, "nosuch is not a run's folder")
	}
}

// A mistake on the command line is answered with the nearest right one, in one or two lines.
func TestMistakesAreAnswered(t *testing.T) {
	for line, want := range map[string]string{
		"rnu users.csv":          "did you mean bulkdelete run?",
		"delete users.csv":       "did you mean bulkdelete run?",
		"help exitcodes":         "did you mean bulkdelete help exit-codes?",
		"adit":                   "did you mean bulkdelete help audit?",
		"run --max-delete 5 x":   "did you mean --max-deletes?",
		"plan --worker 5 x":      "did you mean --workers?",
		"report --jsn x":         "did you mean --json?",
		"run --workers 1.5 x":    `--workers "1.5": give a whole number`,
		"run --rate fast x":      `--rate "fast": give a number`,
		"run --rate 0 x":         `--rate "0": give attempts a second above 0`,
		"run --rate 8:00 x":      `--rate "8:00": give a number behind the comma`,
		"run --timeout 5 x":      `--timeout "5": give a time such as 30s or 5m`,
		"run --yes=maybe x":      `--yes "maybe": give true or false`,
		"run a.csv b.csv":        "give one input FILE",
		"completion nosuchshell": "give bash, zsh, fish or pwsh",
	} {
		checkMistake(t, line, want)
	}
	t.Setenv("BULKDELETE_RATE", "fast")
	checkMistake(t, "run x", `BULKDELETE_RATE "fast": give a number`)
}

func checkMistake(t *testing.T, line, want string) {
	t.Helper()
	var out, errs bytes.Buffer
	args := append([]string{"bulkdelete"}, strings.Fields(line)...)
	code := (&process{errOut: &output{w: &errs}}).run(context.Background(), args, strings.NewReader(""), &out)
	said := errs.String()
	if code != job.Usage || !strings.Contains(said, want) || strings.Count(said, "\n") > 3 || out.Len() > 0 {
		t.Errorf("%s: exit code %d, want %q:\n%s%s", line, code, want, &errs, &out)
	}
}

// What verify says is there for scripts too.
func TestVerifyJSON(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "all.csv")
	writeUsers(t, path, 1, 120)
	say(t, "run", "--sandbox", path, "--yes", "--rate", "1000")
	var got map[string]any
	if err := json.Unmarshal([]byte(say(t, "verify", "--json", filepath.Join(dir, "all.bulkdelete"))), &got); err != nil {
		t.Fatal(err)
	}
	if got["deleted"] != 120.0 || got["audit_rows"] != 3.0 || got["remaining"] != 0.0 ||
		len(got["last_row_hash"].(string)) != 64 {
		t.Errorf("verify --json prints %v", got)
	}
}

func TestVersionHoweverItIsAsked(t *testing.T) {
	want := say(t, "version")
	for _, flag := range []string{"--version", "-v"} {
		if got := say(t, flag); got != want || !strings.HasPrefix(got, "bulkdelete ") {
			t.Errorf("%s says %q, version says %q", flag, got, want)
		}
	}
}
