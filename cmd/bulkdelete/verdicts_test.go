package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bulkdelete/internal/sandbox"
)

// verify ends with 0 for a run that finished without a row that failed, is unknown or was invalid, and says which it
// was.
func TestWhatVerifyMakesOfAFinishedRun(t *testing.T) {
	t.Run("an invalid row", func(t *testing.T) {
		p, dir := newPool(t, 10, ""), t.TempDir()
		text := []byte("userId\n" + userID(1) + "\nnot an ID\n")
		if err := os.WriteFile(filepath.Join(dir, "all.csv"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		wants(t, p.command(dir, "run", "all.csv", "--yes"), 1)
		wants(t, p.command(dir, "verify", "all.bulkdelete"), 1, "whole, but 1 row is invalid\n")
	})
	t.Run("unknown users", func(t *testing.T) {
		p, dir := newPool(t, 10, ""), t.TempDir()
		p.proxied(t, func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if strings.HasSuffix(r.URL.Path, "delete-users-batch") {
				panic(http.ErrAbortHandler)
			}
			io.WriteString(w, `{"statusCode":403,"message":"no"}`)
			return true
		})
		writeUsers(t, filepath.Join(dir, "all.csv"), 1, 10)
		wants(t, p.command(dir, "run", "all.csv", "--yes", "--auth", "signature", "--retries", "0", "--sample", "0"), 1)
		wants(t, p.command(dir, "verify", "all.bulkdelete"), 1, "whole, but 10 users are unknown\n")
	})
	t.Run("a hash in capitals, and no input", func(t *testing.T) {
		p, dir := newPool(t, 10, ""), t.TempDir()
		writeUsers(t, filepath.Join(dir, "all.csv"), 1, 10)
		wants(t, p.command(dir, "run", "all.csv", "--yes"), 0)
		hash := verifyJSON(t, p, dir, 0, "all.bulkdelete").LastRowHash
		wants(t, p.command(dir, "verify", "all.bulkdelete", "--expect-hash", strings.ToUpper(hash)), 0)
		if err := os.Rename(filepath.Join(dir, "all.csv"), filepath.Join(dir, "moved.csv")); err != nil {
			t.Fatal(err)
		}
		wants(t, p.command(dir, "verify", "all.bulkdelete", "--live"), 2, "--live needs the input", "all.csv", "--input FILE")
		wants(t, p.command(dir, "verify", "all.bulkdelete", "--live", "--input", "moved.csv"), 0,
			"nobody of the 10 accepted users exists any more")
	})
}

// A run on a finished folder says what was not as it should be, and what it did about that.
func TestWhatIsMadeAgainIsSaid(t *testing.T) {
	p, dir := newPool(t, 10, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 10)
	wants(t, p.command(dir, "run", "all.csv", "--yes"), 0)
	folder := filepath.Join(dir, "all.bulkdelete")
	if err := os.Remove(filepath.Join(folder, "deleted.csv")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, p.command(dir, "run", "all.csv", "--yes"), 0, "made again from the audit: deleted.csv is missing",
		"not sealed anew: notes.txt is not in the seal", "nothing to do: all.bulkdelete is finished")
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 1, "problem: notes.txt is not in the seal")
}

// --max-duration stops in order.
func TestMaxDuration(t *testing.T) {
	p, dir := newPool(t, 1000, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 1000)
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--rate", "5", "--max-duration", "500ms"), 5,
		"stopped by --max-duration 500ms", "users are left")
	if p.sent() == 0 || p.sent() == 20 {
		t.Errorf("%d calls were sent", p.sent())
	}
}

// A signal while the program logs in stops it as one does later; nothing was sent.
func TestSignalDuringTheLogin(t *testing.T) {
	p, dir := newPool(t, 10, ""), t.TempDir()
	asked := make(chan struct{}, 10)
	p.proxied(t, func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		asked <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-time.After(20 * time.Second): // the test has failed by then
		}
		return true
	})
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 10)
	c := p.command(dir, "run", "all.csv", "--yes", "--timeout", "1s")
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	c.Process.Signal(syscall.SIGTERM)
	c.Wait()
	said := strings.Contains(out.String(), "stopped by a signal (terminated)")
	if code := c.ProcessState.ExitCode(); code != 5 || !said || p.sent() > 0 {
		t.Errorf("exit code %d after %d calls:\n%s", code, p.sent(), &out)
	}
}

