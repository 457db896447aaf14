package job

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// folder opens the fixture's folder as a stranger does.
func (b *fixture) folder() *journal.Dir {
	b.t.Helper()
	dir, err := journal.OpenDir(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { dir.Close() })
	return dir
}

// forge writes the audit again with rows that were edited, whose hashes are right, as somebody can who knows how they
// are made. run.json says that the last of them is the last.
func (b *fixture) forge(edit func(rows []report.Row) []report.Row) {
	b.t.Helper()
	b.forgeAll(func(_ *report.Run, rows []report.Row) []report.Row { return edit(rows) })
}

// forgeAll is forge for what was asked, too, from which the chain begins.
func (b *fixture) forgeAll(edit func(run *report.Run, rows []report.Row) []report.Row) {
	b.t.Helper()
	dir, run := b.folder(), b.runJSON()
	var rows []report.Row
	index, err := report.ReadAudit(dir, run, func(r *report.Row) { rows = append(rows, *r) })
	if err == nil {
		err = errors.Join(index.Close(), os.Remove(dir.Name(report.AuditName)))
	}
	if err != nil {
		b.t.Fatal(err)
	}
	run.Asked = run.Asked.Copy()
	rows = edit(run, rows)
	anew := *run
	anew.Open, anew.Runs = false, nil
	audit, err := report.OpenAudit(dir, &anew)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, r := range rows {
		if err := audit.Append(r); err != nil {
			b.t.Fatal(err)
		}
	}
	run.Last().Ended.LastHash = audit.Hash()
	if err := errors.Join(audit.Close(), run.Save(dir)); err != nil {
		b.t.Fatal(err)
	}
}

// remake makes the files from the audit as it is, and seals them: 'bulkdelete report' with every check of its own left
// out.
func (b *fixture) remake() {
	b.t.Helper()
	r, err := Reopen(b.t.Context(), b.dir, "")
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := WriteFiles(r); err != nil {
		b.t.Error(err)
	}
	if err := r.Close(); err != nil {
		b.t.Error(err)
	}
}

// verified gives what verify finds.
func (b *fixture) verified(want Expect) *View {
	b.t.Helper()
	v, err := Verify(b.t.Context(), b.dir, want)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		b.t.Error(err)
	}
	return v
}

// An audit whose chain holds, in a folder whose files and seal fit it, is still held to the plan: its rows speak of the
// users and the lines that were planned there, each once.
func TestAForgedAuditIsHeldToThePlan(t *testing.T) {
	for name, edit := range map[string]func(rows []report.Row) []report.Row{
		"other users": func(rows []report.Row) []report.Row {
			rows[1].IDsSHA256 = report.IDsSHA256([]string{id(9001), id(9002)})
			return rows
		},
		"another first line": func(rows []report.Row) []report.Row { rows[1].FirstLine++; return rows },
		"another last line":  func(rows []report.Row) []report.Row { rows[1].LastLine--; return rows },
		"two chunks' users exchanged": func(rows []report.Row) []report.Row {
			rows[0].IDsSHA256, rows[1].IDsSHA256 = rows[1].IDsSHA256, rows[0].IDsSHA256
			return rows
		},
	} {
		inBubble(t, name, func(t *testing.T) {
			b := newFixture(t, sandbox.Config{}, 150, 150)
			b.cfg.Workers = 1
			if _, err := b.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if f := b.verified(Expect{}); !f.Whole || !f.Finished || len(f.Unchecked) > 0 {
				t.Fatalf("untouched: %+v", f)
			}
			b.forge(edit)
			if _, err := b.run(t.Context()); codeOf(err) != Guard {
				t.Errorf("a run goes on with it: %v", err)
			}
			if _, err := Reopen(t.Context(), b.dir, ""); codeOf(err) != Guard {
				t.Errorf("a report is made of it: %v", err)
			}
			f := b.verified(Expect{})
			if f.Whole || !slices.ContainsFunc(f.Problems, func(p string) bool {
				return strings.HasPrefix(p, "audit.csv: chunk 2 part 1-50 is not about the users that were planned there")
			}) {
				t.Errorf("%q", f.Problems)
			}
		})
	}
}

