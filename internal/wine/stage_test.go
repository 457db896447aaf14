//go:build linux

package wine_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"bulkdelete/internal/sandbox"
)

// stage is the program on a Windows, with a list of users, and the API outside of it.
type stage struct {
	w            *windows
	exe          string
	dir          string // of the list, as this system names it
	list, folder string // as Windows names them
	server       *sandbox.Server
	url          string

	mu    sync.Mutex
	named map[string]bool
	calls int
	at    func(calls int) // hears of each deletion
}

func userID(i int) string { return fmt.Sprintf("64b0d1c2e3f405%010x", i) }

func newStage(t *testing.T, w *windows, users int) *stage {
	t.Helper()
	s := &stage{w: w, exe: w.build(t, "bulkdelete.exe", "build", "bulkdelete/cmd/bulkdelete"),
		dir: filepath.Join(w.dir, "My Lists"), named: map[string]bool{}, at: func(int) {}}
	windowsDir := `Z:` + strings.ReplaceAll(s.dir, "/", `\`)
	s.list, s.folder = windowsDir+`\leavers.csv`, windowsDir+`\leavers.bulkdelete`
	list := "userId,name\r\n"
	for i := range users {
		list += fmt.Sprintf("%s,user %d\r\n", userID(i), i)
	}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.dir, "leavers.csv"), []byte(list))
	var err error
	s.server, err = sandbox.New(sandbox.Config{Unknown: sandbox.UnknownNotFound, Observe: s.observe,
		IDs: func(yield func(string) bool) {
			for i := range users {
				if !yield(userID(i)) {
					return
				}
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s.server)
	t.Cleanup(h.Close)
	s.url = h.URL
	return s
}

func (s *stage) observe(c sandbox.Call) {
	if c.Name != "delete-users-batch" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range c.IDs {
		s.named[id] = true
	}
	s.calls++
	s.at(s.calls)
}

func (s *stage) inFolder(name string) string { return filepath.Join(s.dir, "leavers.bulkdelete", name) }

// strangers are those who were named in a deletion and are not on the list.
func (s *stage) strangers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range 1500 {
		delete(s.named, userID(i))
	}
	return slices.Collect(maps.Keys(s.named))
}

func (s *stage) program(args ...string) (*exec.Cmd, *strings.Builder) {
	if args[0] == "run" {
		args = append(args, "--yes", "--rate", "20", "--workers", "4", "--host", s.url)
	}
	c, out := exec.Command("wine", append([]string{s.exe}, args...)...), &strings.Builder{}
	c.Env = append(slices.Clone(s.w.env), "GENAUTH_ACCESS_KEY_ID="+sandbox.AccessKeyID,
		"GENAUTH_ACCESS_KEY_SECRET="+sandbox.AccessKeySecret)
	c.Stdout, c.Stderr = out, out
	return c, out
}

func (s *stage) command(args ...string) (code int, out string) {
	c, b := s.program(args...)
	return exitCode(c.Run()), b.String()
}

// stop runs the program and sends it a signal as soon as so many more deletions have arrived. wine makes a Ctrl-C of an
// interrupt.
func (s *stage) stop(calls int, signal os.Signal) (code int, out string) {
	c, b := s.program("run", s.list)
	started := make(chan struct{})
	s.mu.Lock()
	last := s.calls + calls
	s.at = func(n int) {
		if n == last {
			<-started
			c.Process.Signal(signal) //nolint:errcheck // what it leads to is looked at
		}
	}
	s.mu.Unlock()
	err := c.Start()
	close(started)
	if err == nil {
		err = c.Wait()
	}
	return exitCode(err), b.String()
}

func exitCode(err error) int {
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode()
	}
	if err != nil {
		return -2
	}
	return 0
}
