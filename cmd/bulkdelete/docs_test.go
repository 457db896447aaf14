package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v3"
)

// pages are the documentation, by path from the module's root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range strings.Fields("*.md docs/*.md samples/README.md deploy/README.md bench/README.md") {
		paths, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			found[strings.TrimPrefix(path, "../../")] = string(text)
		}
	}
	return found
}

func docsPage(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkBlock compares what stands between <!-- name --> and <!-- end --> of a page with what is generated, or
// writes it.
func checkBlock(t *testing.T, path, name, want string) {
	t.Helper()
	page := docsPage(t, path)
	begin, end := "<!-- "+name+" -->\n", "<!-- end -->"
	before, rest, ok := strings.Cut(page, begin)
	is, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no block %q", path, name)
	}
	if is == want {
		return
	}
	if *update {
		if err := os.WriteFile(filepath.Join("../..", path), []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s, %s, is out of date: go test ./cmd/bulkdelete -run Docs -update writes it anew\nwant\n%s\nis\n%s",
		path, name, want, is)
}

// docs/flags.md says what the flags' declarations say.
func TestDocsFlags(t *testing.T) {
	for _, category := range []string{inputFlags, apiFlags, paceFlags, guardFlags, outputFlags} {
		checkBlock(t, "docs/flags.md", "flags: "+category, flagTable(category))
	}
}

// flagTable has a row for each meaning that a flag has, with the commands where it has that.
func flagTable(category string) string {
	var rows []string
	of := map[string][]string{}
	for _, c := range (&process{}).newApp().Commands {
		for _, f := range c.Flags {
			in, ok := f.(cli.CategorizableFlag)
			if !ok || in.GetCategory() != category {
				continue
			}
			row := flagRow(f)
			if of[row] == nil {
				rows = append(rows, row)
			}
			of[row] = append(of[row], c.Name)
		}
	}
	var b strings.Builder
	b.WriteString("| flag | default | meaning | commands |\n|---|---|---|---|\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "%s %s |\n", row, strings.Join(of[row], ", "))
	}
	return b.String()
}

var defaultText = regexp.MustCompile(` \(default: (.*)\)$`)

func flagRow(f cli.Flag) string {
	cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
	head, usage := flagParts(f)
	is := "none"
	if doc, ok := f.(cli.DocGenerationFlag); ok && !doc.TakesValue() {
		is = "off"
	}
	if m := defaultText.FindStringSubmatch(usage); m != nil {
		is, usage = m[1], strings.TrimSuffix(usage, m[0])
	}
	if of, ok := f.(interface{ GetEnvVars() []string }); ok {
		for _, name := range of.GetEnvVars()[1:] {
			usage += " (also `" + name + "`)"
		}
	}
	return fmt.Sprintf("| `%s` | %s | %s |", cell(head), cell(is), cell(usage))
}

var (
	fenced  = regexp.MustCompile("(?s)```.*?```")
	shBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
	inline  = regexp.MustCompile("`((?:go run ./cmd/)?bulkdelete [a-z][^`]*)`")
)

// Every command that the documentation shows is one, and has the flags that it is shown with.
func TestDocsCommands(t *testing.T) {
	root := (&process{}).newApp()
	seen := 0
	for path, page := range pages(t) {
		var lines []string
		for _, m := range shBlock.FindAllStringSubmatch(page, -1) {
			lines = append(lines, strings.Split(strings.ReplaceAll(m[1], "\\\n", " "), "\n")...)
		}
		for _, m := range inline.FindAllStringSubmatch(page, -1) {
			lines = append(lines, strings.ReplaceAll(m[1], `\|`, "|"))
		}
		for _, line := range lines {
			line, _, _ = strings.Cut(strings.TrimPrefix(line, "go run ./cmd/"), " #")
			words := strings.Fields(line)
			if len(words) < 2 || words[0] != "bulkdelete" {
				continue
			}
			seen++
			c := root.Command(words[1])
			if c == nil && words[1] != "completion" {
				t.Errorf("%s: there is no command %s: %s", path, words[1], line)
				continue
			}
			for _, word := range words[2:] {
				name, flag := strings.CutPrefix(word, "--")
				name, _, _ = strings.Cut(name, "=")
				if flag && name != "help" && (c == nil || !knows(c, name)) {
					t.Errorf("%s: %s has no flag --%s: %s", path, words[1], name, line)
				}
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d commands were found", seen)
	}
}

// The README stays a page that one reads, its two commands come first, and no line of prose runs on for ever.
func TestDocsReadme(t *testing.T) {
	readme := docsPage(t, "README.md")
	if n := strings.Count(readme, "\n"); n > 200 {
		t.Errorf("the README has %d lines", n)
	}
	want := "go run ./cmd/bulkdelete run --sandbox samples/offboarding.csv --yes\ngo test ./...\n"
	if first := shBlock.FindStringSubmatch(readme); first == nil || first[1] != want {
		t.Errorf("the first commands are %q", first)
	}
	for path, page := range pages(t) {
		if strings.HasPrefix(path, "bench") {
			continue
		}
		for line := range strings.Lines(fenced.ReplaceAllString(page, "")) {
			if n := len([]rune(line)); n > 121 && !strings.ContainsAny(line[:1], "|<") { // tables and pictures cannot be cut
				t.Errorf("%s has a line of %d columns: %s", path, n, line)
			}
		}
	}
}

// The figures of docs/measurements.md are those of bench/README.md.
func TestDocsMeasurements(t *testing.T) {
	bench := docsPage(t, "bench/README.md")
	figures := regexp.MustCompile(`\d+[.,]\d+|\d+ MiB|\d+%`).FindAllString(docsPage(t, "docs/measurements.md"), -1)
	if len(figures) < 10 {
		t.Fatalf("docs/measurements.md has the figures %q", figures)
	}
	for _, f := range figures {
		if f != "1,000" && !strings.Contains(bench, f) { // that one is 20 calls of 50
			t.Errorf("docs/measurements.md says %s, and bench/README.md does not", f)
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	noMark  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// Every link leads somewhere, to the heading that it names.
func TestDocsLinks(t *testing.T) {
	all := pages(t)
	for path, page := range all {
		for _, m := range link.FindAllStringSubmatch(page, -1) {
			to, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") {
				continue
			}
			target := path
			if to != "" {
				target = filepath.Join(filepath.Dir(path), to)
			}
			if _, err := os.Stat(filepath.Join("../..", target)); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(all[target]), anchor) {
				t.Errorf("%s links to %s, and there is no such heading", path, m[1])
			}
		}
	}
}

// anchors are the names that headings have in links.
func anchors(page string) (names []string) {
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		names = append(names, strings.ReplaceAll(noMark.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return names
}

var sampleRow = regexp.MustCompile("(?m)^\\| `bulkdelete (run [^`]*)` \\|.*\\| (?:.*\\D)?exit (\\d)(?:\\..*)? \\|$")

// Each command of samples/README.md ends as it says there.
func TestDocsSamples(t *testing.T) {
	rows := sampleRow.FindAllStringSubmatch(docsPage(t, "samples/README.md"), -1)
	if len(rows) < 12 {
		t.Fatalf("samples/README.md has %d commands", len(rows))
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "samples"), os.DirFS("../../samples")); err != nil {
		t.Fatal(err)
	}
	for i, m := range rows {
		args := strings.Fields(m[1])
		if at := slices.Index(args, "--out"); at > 0 {
			args = slices.Delete(args, at, at+2)
		}
		args = append(args, "--rate", "500", "--out", fmt.Sprintf("job-%d", i))
		wants(t, (&pool{}).command(dir, args...), int(m[2][0]-'0'))
	}
}

// The operator's table quotes what the program says: each part of it stands in the program.
func TestSymptomsAreWhatTheProgramSays(t *testing.T) {
	var program strings.Builder
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			var text []byte
			text, err = os.ReadFile(path)
			program.Write(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	source := regexp.MustCompile(`" \+\n\s*"`).ReplaceAllString(program.String(), "") // a text in two lines is one
	_, table, _ := strings.Cut(docsPage(t, "docs/operating.md"), "| exit code | it says | what to do |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	quotes := 0
	for row := range strings.Lines(table) {
		for _, quote := range regexp.MustCompile("`[^`]+`").FindAllString(strings.Split(row, "|")[2], -1) {
			for part := range strings.SplitSeq(strings.Trim(quote, "`"), "…") {
				if part = strings.Trim(part, " :()"); part != "" && !strings.Contains(source, part) {
					t.Errorf("nothing says %q of %s", part, quote)
				}
			}
			quotes++
		}
	}
	if quotes < 30 {
		t.Errorf("the table has %d messages", quotes)
	}
}
