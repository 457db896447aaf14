package attest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulkdelete/internal/aloud"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tool runs a command of OpenSSH or OpenSSL, with input.
func tool(t *testing.T, in []byte, name string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		aloud.Skip(t, "there is no %s: %v", name, err)
	}
	c := exec.Command(path, args...)
	c.Stdin = bytes.NewReader(in)
	out, err := c.CombinedOutput()
	return string(out), err
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := tool(t, nil, name, args...)
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return out
}

// newKey makes a key and gives its file's path and its public key.
func newKey(t *testing.T, kind, passphrase string) (path, public string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "key")
	run(t, "ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "of a test", "-f", path)
	text, err := os.ReadFile(path + ".pub")
	must(t, err)
	return path, strings.TrimSpace(string(text))
}

// startAgent starts an ssh-agent and gives its socket, until the test ends.
func startAgent(t *testing.T, keys ...string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") // a socket's path has to be short
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	path, err := exec.LookPath("ssh-agent")
	if err != nil {
		aloud.Skip(t, "there is no ssh-agent: %v", err)
	}
	c := exec.Command(path, "-D", "-a", socket)
	must(t, c.Start())
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the agent does not start")
		}
	}
	for _, key := range keys {
		add := exec.Command("ssh-add", "-q", key)
		add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
		if out, err := add.CombinedOutput(); err != nil {
			t.Fatalf("ssh-add: %v: %s", err, out)
		}
	}
	return socket
}

// list writes a file of allowed signers.
func list(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "allowed_signers")
	must(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return path
}

// keygenVerifies says whether ssh-keygen -Y verify takes a signature for one of ann's.
func keygenVerifies(t *testing.T, signers string, text, signature []byte, at time.Time) bool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "text.sig")
	must(t, os.WriteFile(path, signature, 0o600))
	_, err := tool(t, text, "ssh-keygen", "-Y", "verify", "-f", signers, "-I", "ann", "-n", Namespace, "-s", path,
		"-Overify-time="+at.UTC().Format("20060102150405Z"))
	return err == nil
}

// Keys of each kind, in a file and in an agent, sign what ssh-keygen verifies; what ssh-keygen signs is verified here.
func TestSignaturesAreSSHs(t *testing.T) {
	text := []byte("a seal\n")
	for _, kind := range []string{"ed25519", "rsa", "ecdsa"} {
		path, public := newKey(t, kind, "")
		signers := list(t, "ann "+public)
		allowed, err := ReadSigners(signers)
		must(t, err)
		for from, open := range map[string]func() (*Key, error){
			"file":  func() (*Key, error) { return OpenKey(path, "") },
			"agent": func() (*Key, error) { return OpenKey(path+".pub", startAgent(t, path)) },
		} {
			k, err := open()
			must(t, err)
			signature, err := k.Sign(text)
			must(t, err)
			if !keygenVerifies(t, signers, text, signature, time.Now()) {
				t.Errorf("%s %s: ssh-keygen does not verify it", kind, from)
			}
			by, err := allowed.Verify(text, signature, time.Now())
			if err != nil || by.By != "ann" || !strings.Contains(run(t, "ssh-keygen", "-l", "-f", path), by.Key) {
				t.Errorf("%s %s: %v, %v", kind, from, by, err)
			}
			if _, err := allowed.Verify([]byte("another seal\n"), signature, time.Now()); err == nil {
				t.Errorf("%s %s: another text passes", kind, from)
			}
			if with, err := SignedWith(text, signature); err != nil || with != k.Fingerprint() || with != by.Key {
				t.Errorf("%s %s: signed with %s, %v", kind, from, with, err)
			}
		}
		theirs, err := tool(t, text, "ssh-keygen", "-q", "-Y", "sign", "-n", Namespace, "-f", path)
		must(t, err)
		if _, err := allowed.Verify(text, []byte(theirs), time.Now()); err != nil {
			t.Errorf("%s: ssh-keygen's signature: %v", kind, err)
		}
		theirs, err = tool(t, text, "ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", path)
		must(t, err)
		if _, err := allowed.Verify(text, []byte(theirs), time.Now()); err == nil {
			t.Errorf("%s: a signature for git passes", kind)
		}
	}
}

