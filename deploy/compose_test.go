package deploy_test

import (
	"crypto/rand"
	"os"
	"os/exec"
	"strings"
	"testing"

	"bulkdelete/internal/aloud"
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
	words := append(compose(t), "--project-name", "bulkdelete-"+strings.ToLower(rand.Text()[:12]), "--file", "compose.yaml")
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
	if out := run(up...); !strings.Contains(out, "nothing to do") {
		t.Errorf("the second time it says\n%s", out)
	}
}
