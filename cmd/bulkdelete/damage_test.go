package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// snapshot gives what is in a folder, but for the lock, which says who held it last.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "lock" {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// edit changes a file of a folder.
func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// line changes one line of a text, counted from 1; from the end where n is negative.
func line(n int, change func(line string) string) func([]byte) []byte {
	return func(text []byte) []byte {
		lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n")+"\n", "\n")
		lines = lines[:len(lines)-1]
		at := n - 1
		if n < 0 {
			at = len(lines) + n
		}
		lines[at] = change(lines[at])
		return []byte(strings.Join(lines, ""))
	}
}

func replace(old, new string) func([]byte) []byte {
	return func(text []byte) []byte { return bytes.Replace(text, []byte(old), []byte(new), 1) }
}

// gone leaves a line out.
func gone(string) string { return "" }

// damage is one thing that can be done to the folder of a finished run, and what run, report and verify say of it:
// their exit codes, and words of verify's.
type damage struct {
	what                string
	do                  func(t *testing.T, dir string)
	run, report, verify int
	words               string
}

func file(name string, change func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) { edit(t, filepath.Join(dir, name), change) }
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// hugePlan makes of the plan in run.json one of 900,000,000,000,000 users, each a chunk.
func hugePlan(text []byte) []byte {
	text = regexp.MustCompile(`"(rows|accepted|chunks)": "[0-9]+"`).ReplaceAll(text, []byte(`"$1": "900000000000000"`))
	return regexp.MustCompile(`"chunk_size": "[0-9]+"`).ReplaceAll(text, []byte(`"chunk_size": "1"`))
}

// damages are what docs/proof.md says in a table.
func damages() []damage {
	outcome := func(s string) string { return strings.Replace(s, "deleted", "absent", 1) }
	return []damage{
		{"nothing", func(*testing.T, string) {}, 0, 0, 0, "the audit is whole"},
		{"a row of the audit edited", file("audit.csv", line(2, outcome)), 3, 3, 1, "audit.csv, line 2"},
		{"the audit's last row edited", file("audit.csv", line(-1, outcome)), 3, 3, 1, "audit.csv, line 21"},
		{"a row taken out", file("audit.csv", line(5, gone)), 3, 3, 1, "audit.csv, line 5"},
		{"the last row taken out", file("audit.csv", line(-1, gone)), 3, 3, 1,
			"which was the last when a run ended, is not in it"},
		{"the last row cut in half", file("audit.csv", func(b []byte) []byte { return b[:len(b)-40] }), 3, 3, 1,
			"audit.csv, line 21"},
		{"text behind the last row", file("audit.csv", func(b []byte) []byte { return append(b, "1,2,3\n"...) }), 3, 3, 1,
			"audit.csv, line 22"},
		{"the header edited", file("audit.csv", replace("chunk", "chonk")), 3, 3, 1, "audit.csv, line 1"},
		{"the audit emptied", file("audit.csv", func([]byte) []byte { return nil }), 3, 3, 1, "is not in it"},
		{"the audit removed", remove("audit.csv"), 3, 3, 1, "it is not there any more"},
		{"another pool in run.json", file("run.json", replace(`"user_pool": "6`, `"user_pool": "7`)), 3, 3, 1,
			"audit.csv, line 2"},
		{"another name in run.json", file("run.json", replace(`"by": "`, `"by": "x`)), 3, 3, 1, "audit.csv, line 2"},
		{"a plan in run.json that fits in no memory", file("run.json", hugePlan), 3, 3, 1,
			"audit.csv, line 2"},
		{"run.json of another version", file("run.json", replace(`"format": 2`, `"format": 3`)), 3, 3, 3, "has format 3"},
		{"run.json removed", remove("run.json"), 3, 2, 2, "is not a run's folder"},
		{"deleted.csv edited", file("deleted.csv", line(7, gone)), 0, 0, 1, "deleted.csv differs from byte"},
		{"failed.csv removed", remove("failed.csv"), 0, 0, 1, "failed.csv is missing"},
		{"a remaining.csv put in", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "remaining.csv"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, 0, 0, 1, "remaining.csv should not be there"},
		{"summary.json edited", file("summary.json", replace(`"deleted": 1000`, `"deleted": 999`)), 0, 0, 1,
			"summary.json differs"},
		{"report.html edited", file("report.html", replace("gone", "here")), 0, 0, 1, "report.html differs"},
		{"seal.json edited", file("seal.json", replace(`"exit_code": 0`, `"exit_code": 1`)), 0, 0, 1,
			"seal.json does not tell"},
		{"seal.json removed", remove("seal.json"), 0, 0, 1, "seal.json is missing"},
		{"a file put in", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, 0, 0, 1, "notes.txt is not in the seal"},
		{"a guard in run.json edited", file("run.json", replace(`"max_failures": "10%"`, `"max_failures": "90%"`)), 0, 0, 1,
			"run.json is not the file that was sealed"},
	}
}

