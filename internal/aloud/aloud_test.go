package aloud

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A test that is skipped is seen in what go test ./... shows, which is nothing else of a package that passes.
func TestSkipsAreSeen(t *testing.T) {
	if os.Getenv("SKIP_ALOUD") != "" {
		Skip(t, "there is\nno %s here", "engine")
	}
	c := exec.Command("go", "test", "-count=1", "-run", "^TestSkipsAreSeen$",
		"bulkdelete/internal/aloud", "bulkdelete/internal/chart")
	c.Env = append(os.Environ(), "SKIP_ALOUD=1")
	errOut, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer errOut.Close()
	c.Stderr = errOut
	out, err := c.Output()
	said, _ := os.ReadFile(errOut.Name())
	if err != nil || string(said) != "SKIPPED: TestSkipsAreSeen: there is no engine here\n" ||
		strings.Contains(string(out), "SKIPPED") {
		t.Errorf("%v: it says %q and prints\n%s", err, said, out)
	}
}
