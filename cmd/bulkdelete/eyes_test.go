package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A plan is approved by somebody's signature, and who runs it is somebody else; both names stand in what is left.
func TestASecondPairOfEyes(t *testing.T) {
	p, dir := newPool(t, 50, ""), t.TempDir()
	for _, owner := range []string{"ann", "bob"} {
		sshKey(t, dir, owner)
	}
	signers, err := os.ReadFile(filepath.Join(dir, "allowed_signers"))
	if err != nil {
		t.Fatal(err)
	}
	sshKey(t, dir, "eve")
	if err := os.WriteFile(filepath.Join(dir, "allowed_signers"), signers, 0o600); err != nil {
		t.Fatal(err)
	}
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 50)
	plan := func(more ...string) {
		t.Helper()
		wants(t, p.command(dir, append([]string{"plan", "all.csv", "--save", "plan.json"}, more...)...), 0)
	}
	run := func(more ...string) *exec.Cmd {
		args := []string{"run", "all.csv", "--yes", "--rate", "500", "--allowed-signers", "allowed_signers"}
		return p.command(dir, append(args, more...)...)
	}
	wants(t, run(), 2, "add --plan plan.json")
	plan("--sign-key", "ann")
	if err := keygenVerifies(t, dir, "ann", "plan.json"); err != nil {
		t.Errorf("ssh-keygen says %v", err)
	}
	wants(t, run("--plan", "plan.json", "--sign-key", "ann"), 3, "ann@example.com", "signed the plan and runs it")
	edit(t, filepath.Join(dir, "plan.json"), replace(`"reason": ""`, `"reason":  ""`))
	wants(t, run("--plan", "plan.json"), 3, "the signature of the plan plan.json does not hold")
	plan("--sign-key", "eve")
	wants(t, run("--plan", "plan.json", "--sign-key", "bob"), 3, "nobody in allowed_signers has the key")
	plan() // takes the signature of an older plan away
	wants(t, run("--plan", "plan.json", "--sign-key", "bob"), 2, "--allowed-signers asks for a signed plan")
	if p.sent() > 0 {
		t.Fatalf("%d calls were sent", p.sent())
	}

	plan("--sign-key", "ann")
	printed := wants(t, run("--plan", "plan.json", "--sign-key", "bob"), 0)
	if !strings.Contains(printed, "plan        of ann@example.com (SHA256:") {
		t.Errorf("who runs it does not see who approved it:\n%s", printed)
	}
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--allowed-signers", "allowed_signers"), 0,
		"signed by bob@example.com")
	for _, file := range []string{"run.json", "seal.json", "report.html"} {
		text, err := os.ReadFile(filepath.Join(dir, "all.bulkdelete", file))
		for _, name := range []string{"ann@example.com (SHA256:", "bob@example.com (SHA256:"} {
			if err != nil || !strings.Contains(string(text), name) {
				t.Errorf("%s does not name %s: %v", file, name, err)
			}
		}
	}
}

// One person with two keys is one pair of eyes.
func TestTwoKeysAreOnePerson(t *testing.T) {
	p, dir := newPool(t, 10, ""), t.TempDir()
	sshKey(t, dir, "ann")
	sshKey(t, dir, "ann2")
	edit(t, filepath.Join(dir, "allowed_signers"), replace("ann2@example.com", "ann@example.com"))
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 10)
	wants(t, p.command(dir, "plan", "all.csv", "--save", "plan.json", "--sign-key", "ann"), 0)
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--plan", "plan.json", "--sign-key", "ann2",
		"--allowed-signers", "allowed_signers"), 3, "signed the plan and runs it")
}
