package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"bulkdelete/internal/sandbox"
)

// Exit code 2 says that nothing was sent: whatever goes wrong from the first call on ends with 4.
func TestNoEndAfterTheFirstCallSaysNothingWasSent(t *testing.T) {
	t.Run("a summary that cannot be printed", func(t *testing.T) {
		p, dir := newPool(t, 100, ""), t.TempDir()
		writeUsers(t, filepath.Join(dir, "all.csv"), 1, 100)
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer full.Close()
		c := p.command(dir, "run", "all.csv", "--yes", "--rate", "5000")
		c.Stdout = full
		c.Run()
		if code := c.ProcessState.ExitCode(); code != 4 || p.sent() != 2 {
			t.Errorf("exit code %d after %d calls", code, p.sent())
		}
		wants(t, p.command(dir, "verify", "all.bulkdelete"), 0)
	})
	t.Run("SIGQUIT", func(t *testing.T) {
		p, dir := newPool(t, 2000, "latency=50ms"), t.TempDir()
		writeUsers(t, filepath.Join(dir, "all.csv"), 1, 2000)
		c := p.command(dir, "run", "all.csv", "--yes", "--rate", "40")
		out := start(t, c, filepath.Join(dir, "all.bulkdelete", "audit.csv"))
		c.Process.Signal(syscall.SIGQUIT)
		c.Wait()
		if code := c.ProcessState.ExitCode(); code != 4 || !strings.Contains(out.String(), "goroutine") {
			t.Errorf("exit code %d:\n%.500s", code, out)
		}
		wants(t, p.command(dir, "run", "all.csv", "--yes", "--rate", "5000"), 0)
		checkAllGone(t, p, filepath.Join(dir, "all.bulkdelete"), 2000)
	})
}

// The reader of the output may go away: that ends nothing. Nor does a terminal that hangs up under nohup.
func TestReadersAndTerminalsThatGoAway(t *testing.T) {
	p, dir := newPool(t, 2000, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 1000)
	c := p.command(dir)
	c.Path, c.Args = "/bin/bash", []string{"bash", "-c",
		"set -o pipefail; " + os.Args[0] + " run all.csv --yes --rate 5000 2>&1 | head -1"}
	wants(t, c, 0)
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 0)

	writeUsers(t, filepath.Join(dir, "more.csv"), 1001, 2000)
	c = p.command(dir)
	c.Path, c.Args = "/usr/bin/nohup", []string{"nohup", os.Args[0], "run", "more.csv", "--yes", "--rate", "20"}
	start(t, c, filepath.Join(dir, "more.bulkdelete", "audit.csv"))
	c.Process.Signal(syscall.SIGHUP)
	if err := c.Wait(); err != nil {
		t.Errorf("under nohup it ends with %v", err)
	}
	wants(t, p.command(dir, "verify", "more.bulkdelete"), 0)
}

// timeout(1) sends its signal to the process and to its group: that is one signal, and the run ends in order.
func TestTimeoutSendsOneSignal(t *testing.T) {
	p, dir := newPool(t, 3000, "latency=300ms"), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 3000)
	c := p.command(dir)
	c.Path, c.Args = "/usr/bin/timeout", []string{"timeout", "4", os.Args[0], "run", "all.csv", "--yes", "--rate", "20"}
	wants(t, c, 124, "hint: to go on, run")
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 1, "whole so far")
}

// A disk that is full when the audit is begun stops with 4.
func TestDiskFullAtTheVeryBeginning(t *testing.T) {
	mount := smallDisk(t, "64k", 60)
	p, dir := newPool(t, 100, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 100)
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--out", filepath.Join(mount, "job")), 4, "no space left")
	if p.sent() > 0 {
		t.Errorf("%d calls were sent", p.sent())
	}
}

