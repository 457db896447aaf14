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

	"bulkdelete/internal/aloud"
	"bulkdelete/internal/tsa"
)

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
	b.WriteString("| what was done | `run` | `report` | `restore` | `verify` | and `verify` says |\n" +
		"|---|---:|---:|---:|---:|---|\n")
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
	edit(t, filepath.Join(dir, "job", "seal.json"), replace(`"deleted": 200`, `"deleted": 199`))
	if out, err := check("job"); err == nil {
		t.Errorf("other counts are whole: %s", out)
	}
	edit(t, filepath.Join(dir, "job", "run.json"), replace("ïcket", "icket"))
	if out, err := check("job"); err == nil {
		t.Errorf("an edited run.json is whole: %s", out)
	}
}

// The commands of docs/proof.md for somebody who has not this program check a real folder, each its own part of it.
func TestDocsWithoutThisProgram(t *testing.T) {
	s, p, dir := tsa.New(t, "critical,timeStamping"), newPool(t, 100, ""), t.TempDir()
	sshKey(t, dir, "ann")
	_, page, _ := strings.Cut(docsPage(t, "docs/proof.md"), "## Without this program\n")
	block := shBlock.FindStringSubmatch(page)
	if block == nil {
		t.Fatal("docs/proof.md has no commands")
	}
	root, err := os.ReadFile(s.Root)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "tsa-root.pem"), root, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 100)
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--rate", "500", "--sign-key", "ann", "--timestamp", s.URL), 0)
	check := func() error {
		c := exec.Command("bash", "-e", "-o", "pipefail", "-c", block[1])
		c.Dir = filepath.Join(dir, "all.bulkdelete")
		out, err := c.CombinedOutput()
		t.Logf("%v: %s", err, out)
		return err
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func([]byte) []byte{
		"audit.csv": line(-1, gone), "deleted.csv": line(5, gone), "seal.json": replace("100", "101"),
		"seal.json.tsr": func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, "seal.json.sig": line(2, gone),
	} {
		path := filepath.Join(dir, "all.bulkdelete", name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if edit(t, path, change); check() == nil {
			t.Errorf("%s is edited, and nothing sees it", name)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
