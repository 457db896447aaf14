// Package lab is what the measuring programs share: a sandbox in a process of its own, and processes whose wall time,
// CPU time and peak memory are known afterwards.
package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Build compiles packages of this module into dir, one binary each, named after the package's folder.
func Build(ctx context.Context, dir string, packages ...string) error {
	for _, p := range packages {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", Binary(dir, filepath.Base(p)), p)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("cannot build %s: %w", p, err)
		}
	}
	return nil
}

// Binary is where Build puts a program. The ending is for Windows and does no harm elsewhere.
func Binary(dir, name string) string { return filepath.Join(dir, name+".exe") }

// WriteUsers makes a CSV of n different users in one column.
func WriteUsers(path string, n int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	fmt.Fprintln(w, "userId")
	for i := range n {
		// Odd multiplication scatters the digits: real IDs do not come sorted.
		fmt.Fprintf(w, "%08x%016x\n", 0x6319a150+uint32(i>>12), uint64(i+1)*0x9e3779b97f4a7c15)
	}
	return errors.Join(w.Flush(), f.Close())
}

// Sandbox is `bulkdelete sandbox` in a process of its own.
type Sandbox struct {
	Env []string // GENAUTH_HOST and the access key, as the sandbox says them

	cmd *exec.Cmd
}

// StartSandbox starts a sandbox on a free port and waits until it has said where it listens.
func StartSandbox(ctx context.Context, bulkdelete string, args ...string) (*Sandbox, error) {
	cmd := exec.CommandContext(ctx, bulkdelete, append([]string{"sandbox", "--addr", "127.0.0.1:0"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("the sandbox does not start: %w", err)
	}
	s := &Sandbox{cmd: cmd}
	lines := bufio.NewScanner(out)
	for len(s.Env) < 3 && lines.Scan() {
		if setting, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "export "); ok {
			s.Env = append(s.Env, setting)
		}
	}
	if len(s.Env) < 3 {
		s.Stop()
		return nil, errors.New("the sandbox ended without saying where it listens")
	}
	return s, nil
}

// Get gives what the sandbox said to export under a name.
func (s *Sandbox) Get(name string) string {
	for _, setting := range s.Env {
		if value, ok := strings.CutPrefix(setting, name+"="); ok {
			return value
		}
	}
	return ""
}

// Stop ends the sandbox.
func (s *Sandbox) Stop() {
	s.cmd.Process.Kill() //nolint:errcheck // it has ended, then
	s.cmd.Wait()         //nolint:errcheck // killed
}

// Usage is what a process took.
type Usage struct {
	Wall, CPU time.Duration
	Peak      int64  // resident memory in bytes; 0: this system does not say
	Out       []byte // standard output
}

// Run runs a program to its end, in an environment with env added. Only a program that cannot be run, or one that ends
// with a code above most, is an error, which quotes the end of what it said.
func Run(ctx context.Context, env []string, most int, name string, args ...string) (Usage, error) {
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &out, &said
	began := time.Now()
	err := cmd.Run()
	u := Usage{Wall: time.Since(began), Out: out.Bytes()}
	if cmd.ProcessState == nil {
		return u, err
	}
	u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.Peak = peak(cmd.ProcessState)
	if exit := cmd.ProcessState.ExitCode(); exit < 0 || exit > most {
		text := said.Bytes()
		return u, fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), args[0], err, text[max(0, len(text)-2000):])
	}
	return u, nil
}