// proxied is the pool behind a handler that sees each request first; true: it has answered.
func (p *pool) proxied(t *testing.T, first func(w http.ResponseWriter, r *http.Request, body []byte) bool) {
	t.Helper()
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if !first(w, r, body) {
			p.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(h.Close)
	p.url = h.URL
}

// With --backup nobody is named who was not found, and a reading that finds nobody is believed only from an API
// that finds somebody who exists.
func TestWhoIsNotFoundIsNotNamed(t *testing.T) {
	p, dir := newPool(t, 120, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 101, 220)
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--backup", "--rate", "5000"), 0, "100  no such user")
	if named := p.everNamed(); len(named) != 20 {
		t.Errorf("%d users were named", len(named))
	}
	if rows := column(t, filepath.Join(dir, "all.bulkdelete", "audit.csv"),
		"message"); !strings.Contains(fmt.Sprint(rows), "not found when read; nothing was sent") {
		t.Errorf("the audit says %q", rows)
	}
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 0, "the backup is whole: 20 users")

	blind, dir := newPool(t, 120, ""), t.TempDir()
	blind.proxied(t, func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if strings.HasSuffix(r.URL.Path, "get-user-batch") {
			io.WriteString(w, `{"statusCode":200,"message":"","data":[]}`)
			return true
		}
		return false
	})
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 120)
	wants(t, blind.command(dir, "run", "all.csv", "--yes", "--backup", "--rate", "5000"), 4,
		"the users cannot be looked at", "not even a user who exists", "nothing was sent")
	wants(t, blind.command(dir, "run", "all.csv", "--yes", "--backup", "--rate", "5000", "--sample", "0"), 4,
		"shows none of these users, nor anybody else")
	if blind.sent() > 0 || blind.Len() != 120 {
		t.Errorf("%d deletions were sent, %d users are left", blind.sent(), blind.Len())
	}
	rows := column(t, filepath.Join(dir, "all.bulkdelete", "remaining.csv"), "userId")
	if len(rows) != 120 {
		t.Errorf("%d rows remain", len(rows))
	}
}

// A token that is renewed for another pool stops the run, and another tenant or pool is refused by restore and verify.
func TestThePoolAndTheTenantStayTheRuns(t *testing.T) {
	p, dir := newPool(t, 2000, "", func(c *sandbox.Config) { c.TokenLifetime = 2 * time.Second }), t.TempDir()
	other := newPool(t, 0, "", func(c *sandbox.Config) { c.UserPool = "64b0d1c2e3f4051627384999" })
	tokens := 0
	p.proxied(t, func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if !strings.HasSuffix(r.URL.Path, "get-management-token") {
			return false
		}
		if tokens++; tokens > 1 {
			other.ServeHTTP(w, r)
			return true
		}
		return false
	})
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 2000)
	args := []string{"run", "all.csv", "--yes", "--backup", "--rate", "40", "--tenant-id", "tenant-1"}
	wants(t, p.command(dir, args...), 4, "64b0d1c2e3f4051627384999", "is expected")
	sent := p.sent()
	wants(t, p.command(dir, "restore", "all.bulkdelete", "--yes"), 3, "the run was about user pool")
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--live"), 3, "the run was about user pool")
	wants(t, p.command(dir, "restore", "all.bulkdelete", "--yes", "--tenant-id", "tenant-2"), 3,
		"the run was about tenant tenant-1")
	tenants := map[string]bool{}
	p.proxied(t, func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		tenants[r.Header.Get("x-authing-app-tenant-id")] = true
		return false
	})
	c := p.command(dir, "restore", "all.bulkdelete", "--yes")
	c.Env = append(c.Env, "GENAUTH_HOST="+p.url)
	if code, printed := exit(t, c); code != 3 || !strings.Contains(printed, "give the --host") { // it is another port
		t.Errorf("exit code %d:\n%s", code, printed)
	}
	if len(tenants) != 1 || !tenants["tenant-1"] || p.sent() != sent {
		t.Errorf("tenants %v", tenants)
	}
}

