package report

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"bulkdelete/pkg/journal"
)

// sealedFolder is a folder of a run that has ended, with its files and its seal, and some that no seal is about.
func sealedFolder(t *testing.T) (*journal.Dir, *Run, *Summary) {
	t.Helper()
	dir, run := madeFolder(t, true)
	for _, name := range []string{LockName, InputName, "status.json", "control.json", ".deleted.csv.tmp",
		"seal.json.sig", "seal.json.tsr"} {
		write(t, dir, name, "x")
	}
	must(t, os.Mkdir(dir.Name(RestoreName), 0o700))
	write(t, dir, ProtectName, "userId\nann\n")
	return dir, run, seal(t, dir, run)
}

func seal(t *testing.T, dir *journal.Dir, run *Run) *Summary {
	t.Helper()
	s, _, err := Compare(dir, run, fiveLayout, sequence(fiveLines(), nil))
	must(t, err)
	must(t, WriteSeal(dir, run, s))
	return s
}

func loadSeal(t *testing.T, dir *journal.Dir) *Seal {
	t.Helper()
	s, err := LoadSeal(dir)
	must(t, err)
	if s == nil {
		t.Fatal("there is no seal")
	}
	return s
}

// check gives what is wrong with the files of a folder, in order.
func check(t *testing.T, dir *journal.Dir, s *Seal) (all []string) {
	t.Helper()
	wrong, err := s.Check(dir)
	must(t, err)
	for name, what := range wrong {
		all = append(all, name+" "+what)
	}
	slices.Sort(all)
	return all
}

func TestSealNamesEveryFileThatTheRunLeaves(t *testing.T) {
	dir, run, sum := sealedFolder(t)
	s := loadSeal(t, dir)
	var names []string
	for _, f := range s.Files {
		names = append(names, f.Name)
	}
	want := []string{AuditName, DeletedName, FailedName, ProtectName, RejectedName, PageName, RunName,
		SparedName, SummaryName}
	if !slices.Equal(names, want) {
		t.Errorf("sealed are %v", names)
	}
	if s.FirstHash != run.Seed() || s.LastHash != run.lastHash() || s.Rows != 4 || s.Replaces != nil {
		t.Errorf("%+v", s)
	}
	if wrong := check(t, dir, s); len(wrong) > 0 || !s.Tells(run, sum) || s.Runs != len(run.Runs) {
		t.Errorf("untouched: %v", wrong)
	}
	counts := "map[absent:1 deleted:3 duplicates:0 failed:1 invalid:1 protected:0 remaining:0]"
	if fmt.Sprint(s.Counts) != counts || s.ExitCode != 1 || s.State != finished {
		t.Errorf("%+v", s)
	}
}

func TestSealShowsWhatIsEditedMissingOrExtra(t *testing.T) {
	dir, _, _ := sealedFolder(t)
	s := loadSeal(t, dir)
	for _, f := range s.Files {
		text := read(t, dir, f.Name)
		for _, edited := range []string{text[:len(text)-1], text + "\n", "X" + text[1:], ""} {
			write(t, dir, f.Name, edited)
			if got := check(t, dir, s); !slices.Equal(got, []string{f.Name + " is not the file that was sealed"}) {
				t.Errorf("%s is edited: %v", f.Name, got)
			}
		}
		must(t, os.Remove(dir.Name(f.Name)))
		if got := check(t, dir, s); !slices.Equal(got, []string{f.Name + " is sealed and missing"}) {
			t.Errorf("%s is removed: %v", f.Name, got)
		}
		must(t, os.Symlink("elsewhere", dir.Name(f.Name)))
		if got := check(t, dir, s); !slices.Equal(got, []string{f.Name + " is not the file that was sealed"}) {
			t.Errorf("%s is a link: %v", f.Name, got)
		}
		must(t, os.Remove(dir.Name(f.Name)))
		write(t, dir, f.Name, text)
	}
	write(t, dir, RemainingName, "")
	write(t, dir, "seal.1.json", "{}")
	want := []string{"remaining.csv is not in the seal", "seal.1.json is not in the seal"}
	if got := check(t, dir, s); !slices.Equal(got, want) {
		t.Error(got)
	}
}

