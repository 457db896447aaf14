package report

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/journal/journaltest"
)

// threeRows are those of a run that is done.
func threeRows() (*Run, []Row) {
	run := planned(Delete, 3)
	return run, []Row{{Chunk: 1, From: 1, To: 2, Outcome: Deleted, RequestIDs: []string{"r-1"}},
		{Chunk: 2, From: 1, To: 2, Outcome: Deleted, Message: "so, it was", RequestIDs: []string{"r-2", "r-3"}},
		{Chunk: 3, From: 1, To: 2, Outcome: Absent}}
}

// believed opens an audit as run does and as verify does, which have to agree, and says what is wrong with it.
func believed(t *testing.T, run *Run, text string) *journal.DamageError {
	t.Helper()
	dir := openDir(t, t.TempDir())
	write(t, dir, AuditName, text)
	index, err1 := ReadAudit(dir, run, nil)
	a, err2 := OpenAudit(dir, run)
	damage1, ok1 := errors.AsType[*journal.DamageError](err1)
	damage2, ok2 := errors.AsType[*journal.DamageError](err2)
	switch {
	case err1 == nil && err2 == nil:
		must(t, errors.Join(index.Close(), a.Close()))
	case !ok1 || !ok2 || damage1.Error() != damage2.Error():
		t.Fatalf("reading it gives %v, going on %v", err1, err2)
	case read(t, dir, AuditName) != text:
		t.Fatalf("%v, and the file was touched", err2)
	}
	return damage2
}

func TestRowsComeBackAsTheyWere(t *testing.T) {
	run := planned(Delete, 9).begin(1)
	written, _ := journals()[0].written(t, run, 3)
	n := 0
	_, err := newAudit(run).read(journaltest.New(written), run, func(row *Row) {
		n++
		want := testRow(n)
		want.Message = Harmless(text.OneLine(want.Message, maxMessage))
		if fmt.Sprint(*row) != fmt.Sprint(want) {
			t.Errorf("row %d is\n%v, want\n%v", n, *row, want)
		}
	})
	if err != nil || n != 3 || bytes.Count(written, []byte("\n")) != 4 {
		t.Errorf("%d rows in\n%s (%v)", n, written, err)
	}
}

// Attack 3: the last row that a run ended with is known, so an audit that is cut at a line's end is damage, whether a
// run has been opened since or not; and so are rows behind it if none has.
func TestAuditHasTheRowThatWasLastWhenARunEnded(t *testing.T) {
	run, rows := threeRows()
	dir := ended(t, folder(t, run, rows...), run, 0)
	text := read(t, dir, AuditName)
	lines := strings.SplitAfter(text, "\n")
	hash := func(n int) string { return lastHash([]byte(strings.Join(lines[:n+1], ""))) }
	closed := func(last string) *Run { return planned(Delete, 3).begin(16).end(5, last) }
	for _, c := range []struct {
		name string
		run  *Run
		text string
		line int // of the damage; 0: none
	}{
		{"as it was", closed(hash(3)), text, 0},
		{"as it was, and opened", closed(hash(3)).begin(16), text, 0},
		{"a row cut off", closed(hash(3)), strings.Join(lines[:3], ""), 4},
		{"a row cut off, and opened", closed(hash(3)).begin(16), strings.Join(lines[:3], ""), 4},
		{"all rows cut off, and opened", closed(hash(3)).begin(16), lines[0], 2},
		{"emptied, and opened", closed(hash(3)).begin(16), "", 2},
		{"the last row torn, and opened", closed(hash(3)).begin(16), text[:len(text)-9], 4},
		{"the last row edited, and opened", closed(hash(3)).begin(16), strings.Replace(text, "absent", "failed", 1), 4},
		{"a row behind", closed(hash(2)), text, 5},
		{"a row behind, and opened", closed(hash(2)).begin(16), text, 0},
		{"two rows behind an end without any", closed(run.Seed()), strings.Join(lines[:3], ""), 4},
		{"opened after an end without any", closed(run.Seed()).begin(16), text, 0},
		{"a torn row behind, and opened", closed(hash(2)).begin(16), text[:len(text)-9], 0},
		{"a torn row behind", closed(hash(2)), text[:len(text)-9], 4},
		{"the hash of no row", closed("5eed"), text, 5},
	} {
		damage := believed(t, c.run, c.text)
		if (damage != nil) != (c.line > 0) || damage != nil && damage.Line != c.line {
			t.Errorf("%s: %v; want line %d", c.name, damage, c.line)
		}
	}
}