// SIGQUIT before the first call that changes something ends with 2: nothing was sent.
func TestSIGQUITBeforeTheFirstCall(t *testing.T) {
	p, dir := newPool(t, 10, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 10)
	term := openTerminal(t, p.command(dir, "run", "all.csv"), 100)
	term.wait(t, "Type 10 to delete")
	term.cmd.Process.Signal(syscall.SIGQUIT)
	if code := term.end(t); code != 2 || p.sent() > 0 {
		t.Errorf("exit code %d after %d calls:\n%s", code, p.sent(), term)
	}
}

// Arguments that are shown again lose what of a URL may be secret, wherever the URL stands in them.
func TestArgumentsWithoutSecrets(t *testing.T) {
	for arg, want := range map[string]string{
		"https://ann:hunter2@example.com/a.csv?X-Sig=hunter3#hunter4": "https://example.com/a.csv",
		"--metrics-push=https://ann:hunter2@example.com/p?token=a=b":  "--metrics-push=https://example.com/p",
		"https://example.com/a.csv?token=hunter2":                     "https://example.com/a.csv",
		"https://hunter2@example.com:port/a.csv":                      "URL",
		"--upload=https://ann:hunter2@[::1/a":                         "--upload=URL",
		"s3://people/in/all.csv?region=us-east-1":                     "s3://people/in/all.csv?region=us-east-1",
		"--reason=a=b": "--reason=a=b", "users.csv": "users.csv", "--yes": "--yes", "": "",
	} {
		if got := withoutSecrets(arg); got != want {
			t.Errorf("%q becomes %q, want %q", arg, got, want)
		}
	}
}

// The hint of a run with --backup names the flags that say whose users they were.
func TestTheWayBackIsAWholeCommand(t *testing.T) {
	p, dir := newPool(t, 10, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 10)
	for out, flags := range map[string]string{
		"signed": "--auth signature --signature-dialect genauth", "rehearsed": "--sandbox",
	} {
		args := append([]string{"run", "all.csv", "--yes", "--backup", "--out", out}, strings.Fields(flags)...)
		printed := wants(t, p.command(dir, args...), 0)
		_, hint, _ := strings.Cut(printed, " restore "+out)
		hint, _, _ = strings.Cut(hint, "\n")
		for flag := range strings.SplitSeq(flags, " --") {
			if !strings.Contains(hint, strings.TrimPrefix(flag, "--")) {
				t.Errorf("the hint lacks --%s:\n%s", flag, printed)
			}
		}
	}
}

// Advice fits what happened: nobody is sent to look at keys where the API fails by itself, nor at rights where nothing is
// answered.
func TestAdviceFitsWhatHappened(t *testing.T) {
	cut := func(call string) func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		return func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
			if strings.HasSuffix(r.URL.Path, call) {
				panic(http.ErrAbortHandler)
			}
			return false
		}
	}
	const keys, rights, network = credentialSK, "check that the access key may read users", "check the network and --host"
	fails := func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		w.Write([]byte(`{"statusCode":500,"message":"on fire"}`))
		return true
	}
	for name, c := range map[string]struct {
		first     func(w http.ResponseWriter, r *http.Request, body []byte) bool
		env       string
		says, not string
	}{
		"a wrong key":               {nil, credentialSK + "=wrong", keys, network},
		"an API that fails":         {fails, "", "the API itself fails, whatever the credentials", keys},
		"no answer to the login":    {cut("get-management-token"), "", network, keys},
		"no answer to a look":       {cut("get-user-batch"), "", network, rights},
		"a refusal to show anybody": {nil, "", rights, network},
	} {
		denied := func(cfg *sandbox.Config) { cfg.ReadDenied = name == "a refusal to show anybody" }
		p, dir := newPool(t, 10, "", denied), t.TempDir()
		if c.first != nil {
			p.proxied(t, c.first)
		}
		writeUsers(t, filepath.Join(dir, "all.csv"), 1, 10)
		run := p.command(dir, "run", "all.csv", "--yes", "--retries", "0", "--match", "name")
		run.Env = append(run.Env, c.env)
		if said := wants(t, run, 4, c.says); strings.Contains(said, c.not) || p.sent() > 0 {
			t.Errorf("%s: %d calls, and\n%s", name, p.sent(), said)
		}
	}
}
