package deploy_test

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulkdelete/internal/aloud"
	"bulkdelete/pkg/attest"
)

// compose gives the command line of Docker Compose: a plugin today, a program of its own before.
func compose(t *testing.T) []string {
	t.Helper()
	for _, words := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if exec.Command(words[0], append(words[1:], "version")...).Run() == nil {
			return words
		}
	}
	if os.Getenv("REQUIRE_DOCKER") == "1" {
		t.Fatal("REQUIRE_DOCKER=1 and there is no docker compose")
	}
	aloud.Skip(t, "there is no docker compose")
	return nil
}

// The rehearsal in one command, as compose.yaml says; the second time there is nothing to do.
func TestComposeRehearsal(t *testing.T) {
	t.Parallel()
	name := needImage(t)
	words := append(compose(t), "--project-name", "bulkdelete-"+strings.ToLower(rand.Text()[:12]), "--file", copied(t))
	run := func(args ...string) string {
		t.Helper()
		c := exec.Command(words[0], append(words[1:len(words):len(words)], args...)...)
		c.Env = append(os.Environ(), "BULKDELETE_IMAGE="+name)
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%s: %v:\n%s", c, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("config", "--quiet")
	t.Cleanup(func() { run("down", "--volumes") })
	up := []string{"up", "--no-build", "--abort-on-container-exit", "--exit-code-from", "job"}
	run(up...)
	j := &job{&stage{t: t}, run("ps", "--all", "--quiet", "job")}
	files := j.files("/data/offboarding")
	if sums := addUp(t, 3000, files); sums["deleted.csv"] != 3000 {
		t.Errorf("the rows are in %v", sums)
	}
	private(t, files)
	signers, err := attest.ReadSigners("rehearsal/allowed_signers")
	if err != nil {
		t.Fatal(err)
	}
	seal, signature := []byte(files["seal.json"].text), []byte(files["seal.json.sig"].text)
	if _, err := signers.Verify(seal, signature, time.Now()); err != nil {
		t.Errorf("the proof's signature: %v", err)
	}
	if out := run(up...); !strings.Contains(out, "nothing to do") {
		t.Errorf("the second time it says\n%s", out)
	}
}

// copied gives a compose.yaml among copies of what it mounts, which the container's user can read: what was checked out
// with a umask of 077 it cannot.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"samples", "deploy/rehearsal"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join("..", name))); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "deploy", "compose.yaml")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	readable(t, dir)
	return path
}
