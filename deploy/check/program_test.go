package check

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// program builds bulkdelete and gives its path.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bulkdelete")
	build := exec.Command("go", "build", "-C", "../..", "-o", path, "./cmd/bulkdelete")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// schedule is a command line that a file of this folder starts.
type schedule struct{ from, line string }

func schedules(t *testing.T) []schedule {
	t.Helper()
	var all []schedule
	for name, job := range pods(t) {
		all = append(all, schedule{name, strings.Join(job.Template.Spec.Containers[0].Args, " ")})
	}
	_, args, ok := strings.Cut(crontab(t), " bulkdelete run ")
	if !ok {
		t.Fatal("the crontab does not run bulkdelete")
	}
	args, _, _ = strings.Cut(args, " 2>&1 | ")
	unit, err := os.ReadFile("../systemd/bulkdelete.service")
	if err != nil {
		t.Fatal(err)
	}
	_, start, _ := strings.Cut(string(unit), "\nExecStart=/usr/local/bin/bulkdelete ")
	start, _, _ = strings.Cut(start, "\n")
	start = strings.NewReplacer("/srv/leavers/", "/data/", "/var/lib/bulkdelete/", "/data/").Replace(start)
	return append(all, schedule{"crontab", "run " + args}, schedule{"systemd", start})
}

// crontab is the one line of deploy/crontab that starts something.
func crontab(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../crontab")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 6 && fields[0] != "#" {
			found = append(found, strings.TrimSpace(line))
		}
	}
	if len(found) != 1 {
		t.Fatalf("the crontab has %d lines that start something", len(found))
	}
	return found[0]
}

// Each command line is one that the program accepts, with all its values: a dry run of it ends with 0.
func TestProgramKnowsEveryArgument(t *testing.T) {
	binary := program(t)
	sample, err := os.ReadFile("../../samples/offboarding.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range schedules(t) {
		t.Run(s.from, func(t *testing.T) {
			data := t.TempDir()
			args := strings.Fields(strings.ReplaceAll(s.line, "/data/", data+"/"))
			if len(args) < 2 || args[0] != "run" || !slices.Contains(args, "--yes") {
				t.Fatalf("it does not run unasked: %s", s.line)
			}
			input := args[1]
			if err := os.WriteFile(input, sample, 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, "--dry-run")
			if strings.Contains(s.line, "--max-deletes") {
				args = append(args, "--max-deletes", "5000") // the sample is larger than a night's leavers
			}
			c := exec.Command(binary, args...)
			c.Env = append(os.Environ(), "JOB_COMPLETION_INDEX=3")
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", s.line, err, out)
			}
		})
	}
}

// A schedule without these is not safe: a folder for each run, and a limit to what a wrong file can do.
func TestSchedulesHaveGuards(t *testing.T) {
	for _, s := range schedules(t) {
		own := "{date}"
		if strings.Contains(s.line, "--shard") {
			own = "{shard}"
		}
		for _, part := range []string{"--out", own, "--max-deletes"} {
			if !strings.Contains(s.line, part) {
				t.Errorf("%s has no %s: %s", s.from, part, s.line)
			}
		}
	}
}

// Cron reads a % as the end of the line; everything else is the shell's.
func TestCrontabLine(t *testing.T) {
	line := crontab(t)
	fields := strings.SplitN(line, " ", 7)
	for i, most := range []int{59, 23, 31, 12, 7} {
		var n int
		if _, err := fmt.Sscanf(fields[i], "%d", &n); fields[i] != "*" && (err != nil || n < 0 || n > most) {
			t.Errorf("field %d is %q", i+1, fields[i])
		}
	}
	if strings.Contains(line, "%") {
		t.Error("there is a % in the line")
	}
	if out, err := exec.Command("sh", "-nc", fields[6]).CombinedOutput(); err != nil {
		t.Errorf("the shell does not read it: %v: %s", err, out)
	}
	for _, option := range []string{"--read-only", "--cap-drop ALL", "--stop-timeout", "_KEY_SECRET_FILE="} {
		if !strings.Contains(line, option) {
			t.Errorf("the container has no %s", option)
		}
	}
}
