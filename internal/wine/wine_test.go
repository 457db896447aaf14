//go:build linux

// Package wine_test runs the program as Windows does, under wine: the tests of the file layer, the job's tests of going
// on, and a run that is killed. What wine does not show, Windows' own disks and consoles, nothing here tests.
package wine_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"bulkdelete/internal/aloud"
)

// windows is a Windows that this machine imitates.
type windows struct {
	dir     string   // for programs
	env     []string // of wine
	overlay string   // for the go command
}

func newWindows(t *testing.T) *windows {
	t.Helper()
	if testing.Short() {
		t.Skip("it compiles everything for Windows")
	}
	if _, err := exec.LookPath("wine"); err != nil || runtime.GOARCH != "amd64" {
		aloud.Skip(t, "nothing runs as on Windows: there is no wine, or it is not amd64's; apt-get install wine wine64")
	}
	w := &windows{dir: t.TempDir()}
	prefix := filepath.Join(w.dir, "prefix")
	w.env = append(os.Environ(), "WINEPREFIX="+prefix, "WINEDEBUG=-all",
		"WINEDLLOVERRIDES=mscoree=;mshtml=;winemenubuilder.exe=")
	t.Cleanup(func() { w.run(exec.Command("wineserver", "-k", "-w")) }) //nolint:errcheck // it may have ended by itself
	if out, err := w.run(exec.Command("wine", "wineboot", "--init")); err != nil {
		t.Fatalf("wine cannot be set up: %v\n%s", err, out)
	}
	// Go's runtime asks for a DLL that wine has from version 9 on; its one function is in another one too.
	random := filepath.Join(prefix, "drive_c/windows/system32/bcryptprimitives.dll")
	if _, err := os.Stat(random); err != nil {
		write(t, random, forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"))
	}
	w.overlay = writeOverlay(t, w.dir)
	return w
}

// writeOverlay lets Go's library remove files under wine before version 10, which has another way to say that it does
// not know the newer of two calls.
func writeOverlay(t *testing.T, dir string) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src/internal/syscall/windows/at_windows.go")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	changed, overlay := filepath.Join(dir, "at_windows.go"), filepath.Join(dir, "overlay.json")
	const notImplemented = "case NTStatus(0xC0000002), STATUS_INVALID_INFO_CLASS,"
	write(t, changed, []byte(strings.Replace(string(text), "case STATUS_INVALID_INFO_CLASS,", notImplemented, 1)))
	list, _ := json.Marshal(map[string]map[string]string{"Replace": {source: changed}}) // plain strings
	write(t, overlay, list)
	return overlay
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func (w *windows) run(c *exec.Cmd) (string, error) {
	c.Env = w.env
	out, err := c.CombinedOutput()
	return string(out), err
}

// build compiles a program for Windows; verb is build or test -c.
func (w *windows) build(t *testing.T, name, verb, pkg string) string {
	t.Helper()
	exe := filepath.Join(w.dir, name)
	c := exec.Command("go", append(strings.Fields(verb), "-overlay", w.overlay, "-o", exe, pkg)...)
	c.Env = append(os.Environ(), "GOOS=windows", "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s cannot be compiled: %v\n%s", pkg, err, out)
	}
	return exe
}

func TestWindows(t *testing.T) {
	w := newWindows(t)
	t.Run("packages", w.testPackages)
	t.Run("a run that is killed", w.testKills)
}

// The tests of these packages hold there too.
func (w *windows) testPackages(t *testing.T) {
	for pkg, which := range map[string]string{
		"journal": ".",
		"job": "WhoMayWrite|StopAndGoOn|FolderInUse|StatusOfTheDead|LargestWorkerCount|DoubtIsCarriedOn|" +
			"WhoWasSavedBefore",
	} {
		exe := w.build(t, pkg+".exe", "test -c", "bulkdelete/pkg/"+pkg)
		c := exec.Command("wine", exe, "-test.short", "-test.v", "-test.run", which)
		c.Dir = filepath.Join("../../pkg", pkg)
		out, err := w.run(c)
		if passed := strings.Count(out, "--- PASS"); err != nil || passed < 5 {
			t.Errorf("%s: %d passed, %v\n%s", pkg, passed, err, out)
		}
		for line := range strings.Lines(out) {
			if strings.Contains(line, "--- SKIP") {
				aloud.Say("under wine: pkg/%s: %s", pkg, strings.Trim(line, " -\r\n"))
			}
		}
	}
}

// A run is stopped with Ctrl-C and killed again and again, and then its files account for every user once.
func (w *windows) testKills(t *testing.T) {
	s := newStage(t, w, 1500)
	if code, out := s.stop(4, os.Interrupt); code != 5 || !strings.Contains(out, "stopped by a signal (interrupt)") ||
		!strings.Contains(out, `run "Z:\`) {
		t.Fatalf("Ctrl-C ends with %d:\n%s", code, out)
	}
	for _, calls := range []int{1, 2, 5} {
		if code, out := s.stop(calls, os.Kill); code == 0 {
			t.Fatalf("it was not killed:\n%s", out)
		}
	}
	for _, args := range [][]string{{"run", s.list}, {"verify", s.folder}, {"status", s.folder}} {
		if code, out := s.command(args...); code != 0 {
			t.Fatalf("%s ends with %d:\n%s", args[0], code, out)
		}
	}
	if err := os.Chmod(s.inFolder(""), 0o777); err != nil { // wine makes a list of access of it
		t.Fatal(err)
	}
	if code, out := s.command("run", s.list); code != 3 || !strings.Contains(out, "others may write into it (everybody)") {
		t.Errorf("a folder that everybody may write: %d\n%s", code, out)
	}
	deleted, err := os.ReadFile(s.inFolder("deleted.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1500 {
		if n := strings.Count(string(deleted), fmt.Sprintf("%s,user %d\n", userID(i), i)); n != 1 {
			t.Fatalf("user %d stands %d times in deleted.csv", i, n)
		}
	}
	if s.server.Len() != 0 || len(s.strangers()) > 0 {
		t.Errorf("%d users are left, and %v were named", s.server.Len(), s.strangers())
	}
}