// A row with another outcome and a right hash is seen by what was made and sealed before; where all of that is forged
// too, by a hash that was kept elsewhere.
func TestAForgedOutcomeIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{Refused: map[string]int{id(120): 400}}, 150, 150)
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		kept := b.verified(Expect{}).LastRowHash
		b.forge(func(rows []report.Row) []report.Row {
			for i := range rows {
				if rows[i].Outcome == report.Failed {
					rows[i].Outcome = report.Deleted
				}
			}
			return rows
		})
		f := b.verified(Expect{})
		for _, words := range []string{"deleted.csv differs", "failed.csv has more", "summary.json differs",
			"report.html differs", "seal.json is about another audit", "audit.csv is not the file that was sealed",
			"run.json is not the file that was sealed"} {
			if !slices.ContainsFunc(f.Problems, func(p string) bool { return strings.Contains(p, words) }) {
				t.Errorf("%q is not said: %q", words, f.Problems)
			}
		}
		b.remake()
		f = b.verified(Expect{Hash: kept})
		if f.Whole || len(f.Problems) != 1 || !strings.Contains(f.Problems[0], "not "+kept) {
			t.Errorf("%q", f.Problems)
		}
	})
}

// Outcomes of another deed, and users who are counted twice or not at all, are damage, however right their hashes are.
func TestAnAuditThatIsNoneIsDamage(t *testing.T) {
	for name, edit := range map[string]func(rows []report.Row) []report.Row{
		"restored by a deletion": func(rows []report.Row) []report.Row { rows[1].Outcome = report.Restored; return rows },
		"no outcome of ours":     func(rows []report.Row) []report.Row { rows[1].Outcome = "vanished"; return rows },
		"a row twice":            func(rows []report.Row) []report.Row { return append(rows, rows[0]) },
		"more users than places": func(rows []report.Row) []report.Row { rows[1].Users++; return rows },
		"a chunk too many":       func(rows []report.Row) []report.Row { rows[1].Chunk = 4; return rows },
		"places beyond the last": func(rows []report.Row) []report.Row { rows[2].To, rows[2].Users = 31, 31; return rows },
	} {
		inBubble(t, name, func(t *testing.T) {
			b := newFixture(t, sandbox.Config{}, 130, 130)
			b.cfg.Workers = 1
			if _, err := b.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.forge(edit)
			f := b.verified(Expect{})
			if f.Whole || !strings.HasPrefix(f.Problems[0], "the audit cannot be believed: audit.csv, line ") {
				t.Errorf("%q", f.Problems)
			}
			if _, err := Reopen(t.Context(), b.dir, ""); codeOf(err) != Guard {
				t.Errorf("going on: %v", err)
			}
		})
	}
}

// refreshed is what finding a finished folder does.
func (b *fixture) refreshed() (notes []string) {
	b.t.Helper()
	r, err := Reopen(b.t.Context(), b.dir, "")
	if err != nil {
		b.t.Fatal(err)
	}
	_, notes, err = Refresh(r, "")
	if err := errors.Join(err, r.Close()); err != nil {
		b.t.Error(err)
	}
	return notes
}

func (b *fixture) write(name string, text []byte) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), text, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// What is missing is made again beside a file that is strange, and the strange one is not sealed: it stays a problem.
func TestWhatIsStrangeIsNotSealed(t *testing.T) {
	for name, spoil := range map[string]func(b *fixture){
		"a file of somebody's": func(b *fixture) { b.write("notes.txt", []byte("x")) },
		"another protect list": func(b *fixture) { b.write(report.ProtectName, []byte("user_id\n")) },
	} {
		inBubble(t, name, func(t *testing.T) {
			b := newFixture(t, sandbox.Config{}, 60, 60)
			if _, err := b.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			spoil(b)
			before := b.verified(Expect{}).Problems
			if err := os.Remove(filepath.Join(b.dir, report.DeletedName)); err != nil {
				t.Fatal(err)
			}
			notes := b.refreshed()
			if len(notes) != 2 || !strings.Contains(notes[0], "made again from the audit: deleted.csv") ||
				!strings.Contains(notes[1], "not sealed anew: ") {
				t.Errorf("%q", notes)
			}
			if after := b.verified(Expect{}).Problems; len(before) != 1 || !slices.Equal(before, after) {
				t.Errorf("the problems were %q and are %q", before, after)
			}
		})
	}
}