// A folder is believed by no command that is not what was written. What is damage is refused and not touched, and
// what can be made again from the audit is made again.
func TestAFolderThatCannotLie(t *testing.T) {
	p := newPool(t, 1000, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 1000)
	run := func(folder string) []string {
		return []string{"run", "all.csv", "--yes", "--rate", "5000", "--out", folder}
	}
	wants(t, p.command(dir, run("whole")...), 0)
	sent := p.sent()
	for i, d := range damages() {
		if testing.Short() && i%5 != 1 { // under the race detector each of a hundred processes takes half a second
			continue
		}
		t.Run(d.what, func(t *testing.T) {
			for verb, want := range map[string]int{"run": d.run, "report": d.report, "verify": d.verify} {
				folder := fmt.Sprintf("%s-%d", verb, i)
				if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join(dir, "whole"))); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(filepath.Join(dir, folder), 0o700); err != nil {
					t.Fatal(err)
				}
				d.do(t, filepath.Join(dir, folder))
				before := snapshot(t, filepath.Join(dir, folder))
				args := []string{verb, folder}
				if verb == "run" {
					args = run(folder)
				}
				printed := wants(t, p.command(dir, args...), want)
				if verb == "verify" && !strings.Contains(printed, d.words) {
					t.Errorf("verify does not say %q:\n%s", d.words, printed)
				}
				if after := snapshot(t, filepath.Join(dir, folder)); (want == 3 || verb == "verify") && !maps.Equal(before, after) {
					t.Errorf("%s exits with %d and has touched the folder", verb, want)
				}
				if verb != "verify" && want == 0 {
					after := 0
					if slices.Contains([]string{"a file put in", "a guard in run.json edited"}, d.what) {
						after = 1 // that cannot be made again, and is not sealed anew
					}
					wants(t, p.command(dir, "verify", folder), after)
				}
			}
		})
	}
	if p.sent() != sent {
		t.Errorf("%d calls were sent for a folder that is finished", p.sent()-sent)
	}
}

// verifyJSON is what verify --json says.
func verifyJSON(t *testing.T, p *pool, dir string, want int, args ...string) (f struct {
	Finished, Whole     bool
	Unchecked, Problems []string
	LastRowHash         string `json:"last_row_hash"`
	Remaining           int
}) {
	t.Helper()
	c := p.command(dir, append([]string{"verify", "--json"}, args...)...)
	text, _ := c.Output()
	if err := json.Unmarshal(text, &f); err != nil || c.ProcessState.ExitCode() != want {
		t.Errorf("verify %v ends with %d, want %d: %v\n%s", args, c.ProcessState.ExitCode(), want, err, text)
	}
	return f
}

// verify says what it could not check, and works without the input and in any place.
func TestVerifySaysWhatItCannotCheck(t *testing.T) {
	p := newPool(t, 200, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 200)
	if err := os.WriteFile(filepath.Join(dir, "keep.csv"), []byte("user_id\n"+userID(7)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"run", "all.csv", "--yes", "--rate", "5000", "--protect", "keep.csv"}
	wants(t, p.command(dir, append(args, "--stop-after", "60")...), 5)
	if f := verifyJSON(t, p, dir, 1, "all.bulkdelete"); f.Finished || !f.Whole || f.Remaining != 139 {
		t.Errorf("an unfinished run: %+v", f)
	}
	wants(t, p.command(dir, "report", "all.bulkdelete"), 5, "stopped by --stop-after 60", "run all.csv --yes")
	wants(t, p.command(dir, args...), 0)
	f := verifyJSON(t, p, dir, 0, "all.bulkdelete")
	if !f.Finished || !f.Whole || len(f.Unchecked)+len(f.Problems) > 0 {
		t.Errorf("a finished run: %+v", f)
	}
	verifyJSON(t, p, dir, 0, "all.bulkdelete", "--expect-hash", f.LastRowHash)
	if f := verifyJSON(t, p, dir, 1, "all.bulkdelete", "--expect-hash", strings.Repeat("0", 64)); f.Whole {
		t.Errorf("another hash: %+v", f)
	}
	if err := os.Rename(filepath.Join(dir, "all.csv"), filepath.Join(dir, "moved.csv")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "keep.csv")); err != nil { // the folder has a copy
		t.Fatal(err)
	}
	if f := verifyJSON(t, p, dir, 0, "all.bulkdelete"); !f.Whole || len(f.Unchecked) != 1 ||
		!strings.Contains(f.Unchecked[0], "all.csv") {
		t.Errorf("without the input: %+v", f)
	}
	if f := verifyJSON(t, p, dir, 0, "all.bulkdelete", "--input", "moved.csv"); len(f.Unchecked) > 0 {
		t.Errorf("with the input given back: %+v", f)
	}
	edit(t, filepath.Join(dir, "all.bulkdelete", "protect.csv"), replace("7", "8"))
	if f := verifyJSON(t, p, dir, 1, "all.bulkdelete", "--input", "moved.csv"); f.Whole ||
		!slices.ContainsFunc(f.Problems, func(s string) bool { return strings.Contains(s, "protect.csv") }) {
		t.Errorf("another list of protected people: %+v", f)
	}
}

