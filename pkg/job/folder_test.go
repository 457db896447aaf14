//go:build !windows

package job

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulkdelete/internal/aloud"
)

// A folder into which a group may write is trusted if this process is of that group, and not otherwise.
func TestWhoseGroupMayWrite(t *testing.T) {
	own := os.Getegid()
	for name, c := range map[string]struct {
		group   int
		mode    os.FileMode
		trusted bool
	}{
		"our own group":         {own, 0o770, true},
		"our own group reads":   {own, 0o750, true},
		"a foreign group":       {54321, 0o770, false},
		"a foreign group reads": {54321, 0o750, true},
		"everybody":             {own, 0o707, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "job")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if c.group != own {
				chownToGroup(t, dir, c.group)
			}
			if err := os.Chmod(dir, c.mode); err != nil {
				t.Fatal(err)
			}
			f, err := Claim(t.Context(), dir, nil)
			if err == nil {
				err = f.Close()
			}
			want := map[bool]Code{true: OK, false: Guard}[c.trusted]
			if codeOf(err) != want || !c.trusted && !strings.Contains(err.Error(), "others may write into it") {
				t.Errorf("%v", err)
			}
		})
	}
}

func chownToGroup(t *testing.T, path string, group int) {
	t.Helper()
	if os.Geteuid() != 0 {
		aloud.Skip(t, "only root can give a folder to a foreign group")
	}
	if err := os.Chown(path, -1, group); err != nil {
		t.Fatal(err)
	}
}