// A run that died between its end and its seal is sealed by the next command, though the folder has a seal of the run
// before, which tells of fewer runs.
func TestASealOfFewerRunsIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 120, 120)
		b.adjust = func(j *Job) { j.StopAfter = 60 }
		if _, err := b.run(t.Context()); codeOf(err) != Interrupted {
			t.Fatal(err)
		}
		seal, err := os.ReadFile(filepath.Join(b.dir, report.SealName))
		if err != nil {
			t.Fatal(err)
		}
		b.adjust = nil
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.write(report.SealName, seal)
		if err := os.Remove(filepath.Join(b.dir, "seal.1.json")); err != nil {
			t.Fatal(err)
		}
		if unfinished, err := IsUnfinished(b.dir); err != nil || !unfinished {
			t.Errorf("unfinished is %v, %v", unfinished, err)
		}
		b.refreshed()
		if f := b.verified(Expect{}); !f.Whole || !f.Finished || len(f.Unchecked) > 0 {
			t.Errorf("%+v", f)
		}
	})
}

// Without the input a seal is still held to the chain: to what it begins with, its last row and how many rows there
// are.
func TestASealIsHeldToTheChainWithoutTheInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 150, 150)
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(b.input); err != nil {
			t.Fatal(err)
		}
		if f := b.verified(Expect{}); !f.Whole || len(f.Unchecked) != 1 {
			t.Fatalf("untouched: %+v", f)
		}
		text, err := os.ReadFile(filepath.Join(b.dir, report.SealName))
		if err != nil {
			t.Fatal(err)
		}
		for old, edited := range map[string]string{`"first_hash": "`: `"first_hash": "0`,
			`"last_hash": "`: `"last_hash": "0`, `"rows": 3`: `"rows": 4`} {
			b.write(report.SealName, []byte(strings.Replace(string(text), old, edited, 1)))
			f := b.verified(Expect{})
			if len(f.Problems) != 1 || !strings.HasPrefix(f.Problems[0], "seal.json is about another audit") {
				t.Errorf("%s: %q", edited, f.Problems)
			}
		}
	})
}

// What does not hold, or cannot be checked, in the folder of a restore is said of the run's.
func TestARestoresFolderIsVerifiedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 120, 120)
		b.backup = true
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s, err := b.restore(t.Context()); err != nil || s.Restored != 120 {
			t.Fatalf("%d restored, %v", s.Restored, err)
		}
		if f := b.verified(Expect{}); !f.Whole || len(f.Unchecked) > 0 || f.Restored == nil || *f.Restored != 120 {
			t.Fatalf("untouched: %+v", f)
		}
		sub := filepath.Join(report.RestoreName, "restored.csv")
		text, err := os.ReadFile(filepath.Join(b.dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		b.write(sub, text[1:])
		if f := b.verified(Expect{}); f.Whole || len(f.Problems) == 0 ||
			!strings.HasPrefix(f.Problems[0], "restore: restored.csv ") {
			t.Errorf("an edited file: %q", f.Problems)
		}
		b.write(sub, text)
		kill(t, filepath.Join(b.dir, report.RestoreName))
		if f := b.verified(Expect{}); !slices.ContainsFunc(f.Unchecked, func(u string) bool {
			return strings.HasPrefix(u, "restore: the seal: a run is open")
		}) {
			t.Errorf("a restore that died: %q", f.Unchecked)
		}
	})
}

// An audit that cannot be written any more stops the run at once, and leaves run.json open, as after a crash: the call
// whose row was lost is in doubt.
func TestAnAuditThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{Unknown: sandbox.UnknownNotFound}, 500, 500)
		b.cfg.Workers = 1
		b.adjust = func(j *Job) {
			rows := 0
			j.Observe = func(report.Row) {
				if rows++; rows == 3 {
					j.folder.audit.Close() //nolint:errcheck // no row can be written from now on
				}
			}
		}
		_, err := b.run(t.Context())
		if codeOf(err) != Halted || !strings.Contains(err.Error(), "the audit cannot be written, so nothing more is sent") ||
			b.api.Len() != 300 {
			t.Errorf("%d users are left, %v", b.api.Len(), err)
		}
		if run := b.runJSON(); !run.Open || run.Last().Ended != nil {
			t.Errorf("run.json says open %v, ended %+v", run.Open, run.Last().Ended)
		}
		b.adjust = nil
		if s, err := b.run(t.Context()); err != nil || s.Deleted != 500 {
			t.Errorf("%d deleted, %d absent, %v", s.Deleted, s.Absent, err)
		}
	})
}

// A run whose every user has a row, and which died before its end, is not finished.
func TestARunThatDiedAfterItsLastRowIsNotFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 60, 60)
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		kill(t, b.dir)
		if f := b.verified(Expect{}); f.Finished || f.Remaining != 0 {
			t.Errorf("%+v", f)
		}
	})
}
