package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/aloud"
)

// pages are the documentation, by path from the module's root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range strings.Fields("README.md docs/*.md samples/README.md deploy/README.md bench/README.md") {
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

// backupDamages are done to the folder of a finished run with --backup. restore is what that command ends with.
func backupDamages() []damage {
	backup := func(change func([]byte) []byte) func(*testing.T, string) { return file("backup.jsonl.zst", change) }
	return []damage{
		{"a byte of the backup changed", backup(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), 3, 3, 1,
			"the backup cannot be believed"},
		{"the backup cut", backup(func(b []byte) []byte { return b[:len(b)-40] }), 3, 3, 1, "the backup cannot be believed"},
		{"the backup removed", remove("backup.jsonl.zst"), 3, 3, 1, "it is not there any more"},
	}
}

// restores says what restore ends with after some damage to a run's folder.
func restores(d damage) int {
	switch d.what {
	case "run.json removed":
		return 2 // there is no run's folder
	}
	return d.run
}

// docs/proof.md has a table of what each command says of damage: these are the cases that TestAFolderThatCannotLie and
// TestDocsDamageToABackup try.
func TestDocsDamage(t *testing.T) {
	var b strings.Builder
	b.WriteString("| what was done | `run` | `report` | `restore` | `verify` | and `verify` says |\n|---|---:|---:|---:|---:|---|\n")
	for _, d := range slices.Concat(damages(), backupDamages()) {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %s |\n", d.what, d.run, d.report, restores(d), d.verify, d.words)
	}
	checkBlock(t, "docs/proof.md", "damage", b.String())
}

// The same damage, and some more, to a run with --backup: restore believes none of it, and what is damaged in the
// backup is refused by report and run too, and seen by verify before and after.
func TestDocsDamageToABackup(t *testing.T) {
	p := newPool(t, 1000, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 1000)
	run := func(folder string) []string {
		return []string{"run", "all.csv", "--yes", "--backup", "--rate", "5000", "--out", folder}
	}
	wants(t, p.command(dir, run("whole")...), 0)
	damaged := func(t *testing.T, name string, d damage) string {
		folder := filepath.Join(dir, name)
		if err := os.CopyFS(folder, os.DirFS(filepath.Join(dir, "whole"))); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		d.do(t, folder)
		return folder
	}
	for i, d := range slices.Concat(damages(), backupDamages()) {
		t.Run(d.what, func(t *testing.T) {
			name := fmt.Sprintf("restore-%d", i)
			folder := damaged(t, name, d)
			before := snapshot(t, folder)
			wants(t, p.command(dir, "restore", name, "--dry-run"), restores(d))
			if restores(d) > 0 && !maps.Equal(before, snapshot(t, folder)) {
				t.Error("restore refuses the folder and has touched it")
			}
		})
	}
	for i, d := range backupDamages() {
		t.Run(d.what+" and seen", func(t *testing.T) {
			name := fmt.Sprintf("backup-%d", i)
			damaged(t, name, d)
			wants(t, p.command(dir, "verify", name), d.verify, d.words)
			wants(t, p.command(dir, "report", name), d.report)
			wants(t, p.command(dir, run(name)...), d.run)
			wants(t, p.command(dir, "verify", name), d.verify, d.words)
		})
	}
}

// A table of docs/proof.md names the test behind each row: there is one.
func TestDocsNameTests(t *testing.T) {
	_, table, ok := strings.Cut(docsPage(t, "docs/proof.md"), "| test |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(table, -1)
	if !ok || len(named) < 15 {
		t.Fatalf("docs/proof.md names %d tests", len(named))
	}
	var code bytes.Buffer
	for _, pattern := range []string{"*_test.go", "../../pkg/*/*_test.go"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(text)
		}
	}
	for _, m := range named {
		if !strings.Contains(code.String(), "func "+m[1]+"(t *testing.T)") {
			t.Errorf("docs/proof.md names %s, which is no test", m[1])
		}
	}
}

// The lines of Python in docs/proof.md check a real folder, and see what was changed in it.
func TestDocsPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		aloud.Skip(t, "there is no python3: %v", err)
	}
	_, script, _ := strings.Cut(docsPage(t, "docs/proof.md"), "```python\n")
	script, _, ok := strings.Cut(script, "```")
	if !ok {
		t.Fatal("docs/proof.md has no Python")
	}
	p, dir := newPool(t, 200, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "people é <&>.csv"), 1, 200)
	wants(t, p.command(dir, "run", "people é <&>.csv", "--yes", "--backup", "--rate", "5000", "--out", "job",
		"--reason", "\"tïcket\"\t\u2028"), 0)
	wants(t, p.command(dir, "restore", "job", "--yes", "--rate", "5000"), 0)
	check := func(folder string) (string, error) {
		c := exec.Command(python, "-c", script)
		c.Dir = filepath.Join(dir, folder)
		var out, trouble bytes.Buffer // a shell that starts Python complains there of a locale that is not installed
		c.Stdout, c.Stderr = &out, &trouble
		if err := c.Run(); err != nil {
			return out.String() + trouble.String(), err
		}
		return out.String(), nil
	}
	last := verifyJSON(t, p, dir, 0, "job").LastRowHash
	if out, err := check("job"); err != nil || out != "whole: "+last+"\n" {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := check("job/restore"); err != nil {
		t.Errorf("restore: %v: %s", err, out)
	}
	edit(t, filepath.Join(dir, "job", "run.json"), replace("ïcket", "icket"))
	if out, err := check("job"); err == nil {
		t.Errorf("an edited run.json is whole: %s", out)
	}
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
	first := shBlock.FindStringSubmatch(readme)
	if want := "go run ./cmd/bulkdelete run --sandbox samples/offboarding.csv --yes\ngo test ./...\n"; first == nil || first[1] != want {
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
