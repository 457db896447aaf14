// Package aloud lets tests say what they skip. The go command shows nothing of a package whose tests pass, neither what
// they log nor what they write to standard error, so that a machine without an engine seems to have run every test.
package aloud

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// Skip skips a test and says so, and why.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	why := fmt.Sprintf(format, args...)
	Say("%s: %s", t.Name(), why)
	t.Skip(why)
}

// Say writes a line about tests that are skipped to the standard error of the go command that runs them, or of this
// process where that cannot be had.
func Say(format string, args ...any) {
	line := "SKIPPED: " + strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ") + "\n"
	if err := tellGo(line); err != nil {
		io.WriteString(os.Stderr, line) //nolint:errcheck // there is no other place
	}
}

// tellGo works where the kernel shows processes as files.
func tellGo(line string) error {
	parent := fmt.Sprintf("/proc/%d", os.Getppid())
	name, err := os.ReadFile(parent + "/comm")
	if err != nil {
		return err
	}
	if string(name) != "go\n" {
		return fmt.Errorf("started by %s", name)
	}
	f, err := os.OpenFile(parent+"/fd/2", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(line)
	return err
}
