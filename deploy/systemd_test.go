package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bulkdelete/internal/aloud"
)

// systemd understands every line of the units, and would start the program with them.
func TestSystemdUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		aloud.Skip(t, "there is no systemd-analyze")
	}
	dir := t.TempDir()
	self, err := os.Executable() // something that can be started, in the program's place
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bulkdelete.service", "bulkdelete.timer"} {
		text, err := os.ReadFile(filepath.Join("systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		unit := strings.ReplaceAll(string(text), "/usr/local/bin/bulkdelete", self)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(unit), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
		filepath.Join(dir, "bulkdelete.service"), filepath.Join(dir, "bulkdelete.timer"))
	verify.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
	if out, err := verify.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