// Attack 8: once a run has begun there is an audit.
func TestMissingAuditIsDamageOnceARunHasBegun(t *testing.T) {
	runs := map[string]*Run{"open": planned(Delete, 3).begin(1), "ended": planned(Delete, 3).begin(1).end(0, "")}
	for name, run := range runs {
		dir := openDir(t, t.TempDir())
		_, err1 := ReadAudit(dir, run, nil)
		_, err2 := OpenAudit(dir, run)
		_, err3 := OpenBackup(dir, run, BackupName)
		for _, err := range []error{err1, err2, err3} {
			if _, ok := errors.AsType[*journal.DamageError](err); !ok {
				t.Errorf("%s: %v", name, err)
			}
		}
		if names, err := dir.Names(); err != nil || len(names) > 0 {
			t.Errorf("%s: %v were made (%v)", name, names, err)
		}
	}
	run := planned(Delete, 3)
	x, err := ReadAudit(openDir(t, t.TempDir()), run, nil)
	if err != nil || x.Rows != 0 || x.Hash() != run.Seed() || x.Complete() {
		t.Errorf("before any run: %+v, %v", x, err)
	}
}

// A row stands in the file as it was written: the same cells, written differently, are an edit.
func TestCellsQuotedDifferentlyAreDamage(t *testing.T) {
	run, rows := threeRows()
	dir := ended(t, folder(t, run, rows...), run, 0)
	text := read(t, dir, AuditName)
	for _, edit := range [][2]string{
		{`,"so, it was",`, `,"so, it was", `}, {`,deleted,`, `,"deleted",`}, {"\n1,", "\n\"1\","},
		{"r-2 r-3", `"r-2 r-3"`}, {"\n3,", "\r\n3,"}, {"\n3,", "\n\n3,"},
	} {
		edited := strings.Replace(text, edit[0], edit[1], 1)
		if edited == text || believed(t, run, edited) == nil {
			t.Errorf("%s instead of %s is taken", edit[1], edit[0])
		}
	}
	if damage := believed(t, run, text); damage != nil {
		t.Error(damage)
	}
}

// An empty line is no end: what stands behind it is not lost, whether a run is open or not.
// The lines that need no quotes take a short way, which must not be seen.
func TestAuditIsWhatEncodingCSVWritesAndReads(t *testing.T) {
	for _, cell := range []string{"", "success", "so, it was", `said "no"`, " in front", "behind ",
		"\u3000in front", "\u00a0", `\.`, `a\b`, "a\tb", "\ta", "\v", "no, \"not\" so", "öffnen", "'=1", "\x7f", "a\r"} {
		cells := slices.Repeat([]string{"1"}, len(columns)-1)
		cells[10], cells[14] = cell, cell
		fields := []byte(strings.Join(cells, "\n") + "\n")
		line, hash := auditFormat{}.Encode([]byte("before"), fields, "seed")
		var want strings.Builder
		must(t, csv.NewWriter(&want).WriteAll([][]string{append(cells, hash)}))
		if got := string(line); got != "before"+want.String() {
			t.Errorf("%q is written as %q, not %q", cell, got, want.String())
		}
		back, err := cutHash(line[len("before"):])
		if err != nil || string(back) != string(fields) {
			t.Errorf("%q is read as %q: %v", cell, back, err)
		}
	}
}

func TestEmptyLineInTheAuditIsDamage(t *testing.T) {
	run, rows := threeRows()
	text := read(t, folder(t, run, rows...), AuditName)
	for _, empty := range []string{"\n", "\r\n", "\n\n"} {
		edited := strings.Replace(text, "\n2,", "\n"+empty+"2,", 1)
		damage := believed(t, run, edited)
		if edited == text || damage == nil || damage.Line != 3 || !errors.Is(damage, csv.ErrFieldCount) {
			t.Errorf("%q in it: %v", empty, damage)
		}
	}
}

