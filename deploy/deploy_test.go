// Package deploy_test builds the image and runs it the way this folder's files say, against a sandbox in a container of
// its own.
package deploy_test

import (
	"encoding/csv"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const folder = "/data/users.bulkdelete"

// slowly is a run of 2,000 users that lasts for some seconds.
var slowly = []string{"run", "/in/users.csv", "--yes", "--out", folder, "--rate", "5", "--workers", "4"}

func TestImageIsSmallAndNotRoot(t *testing.T) {
	t.Parallel()
	name := needImage(t)
	size, err := strconv.Atoi(docker(t, "image", "inspect", "--format", "{{.Size}}", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the image has %.1f MiB", float64(size)/(1<<20))
	if size >= 25<<20 {
		t.Errorf("the image has %d bytes, want less than 25 MiB", size)
	}
	if user := docker(t, "image", "inspect", "--format", "{{.Config.User}}", name); user != "65532:65532" {
		t.Errorf("the image's user is %q", user)
	}
	label := docker(t, "image", "inspect", "--format", `{{index .Config.Labels "org.opencontainers.image.version"}}`, name)
	if said := docker(t, "run", "--rm", name, "version"); label != version || said != "bulkdelete "+version {
		t.Errorf("the image's label says %q, and the program %q", label, said)
	}
}

// A scheduled container: everything goes well, the second start does nothing, and nobody learns the secret.
func TestContainerDeletes(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1500, 1000)
	j := s.start("job", nil, "run", "/in/users.csv", "--yes", "--out", folder, "--rate", "200")
	j.ended(0)
	j.addUp(1000)
	private(t, j.files(folder))
	if code, printed := j.again("verify", folder, "--live"); code != 0 {
		t.Errorf("verify --live ends with %d:\n%s", code, printed)
	}
	code, printed := j.again("run", "/in/users.csv", "--yes", "--out", folder)
	if code != 0 || !strings.Contains(printed, "nothing to do") {
		t.Errorf("the second run ends with %d:\n%s", code, printed)
	}
	for what, text := range map[string]string{"docker inspect": docker(t, "inspect", j.name), "the log": j.logs()} {
		if strings.Contains(text, accessKeySecret) {
			t.Errorf("the secret is in %s", what)
		}
	}
	for name, f := range j.files(folder) {
		if strings.Contains(f.text, accessKeySecret) {
			t.Errorf("the secret is in %s", name)
		}
	}
	s.left("500 of 1,500")
}

// private checks that the run's folder is its user's alone.
func private(t *testing.T, files map[string]file) {
	t.Helper()
	for name, f := range files {
		want := os.FileMode(0o600)
		if f.mode.IsDir() {
			want = os.ModeDir | 0o700
		}
		if f.mode != want || f.uid != 65532 {
			t.Errorf("%s is of user %d with mode %v, want user 65532 and %v", name, f.uid, f.mode, want)
		}
	}
}

func TestDockerStopDrainsAndStartGoesOn(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2000, 2000)
	j := s.start("job", nil, slowly...)
	j.recorded(folder, 2)
	docker(t, "stop", "-t", "60", j.name)
	if logs := j.ended(5); !strings.Contains(logs, "stopped by a signal") {
		t.Errorf("the log does not say why it stopped:\n%s", logs)
	}
	sums := j.addUp(2000)
	if sums["deleted.csv"] == 0 || sums["remaining.csv"] == 0 {
		t.Errorf("it was not stopped on the way: %v", sums)
	}
	docker(t, "start", j.name)
	j.ended(0)
	if sums := j.addUp(2000); sums["deleted.csv"] != 2000 {
		t.Errorf("in the end the rows are in %v", sums)
	}
	if rows := auditRows(t, j.files(folder)); rows != 40 {
		t.Errorf("40 chunks have %d audit rows", rows)
	}
	s.left("0 of 2,000")
}

func TestKilledContainerGoesOn(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2000, 2000)
	j := s.start("job", nil, slowly...)
	j.recorded(folder, 2)
	docker(t, "kill", "--signal", "KILL", j.name)
	j.ended(137)
	killed := j.files(folder)
	if _, finished := killed["deleted.csv"]; finished {
		t.Fatal("it was not killed on the way")
	}
	audit := killed["audit.csv"].text
	recorded := audit[:strings.LastIndex(audit, "\n")+1]
	docker(t, "start", j.name)
	j.ended(0)
	if sums := j.addUp(2000); sums["deleted.csv"] != 2000 {
		t.Errorf("in the end the rows are in %v", sums)
	}
	if !strings.HasPrefix(j.files(folder)["audit.csv"].text, recorded) {
		t.Error("rows that were recorded before it was killed are gone from the audit")
	}
	if code, printed := j.again("verify", folder, "--live"); code != 0 {
		t.Errorf("verify --live ends with %d:\n%s", code, printed)
	}
	s.left("0 of 2,000")
}

// A network that is away for 20 seconds is waited for, with the defaults for retries.
func TestCutOffFromTheNetworkWaits(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2000, 2000)
	j := s.start("job", nil, append(slowly, "--timeout", "10s")...)
	j.recorded(folder, 2)
	docker(t, "network", "disconnect", s.name, j.name)
	before := auditRows(t, j.files(folder))
	select {
	case <-time.After(20 * time.Second): // the outage itself
	case <-t.Context().Done():
	}
	if running := docker(t, "inspect", "--format", "{{.State.Running}}", j.name); running != "true" {
		t.Fatalf("it did not wait:\n%s", j.logs())
	}
	if after := auditRows(t, j.files(folder)); after > before+4 || after == 40 {
		t.Fatalf("without a network the audit grew from %d to %d rows", before, after)
	}
	docker(t, "network", "connect", s.name, j.name)
	j.ended(0)
	if sums := j.addUp(2000); sums["deleted.csv"] != 2000 {
		t.Errorf("in the end the rows are in %v", sums)
	}
	s.left("0 of 2,000")
}

// addUp checks that every row of the input stands in exactly one of the files, and says how many stand in each.
func (j *job) addUp(rows int) map[string]int {
	j.t.Helper()
	return addUp(j.t, rows, j.files(folder))
}

func addUp(t *testing.T, rows int, folders ...map[string]file) map[string]int {
	t.Helper()
	where, sums := map[string]string{}, map[string]int{}
	for _, files := range folders {
		for _, name := range []string{"deleted.csv", "failed.csv", "rejected.csv", "remaining.csv"} {
			for _, id := range column(t, files[name].text, "userId") {
				if other, twice := where[id]; twice {
					t.Errorf("%s stands in %s and in %s", id, other, name)
				}
				where[id] = name
				sums[name]++
			}
		}
	}
	if len(where) != rows {
		t.Errorf("%d of %d rows stand in the files: %v", len(where), rows, sums)
	}
	return sums
}

// column gives a CSV's column without its header; a missing file has none.
func column(t *testing.T, text, name string) []string {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) == 0 {
		return nil
	}
	at := slices.Index(lines[0], name)
	if at < 0 {
		t.Fatalf("there is no column %s among %q", name, lines[0])
	}
	var values []string
	for _, line := range lines[1:] {
		values = append(values, line[at])
	}
	return values
}

func auditRows(t *testing.T, files map[string]file) int {
	t.Helper()
	return strings.Count(files["audit.csv"].text, "\n") - 1
}