// The ordinary state after a crash is no damage: a torn end while run.json says that a run is open.
func TestATornEndIsSaidAloud(t *testing.T) {
	p := newPool(t, 1000, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 1000)
	args := []string{"run", "all.csv", "--yes", "--rate", "5000", "--workers", "4"}
	wants(t, p.command(dir, append(args, "--stop-after", "500")...), 5)
	folder := filepath.Join(dir, "all.bulkdelete")
	edit(t, filepath.Join(folder, "run.json"), func(text []byte) []byte { // as if the run had gone on and died
		var run map[string]any
		if err := json.Unmarshal(text, &run); err != nil {
			t.Fatal(err)
		}
		run["open"] = true
		run["runs"] = append(run["runs"].([]any), map[string]any{"started_at": "2026-11-25T00:00:00Z"})
		text, err := json.Marshal(run)
		if err != nil {
			t.Fatal(err)
		}
		return text
	})
	whole, err := os.ReadFile(filepath.Join(folder, "audit.csv"))
	if err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(folder, "audit.csv"),
		func(text []byte) []byte { return append(text, "11,1-50,502,551,50,dele"...) })
	if f := verifyJSON(t, p, dir, 1, "all.bulkdelete"); f.Finished || !f.Whole || f.Remaining != 500 {
		t.Errorf("a torn end while a run is open: %+v", f)
	}
	wants(t, p.command(dir, "report", "all.bulkdelete"), 4, "the run died")
	for name, rest := range map[string]string{
		"five torn rows of four workers": strings.Repeat("torn\n", 5),
	} {
		edit(t, filepath.Join(folder, "audit.csv"), func([]byte) []byte { return append(slices.Clone(whole), rest...) })
		wants(t, p.command(dir, args...), 3, "audit.csv, line 12")
		if f := verifyJSON(t, p, dir, 1, "all.bulkdelete"); f.Whole {
			t.Errorf("%s: %+v", name, f)
		}
	}
	edit(t, filepath.Join(folder, "audit.csv"),
		func([]byte) []byte { return append(slices.Clone(whole), "torn\ntorn"...) })
	wants(t, p.command(dir, args...), 0, "2 torn rows at the end of audit.csv")
	checkAllGone(t, p, folder, 1000)
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 0)
}

// The files of a restore are made again and sealed as those of a run are.
func TestARestoresFilesAreMadeAgain(t *testing.T) {
	p, dir := newPool(t, 100, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 100)
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--backup", "--rate", "5000"), 0)
	wants(t, p.command(dir, "restore", "all.bulkdelete", "--yes", "--rate", "5000"), 0)
	restored := filepath.Join(dir, "all.bulkdelete", "restore", "restored.csv")
	whole, err := os.ReadFile(restored)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"report", "all.bulkdelete/restore"}, {"restore", "all.bulkdelete", "--yes"}} {
		edit(t, restored, line(7, gone))
		wants(t, p.command(dir, "verify", "all.bulkdelete/restore"), 1, "restored.csv differs from byte")
		printed := wants(t, p.command(dir, args...), 0, "made again from the audit: restored.csv")
		now, err := os.ReadFile(restored)
		if err != nil || !bytes.Equal(now, whole) || strings.Contains(printed, "not sealed") {
			t.Errorf("%v: %v\n%s", args, err, printed)
		}
		wants(t, p.command(dir, "verify", "all.bulkdelete"), 0, "100 were restored")
	}
}