// What a seal says in words is checked too.
func TestSealThatTellsAnotherStoryIsSeen(t *testing.T) {
	dir, run, sum := sealedFolder(t)
	for what, edit := range map[string]func(*Seal){
		"deed":       func(s *Seal) { s.Deed = Restore },
		"state":      func(s *Seal) { s.State = unfinished },
		"exit code":  func(s *Seal) { s.ExitCode = 0 },
		"counts":     func(s *Seal) { s.Counts["failed"] = 0 },
		"last hash":  func(s *Seal) { s.LastHash = "" },
		"rows":       func(s *Seal) { s.Rows++ },
		"run":        func(s *Seal) { s.Runs-- },
		"first hash": func(s *Seal) { s.FirstHash = "" },
		"host":       func(s *Seal) { s.Host = "x" },
		"pool":       func(s *Seal) { s.UserPool = "x" },
		"tenant":     func(s *Seal) { s.TenantID = "x" },
		"by":         func(s *Seal) { s.By = "x" },
		"reason":     func(s *Seal) { s.Reason = "x" },
		"approved":   func(s *Seal) { s.Approved = "x" },
		"signer":     func(s *Seal) { s.Signer = "x" },
		"plan":       func(s *Seal) { s.Plan = &Approval{} },
	} {
		s := loadSeal(t, dir)
		if edit(s); s.Tells(run, sum) {
			t.Errorf("another %s is not seen", what)
		}
	}
	write(t, dir, SealName, `{"format": 2}`)
	if _, err := LoadSeal(dir); err == nil {
		t.Error("a seal of another format is taken")
	}
	must(t, os.Remove(dir.Name(SealName)))
	if s, err := LoadSeal(dir); s != nil || err != nil {
		t.Errorf("%+v, %v", s, err)
	}
}

// A seal that is replaced stays, and the next one names it with its hash; a crash between these two steps makes no
// third.
func TestSealThatIsReplacedStays(t *testing.T) {
	dir, run, _ := sealedFolder(t)
	first := read(t, dir, SealName)
	crash(t, dir, first)
	seal(t, dir, run)
	one, err := Sum(dir, "seal.1.json")
	must(t, err)
	s := loadSeal(t, dir)
	if read(t, dir, "seal.1.json") != first || s.Replaces == nil || *s.Replaces != one || !slices.Contains(s.Files, one) {
		t.Errorf("%+v", s)
	}
	if wrong := check(t, dir, s); len(wrong) > 0 || dir.Has("seal.2.json") {
		t.Error(wrong)
	}
	second := read(t, dir, SealName)
	seal(t, dir, run)
	two, err := Sum(dir, "seal.2.json")
	must(t, err)
	s = loadSeal(t, dir)
	if read(t, dir, "seal.1.json") != first || read(t, dir, "seal.2.json") != second {
		t.Error("older seals changed")
	}
	if *s.Replaces != two || !slices.Contains(s.Files, one) {
		t.Errorf("%+v", s)
	}
	if wrong := check(t, dir, s); len(wrong) > 0 || dir.Has("seal.3.json") {
		t.Error(wrong)
	}
	write(t, dir, "seal.2.json", "{}")
	if got := check(t, dir, s); !slices.Equal(got, []string{"seal.2.json is not the file that was sealed"}) {
		t.Error(got)
	}
}

// crash is what a run leaves that died after it had set the seal aside.
func crash(t *testing.T, dir *journal.Dir, seal string) {
	t.Helper()
	_, err := setAside(dir)
	must(t, err)
	if read(t, dir, "seal.1.json") != seal || read(t, dir, SealName) != seal {
		t.Error("while it is replaced there is no seal")
	}
}

// A link in the place of the seal is not followed.
func TestSealIsNoLink(t *testing.T) {
	dir, run, sum := sealedFolder(t)
	must(t, os.Rename(dir.Name(SealName), dir.Name("elsewhere")))
	must(t, os.Symlink("elsewhere", dir.Name(SealName)))
	if _, err := LoadSeal(dir); !errors.Is(err, journal.ErrNotRegular) {
		t.Error(err)
	}
	if err := WriteSeal(dir, run, sum); !errors.Is(err, journal.ErrNotRegular) {
		t.Error(err)
	}
}
