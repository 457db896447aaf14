package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bulkdelete/internal/aloud"
)

// sshKey makes a key in a folder and adds its owner to the folder's allowed_signers.
func sshKey(t *testing.T, dir, owner string) {
	t.Helper()
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		aloud.Skip(t, "there is no ssh-keygen: %v", err)
	}
	c := exec.Command(keygen, "-q", "-t", "ed25519", "-N", "", "-C", owner, "-f", filepath.Join(dir, owner))
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	public, err := os.ReadFile(filepath.Join(dir, owner+".pub"))
	if err != nil {
		t.Fatal(err)
	}
	signers, err := os.OpenFile(filepath.Join(dir, "allowed_signers"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer signers.Close()
	if _, err := signers.WriteString(owner + "@example.com namespaces=\"bulkdelete\" " + string(public)); err != nil {
		t.Fatal(err)
	}
}

// keygenVerifies asks ssh-keygen whether a file of a run's folder is signed by somebody of allowed_signers.
func keygenVerifies(t *testing.T, dir, owner, file string) error {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("ssh-keygen", "-Y", "verify", "-f", "allowed_signers", "-I", owner+"@example.com",
		"-n", "bulkdelete", "-s", file+".sig")
	c.Dir, c.Stdin = dir, bytes.NewReader(text)
	return c.Run()
}

// Each end of a run seals and signs anew; older seals keep their signatures; ssh-keygen and verify agree about all.
func TestSealsAreSigned(t *testing.T) {
	p, dir := newPool(t, 200, ""), t.TempDir()
	sshKey(t, dir, "ann")
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 200)
	run := func(more ...string) *exec.Cmd {
		args := []string{"run", "all.csv", "--yes", "--rate", "500", "--sign-key", "ann"}
		return p.command(dir, append(args, more...)...)
	}
	wants(t, run("--stop-after", "50"), 5)
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--allowed-signers", "allowed_signers"), 1,
		"the seal is signed by ann@example.com (SHA256:", "whole so far")
	wants(t, run(), 0)
	for _, seal := range []string{"seal.1.json", "seal.json"} {
		if err := keygenVerifies(t, dir, "ann", "all.bulkdelete/"+seal); err != nil {
			t.Errorf("%s: ssh-keygen says %v", seal, err)
		}
	}
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--allowed-signers", "allowed_signers"), 0,
		"signed by ann@example.com")
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 0, "unchecked: seal.json.sig: give --allowed-signers")

	sign := filepath.Join(dir, "all.bulkdelete", "seal.json.sig")
	if err := os.Remove(sign); err != nil { // as a crash leaves it
		t.Fatal(err)
	}
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--allowed-signers", "allowed_signers"), 1, "is not signed")
	wants(t, run(), 0, "nothing to do")
	before := snapshot(t, filepath.Join(dir, "all.bulkdelete"))
	wants(t, run(), 0, "nothing to do")
	if before["/seal.json.sig"] != snapshot(t, filepath.Join(dir, "all.bulkdelete"))["/seal.json.sig"] {
		t.Error("a seal that is signed is signed again")
	}
	edit(t, filepath.Join(dir, "all.bulkdelete", "seal.json"), replace(`"sealed_at": "2`, `"sealed_at": "1`))
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--allowed-signers", "allowed_signers"), 1,
		"seal.json.sig does not hold")
	wants(t, run(), 3, "is not what seal.json.sig is about")
}

// Who is not on the list has not signed for it; report signs over for another owner; an agent signs as a file does.
func TestWhoseSignatureItIs(t *testing.T) {
	p, dir := newPool(t, 50, ""), t.TempDir()
	sshKey(t, dir, "ann")
	list, err := os.ReadFile(filepath.Join(dir, "allowed_signers"))
	if err != nil {
		t.Fatal(err)
	}
	sshKey(t, dir, "bob")
	if err := os.WriteFile(filepath.Join(dir, "ann_alone"), list, 0o600); err != nil {
		t.Fatal(err)
	}
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 50)
	run := p.command(dir, "run", "all.csv", "--yes", "--rate", "500", "--backup", "--sign-key", "bob.pub")
	run.Env = append(run.Env, "SSH_AUTH_SOCK="+sshAgent(t, filepath.Join(dir, "bob")))
	wants(t, run, 0)
	if err := keygenVerifies(t, dir, "bob", "all.bulkdelete/seal.json"); err != nil {
		t.Errorf("ssh-keygen says %v", err)
	}
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--allowed-signers", "allowed_signers"), 0, "signed by bob@")
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--allowed-signers", "ann_alone"), 1, "nobody in ann_alone")
	wants(t, p.command(dir, "report", "all.bulkdelete", "--sign-key", "ann"), 0)
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--allowed-signers", "ann_alone"), 0, "signed by ann@")
	wants(t, p.command(dir, "restore", "all.bulkdelete", "--yes", "--rate", "500"), 0)
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--allowed-signers", "ann_alone"), 1,
		"restore: seal.json is not signed")
	wants(t, p.command(dir, "restore", "all.bulkdelete", "--yes", "--rate", "500", "--sign-key", "ann"), 0)
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--allowed-signers", "ann_alone"), 0)
}

// sshAgent starts an agent that holds a key until the test ends, and gives its socket.
func sshAgent(t *testing.T, key string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	agent := exec.Command("ssh-agent", "-D", "-a", socket)
	if err := agent.Start(); err != nil {
		aloud.Skip(t, "there is no ssh-agent: %v", err)
	}
	t.Cleanup(func() { agent.Process.Kill(); agent.Wait() })
	waitFor(t, "the agent", func() bool { _, err := os.Stat(socket); return err == nil })
	add := exec.Command("ssh-add", "-q", key)
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return socket
}

// A signature that cannot be made is said while nothing has been sent; an agent that goes away meanwhile is said at the
// end, and the same command signs.
func TestASignatureThatCannotBeMade(t *testing.T) {
	p, dir := newPool(t, 400, "latency=20ms"), t.TempDir()
	sshKey(t, dir, "ann")
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 400)
	for key, words := range map[string]string{
		"nowhere": "no such file", "all.csv": "neither a private nor a public SSH key",
		"ann.pub": "SSH_AUTH_SOCK names none", "https://example.com/key": "takes a file, not a URL",
	} {
		c := p.command(dir, "run", "all.csv", "--yes", "--sign-key", key)
		c.Env = append(c.Env, "SSH_AUTH_SOCK=")
		wants(t, c, 2, words)
	}
	wants(t, p.command(dir, "verify", "x", "--allowed-signers", "all.csv"), 2, "all.csv, line 1")
	if p.sent() > 0 {
		t.Fatalf("%d calls were sent", p.sent())
	}
	socket := sshAgent(t, filepath.Join(dir, "ann"))
	c := p.command(dir, "run", "all.csv", "--yes", "--rate", "10", "--sign-key", "ann.pub")
	c.Env = append(c.Env, "SSH_AUTH_SOCK="+socket)
	out := start(t, c, filepath.Join(dir, "all.bulkdelete", "audit.csv"))
	if err := os.Remove(socket); err != nil {
		t.Fatal(err)
	}
	lacks := "its seal lacks what was to vouch for it: the SSH agent"
	if c.Wait(); c.ProcessState.ExitCode() != 4 || !strings.Contains(out.String(), lacks) {
		t.Errorf("exit code %d: %s", c.ProcessState.ExitCode(), out)
	}
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--sign-key", "ann"), 0, "nothing to do")
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--allowed-signers", "allowed_signers"), 0)
}
