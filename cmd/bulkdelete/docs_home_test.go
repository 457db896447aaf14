package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bulkdelete/internal/aloud"
)

// The command of CONTRIBUTING.md that gives the module another path leaves one that builds, and nothing of the old one.
func TestDocsAnotherModulePath(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles everything once more")
	}
	if _, err := exec.LookPath("perl"); err != nil {
		aloud.Skip(t, "there is no perl")
	}
	_, section, _ := strings.Cut(docsPage(t, "CONTRIBUTING.md"), "## A new home\n")
	command := shBlock.FindStringSubmatch(section)
	if command == nil {
		t.Fatal("CONTRIBUTING.md has no command for a new home")
	}
	dir := t.TempDir()
	for _, part := range []string{"bench", "cmd", "deploy", "internal", "pkg"} {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join("../..", part))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(docsPage(t, name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{command[1], "go build ./...", "go test -run TestArrows ./pkg/job",
		"go -C deploy/check list ."} {
		c := exec.Command("sh", "-c", line)
		c.Dir = dir
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%v\n%s", line, err, out)
		}
		if strings.HasPrefix(line, "go -C") && string(out) != "example.com/bulkdelete/deploy/check\n" {
			t.Errorf("the module of deploy/check is %s", out)
		}
	}
}