// An audit that contradicts the plan or itself is another run's, even if its chain holds.
func TestAuditThatContradictsThePlanIsDamage(t *testing.T) {
	for name, r := range map[string]Row{
		"a chunk too many":    {Chunk: 4, From: 1, To: 2, Outcome: Deleted},
		"a place too many":    {Chunk: 1, From: 2, To: 3, Outcome: Deleted},
		"the same row twice":  {Chunk: 2, From: 1, To: 2, Outcome: Deleted},
		"an outcome unheard":  {Chunk: 1, From: 1, To: 2, Outcome: "gone"},
		"a restore's outcome": {Chunk: 1, From: 1, To: 2, Outcome: Restored},
		"another of those":    {Chunk: 1, From: 1, To: 2, Outcome: Exists},
		"places in no order":  {Chunk: 1, From: 2, To: 1, Outcome: Deleted},
		"a part of it again":  {Chunk: 2, From: 2, To: 2, Outcome: Failed},
		"no chunk of any run": {Chunk: 0, From: 1, To: 2, Outcome: Deleted},
	} {
		run := planned(Delete, 3)
		dir := folder(t, run, Row{Chunk: 2, From: 1, To: 2, Outcome: Deleted}, r)
		_, err := ReadAudit(dir, run, nil)
		if damage, ok := errors.AsType[*journal.DamageError](err); !ok || damage.Line != 3 || damage.File != AuditName {
			t.Errorf("%s: %v", name, err)
		}
		before := read(t, dir, AuditName)
		_, err = OpenAudit(dir, run)
		if err == nil || read(t, dir, AuditName) != before {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Attack 5: every request ID is kept whole, and deleted.csv names the one of the deletion, which is the last.
func TestAllRequestIDsSurviveWhole(t *testing.T) {
	var ids []string
	for i := range 5000 {
		ids = append(ids, fmt.Sprintf("d1c7e7e2-4b1f-4a56-9f0e-%012x", i))
	}
	run, rows := threeRows()
	rows[0].RequestIDs = ids
	dir := ended(t, folder(t, run, rows...), run, 0)
	var got []string
	x, err := ReadAudit(dir, run, func(r *Row) {
		if r.Chunk == 1 {
			got = slices.Clone(r.RequestIDs)
		}
	})
	must(t, err)
	defer x.Close()
	if !slices.Equal(got, ids) {
		t.Errorf("%d request IDs came back", len(got))
	}
	var lines []Line
	for i := range 6 {
		lines = append(lines, Line{Line: 2 + i, Raw: []byte("a"), Chunk: 1 + i/2, Place: 1 + i%2})
	}
	layout := Layout{Header: []byte("userId"), Columns: 1, Column: 1, Delimiter: ','}
	_, err = Write(dir, run, layout, sequence(lines, nil))
	must(t, err)
	if text := read(t, dir, DeletedName); !strings.Contains(text, "\n2,1,deleted,"+ids[4999]+",2026") {
		t.Errorf("deleted.csv is\n%s", text)
	}
}

// Attack 8: while a run works, the path has to lead to the very file that it writes.
func TestAuditSeesThatItsFileIsGone(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"removed": os.Remove,
		"emptied": func(path string) error { return os.Truncate(path, 0) },
		"replaced": func(path string) error {
			return errors.Join(os.Remove(path), os.WriteFile(path, bytes.Repeat([]byte("x"), 9999), 0o600))
		},
	} {
		dir := openDir(t, t.TempDir())
		a, err := OpenAudit(dir, planned(Delete, 3))
		must(t, err)
		must(t, a.Reserve(3))
		must(t, a.Append(testRow(1)))
		must(t, a.Check())
		must(t, change(dir.Name(AuditName)))
		if a.Check() == nil {
			t.Errorf("%s: nobody sees it", name)
		}
		must(t, a.Close())
	}
}

// A message says why, and what attempts met before; both can be had from it.
func TestReasonsAndTroublesOfARow(t *testing.T) {
	way := OnTheWay(map[string]int{"throttled (429)": 3, "connection lost": 1})
	for _, c := range []struct {
		message, reason, troubles string
	}{
		{way, "the API said no more than HTTP 200, statusCode 400", "map[connection lost:1 throttled (429):3]"},
		{"no such role; " + way, "no such role", "map[connection lost:1 throttled (429):3]"},
		{"no such role, 5x or so", "no such role, 5x or so", "map[]"},
		{onTheWay + "evil, 999999999x worse, -3x bad, x x, 7", "the API said no more than HTTP 200, statusCode 400",
			"map[worse:4]"},
	} {
		r := Row{HTTPStatus: 200, StatusCode: 400, Attempts: 4, Message: c.message}
		if got := fmt.Sprint(r.troubles()); r.Reason() != c.reason || got != c.troubles {
			t.Errorf("%s: %q, %s", c.message, r.Reason(), got)
		}
	}
	if OnTheWay(nil) != "" {
		t.Error("something is said of nothing")
	}
	if r := (Row{}); r.Reason() != "no answer came" {
		t.Errorf("without an answer: %s", r.Reason())
	}
}
