package job

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// begun makes the folder of a run that stopped after 50 users and then looks as if it had died on another machine.
func begun(t *testing.T) (b *fixture, dir *journal.Dir) {
	b = newFixture(t, sandbox.Config{}, 200, 200)
	b.adjust = func(j *Job) { j.StopAfter = 50 }
	if _, err := b.run(t.Context()); codeOf(err) != Interrupted {
		t.Fatal(err)
	}
	kill(t, b.dir)
	dir, err := journal.OpenDir(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return b, dir
}

func beatOf(host string) *report.Status {
	return &report.Status{State: report.Running, PID: 4711, Host: host, UpdatedAt: time.Now()}
}

// A folder whose heartbeat changes is in use, on whatever machine; one whose heartbeat stands still for ten seconds is
// not, and one that this machine's own dead process left is gone on with at once.
func TestAFolderInUseElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		host  string
		beats bool
		want  Code
		waits time.Duration
	}{
		"at work elsewhere": {"elsewhere", true, Guard, time.Second},
		"dead elsewhere":    {"elsewhere", false, OK, silence},
	} {
		inBubble(t, name, func(t *testing.T) {
			b, dir := begun(t)
			if err := beatOf(c.host).Save(dir); err != nil {
				t.Fatal(err)
			}
			if c.beats {
				time.AfterFunc(time.Second, func() { beatOf(c.host).Save(dir) })
			}
			from, said := time.Now(), ""
			folder, err := Claim(t.Context(), b.dir, func(format string, _ ...any) { said = format })
			if codeOf(err) != c.want || said == "" {
				t.Errorf("%v, want exit code %d; said: %q", err, c.want, said)
			}
			if d := time.Since(from); d < c.waits || d > c.waits+time.Second {
				t.Errorf("it took %s, want %s", d, c.waits)
			}
			if err == nil {
				folder.Close()
			}
		})
	}
}

// What nobody works on any more is told from its audit, whatever the last heartbeat said.
func TestStatusOfTheDead(t *testing.T) {
	inBubble(t, "", func(t *testing.T) {
		b, dir := begun(t)
		lie := beatOf("elsewhere")
		lie.Users, lie.Done, lie.Left = 200, 150, 50
		if err := lie.Save(dir); err != nil {
			t.Fatal(err)
		}
		s, err := Status(context.Background(), b.dir)
		if err != nil || s.State != report.Died || s.ExitCode != int(Halted) || s.Done != 50 || s.Left != 150 {
			t.Errorf("%+v, %v", s, err)
		}
		b.adjust = nil
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		lie.State = report.Over
		if err := lie.Save(dir); err != nil {
			t.Fatal(err)
		}
		s, err = Status(context.Background(), b.dir)
		if err != nil || s.State != report.Over || s.ExitCode != 0 || s.Done != 200 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// There is nothing to say of a folder that no run has begun on, and no pace to change where none works.
func TestNoRunToSpeakOf(t *testing.T) {
	inBubble(t, "", func(t *testing.T) {
		if _, err := Status(t.Context(), filepath.Join(t.TempDir(), "none")); codeOf(err) != Usage {
			t.Errorf("a folder that is not there: %v", err)
		}
		if _, err := Status(t.Context(), t.TempDir()); codeOf(err) != Usage {
			t.Errorf("an empty folder: %v", err)
		}
		b, _ := begun(t)
		if _, err := Repace(t.Context(), b.dir, report.PaceChange{Rate: "5"}); codeOf(err) != Guard {
			t.Errorf("another pace for a run that died: %v", err)
		}
	})
}

// A change of pace that comes when the run has ended is not in run.json, and nobody is told that it was obeyed.
func TestAChangeOfPaceAfterTheEnd(t *testing.T) {
	b := newFixture(t, sandbox.Config{}, 100, 100)
	var j *Job
	b.adjust = func(running *Job) { j = running }
	if _, err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	noted, err := j.Repaced(report.PaceChange{Rate: report.Pause, At: time.Now()}, "")
	if noted || err != nil || len(j.folder.Run.Last().Paces) > 0 {
		t.Errorf("noted: %t, %v; run.json has %v", noted, err, j.folder.Run.Last().Paces)
	}
}