// A list is read as ssh-keygen reads it: whom it allows, for what and when.
func TestAllowedSignersAreSSHs(t *testing.T) {
	path, public := newKey(t, "ed25519", "")
	_, other := newKey(t, "ed25519", "")
	k, err := OpenKey(path, "")
	must(t, err)
	text, at := []byte("a seal\n"), time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	signature, err := k.Sign(text)
	must(t, err)
	for _, c := range []struct {
		line string
		ok   bool
	}{
		{"ann " + public, true},
		{"ann,bob\t" + public, true},
		{`"ann,bob" ` + public, true},
		{"ann " + other, false},
		{`ann namespaces="bulkdelete" ` + public, true},
		{`ann namespaces="git,bulk*" ` + public, true},
		{`ann namespaces="git,file" ` + public, false},
		{`ann namespaces="*,!bulkdelete" ` + public, false},
		{`ann namespaces="bulkdelet?" ` + public, true},
		{`ann namespaces="[b]ulkdelete" ` + public, false},
		{`ann valid-after="20260601Z" ` + public, true},
		{`ann valid-after="20260602Z" ` + public, false},
		{`ann valid-before="202606011200Z" ` + public, true},
		{`ann valid-before="20260601115959Z" ` + public, false},
		{`ann valid-before="20260601120001Z" ` + public, true},
		{`ann namespaces="bulkdelete",valid-after="20250101Z",valid-before="20270101Z" ` + public, true},
		{`ann Valid-Before="20260101Z" ` + public, false},
		{`ann valid-before="20260101Z" ` + public + "\nann " + public, true},
		{"# a comment\n\n  ann " + public, true},
		{"ann cert-authority " + public, false},
	} {
		file := list(t, c.line)
		allowed, err := ReadSigners(file)
		must(t, err)
		if _, err := allowed.Verify(text, signature, at); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.line, err)
		}
		if keygenVerifies(t, file, text, signature, at) != c.ok {
			t.Errorf("%s: ssh-keygen thinks otherwise", c.line)
		}
	}
	for _, line := range []string{"", "ann", "ann ssh-ed25519", "ann ssh-ed25519 AAAA", `ann valid-after="soon" ` + public,
		`ann valid-after="2026" ` + public, "ann no-pty " + public, public, `"ann ` + public} {
		if _, err := ReadSigners(list(t, line)); err == nil {
			t.Errorf("%q is taken for a list", line)
		}
	}
}

// A key that cannot sign is refused when it is opened, with what to do.
func TestKeysThatCannotSign(t *testing.T) {
	path, _ := newKey(t, "ed25519", "")
	locked, _ := newKey(t, "ed25519", "secret")
	old := filepath.Join(t.TempDir(), "old")
	run(t, "ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-N", "secret", "-f", old)
	empty := startAgent(t)
	for _, c := range []struct{ path, agent, words string }{
		{"nowhere", "", "no such file"},
		{os.Args[0], "", "neither a private nor a public SSH key"},
		{path + ".pub", "", "SSH_AUTH_SOCK names none"},
		{path + ".pub", "/nowhere", "the SSH agent: "},
		{path + ".pub", empty, "ssh-add puts it there"},
		{locked, empty, "ssh-add puts it there"},
		{old, empty, "a passphrase protects it"},
	} {
		if _, err := OpenKey(c.path, c.agent); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s with agent %q: %v, want %q", c.path, c.agent, err, c.words)
		}
	}
	if _, err := OpenKey(path, ""); err != nil {
		t.Error(err)
	}
}

// What is no signature is refused, however it looks.
func TestWhatIsNoSignature(t *testing.T) {
	path, public := newKey(t, "ed25519", "")
	k, err := OpenKey(path, "")
	must(t, err)
	allowed, err := ReadSigners(list(t, "ann "+public))
	must(t, err)
	text := []byte("a seal\n")
	whole, err := k.Sign(text)
	must(t, err)
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 2
		if by, err := allowed.Verify(text, changed, time.Now()); err == nil {
			t.Errorf("byte %d changed: %v", i, by)
		}
	}
	for _, none := range []string{"", "x", string(whole[:len(whole)/2]), fmt.Sprintf("%x", whole)} {
		if _, err := allowed.Verify(text, []byte(none), time.Now()); err == nil {
			t.Errorf("%q passes", none)
		}
	}
}