// A hint that names a command names it whole, and a flag that lacks what it needs is refused.
func TestHintsAreWholeCommands(t *testing.T) {
	dir := t.TempDir()
	p := newPool(t, 0, "", func(c *sandbox.Config) {
		c.IDType, c.IDs = "email", slices.Values([]string{"ada@example.com", "ben@example.com"})
		c.Refused = map[string]int{"ada@example.com": 422}
	})
	if err := os.WriteFile(filepath.Join(dir, "mail.csv"),
		[]byte("user_id,email\n1,ada@example.com\n2,ben@example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "keep.csv"), []byte("email\nzoe@example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"run", "mail.csv", "--auth", "signature", "--id-type", "email", "--column", "email", "--protect",
		"keep.csv", "--yes", "--rate", "5000"}
	code, printed := exit(t, p.command(dir, args...))
	if code != 1 {
		t.Fatalf("exit code %d:\n%s", code, printed)
	}
	for _, words := range []string{" run mail.bulkdelete/failed.csv ", " --host " + p.url, " --auth signature",
		" --id-type email", " --column email", " --protect keep.csv"} {
		if !strings.Contains(printed, words) {
			t.Errorf("the hint lacks %q:\n%s", words, printed)
		}
	}
	wants(t, p.command(dir, "run", "mail.csv", "--yes", "--faults", "500=1%"), 2,
		"real users would be deleted", "add --sandbox")
	wants(t, p.command(dir, "run", "mail.csv", "--yes", "--signature-dialect", "genauth"), 2, "add --auth signature")
	secret := p.command(dir, "run", "mail.csv", "--yes", "--id-type", "email", "--column", "2", "--stop-after", "1",
		"--metrics-push", "http://user:hunter2@127.0.0.1:9/x?token=hunter3")
	_, printed = exit(t, secret)
	if strings.Contains(printed, "hunter") {
		t.Errorf("a secret is shown:\n%s", printed)
	}
	env := func(name, value string) *exec.Cmd {
		c := p.command(dir, "plan", "mail.csv", "--column", "2", "--id-type", "email")
		c.Env = append(c.Env, name+"="+value)
		return c
	}
	wants(t, env("BULKDELETE_MAX_DELETE", "5"), 2, "BULKDELETE_MAX_DELETE, which is no flag's",
		"did you mean BULKDELETE_MAX_DELETES?")
	wants(t, env("BULKDELETE_SERVICE_HOST", "10.0.0.1"), 0)
	wants(t, env("BULKDELETE_PORT_80_TCP_ADDR", "10.0.0.1"), 0)
	wants(t, env("BULKDELETE_RATE", "5"), 0)
}

// --max-deletes P% is a share of the pool as it was when the job began: it does not keep a run from going on.
func TestAShareOfThePoolCountsWhoIsGone(t *testing.T) {
	p, dir := newPool(t, 100, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 60)
	args := []string{"run", "all.csv", "--yes", "--rate", "5000", "--max-deletes", "60%"}
	wants(t, p.command(dir, append(args, "--stop-after", "50")...), 5)
	wants(t, p.command(dir, args...), 0)
}

// No message shows the user or the query of a URL, wherever it was given by mistake.
func TestNoURLShowsItsSecrets(t *testing.T) {
	const url = "https://user:hunter2@example.com/x?token=hunter3"
	p, dir := newPool(t, 10, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 10)
	for _, args := range [][]string{
		{"report", url}, {"verify", url}, {"restore", url}, {"report", "--input", url, "x"}, {"sandbox", "--users", url},
		{"run", "all.csv", "--plan", url}, {"run", "all.csv", "--out", url}, {"run", "all.csv", "--host", url},
		{"run", "all.csv", "--ca-cert", url}, {"run", "all.csv", "--protect", url}, {"run", "all.csv", "--upload", url},
		{"run", "all.csv", "--metrics-file", url}, {"run", "all.csv", "--rate", url}, {"run", url},
		{"plan", "all.csv", "--save", url},
	} {
		code, printed := exit(t, p.command(dir, append(args, "--log-level=debug")...))
		if code == 0 || strings.Contains(printed, "hunter") {
			t.Errorf("%v: exit code %d\n%s", args, code, printed)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("there are %v", entries)
	}
}

// A reader who has seen enough, such as head, is no failure of any command.
func TestReaderWhoHasSeenEnough(t *testing.T) {
	p, dir := newPool(t, 10, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 10)
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--backup"), 0)
	for _, line := range []string{
		"plan all.csv", "plan all.csv --json", "run all.csv --backup", "report all.bulkdelete", "verify all.bulkdelete",
		"verify all.bulkdelete --json", "status all.bulkdelete", "status all.bulkdelete --json",
		"restore all.bulkdelete --dry-run", "version", "version --json", "man", "help",
		"help audit", "help run", "completion bash",
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		c := p.command(dir, strings.Fields(line)...)
		var said bytes.Buffer
		c.Stdout, c.Stderr = w, &said
		err = c.Run()
		w.Close()
		if err != nil || strings.Contains(said.String(), "pipe") {
			t.Errorf("%s: %v\n%s", line, err, &said)
		}
	}
}
