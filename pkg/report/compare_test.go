package report

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"bulkdelete/pkg/journal"
)

var fiveLayout = Layout{Header: []byte("userId,n"), Columns: 2, Column: 1, Delimiter: ','}

// madeFolder is a folder whose files are made, of a run that has ended or died.
func madeFolder(t *testing.T, finished bool) (*journal.Dir, *Run) {
	t.Helper()
	run, rows := fiveRows()
	if finished {
		rows = append(rows, Row{Chunk: 3, From: 1, To: 1, Outcome: Deleted})
	}
	dir := folder(t, run, rows...)
	if finished {
		ended(t, dir, run, 1)
	}
	_, err := Write(dir, run, fiveLayout, sequence(fiveLines(), nil))
	must(t, err)
	return dir, run
}

// compare gives what Compare says, once it is sure that it changed nothing.
func compare(t *testing.T, dir *journal.Dir, run *Run) []string {
	t.Helper()
	before, err := dir.Names()
	must(t, err)
	_, differ, err := Compare(dir, run, fiveLayout, sequence(fiveLines(), nil))
	must(t, err)
	after, err := dir.Names()
	if err != nil || !slices.Equal(before, after) {
		t.Fatalf("there were %v and are %v (%v)", before, after, err)
	}
	return differ
}

// Attack 12: every file that is made is compared byte for byte.
func TestCompareNamesEveryFileThatDiffers(t *testing.T) {
	for _, finished := range []bool{true, false} {
		dir, run := madeFolder(t, finished)
		if got := compare(t, dir, run); len(got) > 0 {
			t.Fatalf("unchanged: %v", got)
		}
		names := []string{DeletedName, FailedName, RejectedName, SummaryName, PageName}
		if !finished {
			names = append(names, RemainingName)
		}
		for _, name := range names {
			text := read(t, dir, name)
			n := len(text)
			for want, edited := range map[string]string{
				"differs from byte 0 on":                                    "X" + text[1:],
				fmt.Sprintf("differs from byte %d on", n/2):                 text[:n/2] + "\x00" + text[n/2+1:],
				fmt.Sprintf("differs from byte %d on", n-1):                 text[:n-1],
				fmt.Sprintf("differs from byte %d on", n-2):                 text[:n-2] + "\x00\n",
				fmt.Sprintf("differs from byte %d on", 3):                   text[:3],
				fmt.Sprintf("has more than the %d bytes it should have", n): text + "\n",
			} {
				write(t, dir, name, edited)
				if got := compare(t, dir, run); !slices.Equal(got, []string{name + " " + want}) {
					t.Errorf("%s: %v; want %s", name, got, want)
				}
			}
			must(t, os.Remove(dir.Name(name)))
			if got := compare(t, dir, run); !slices.Equal(got, []string{name + " is missing"}) {
				t.Errorf("%s is removed: %v", name, got)
			}
			must(t, os.Symlink("elsewhere", dir.Name(name)))
			if got := compare(t, dir, run); !slices.Equal(got, []string{name + " is missing"}) {
				t.Errorf("%s is a link: %v", name, got)
			}
			must(t, os.Remove(dir.Name(name)))
			write(t, dir, name, text)
		}
		if got := compare(t, dir, run); len(got) > 0 {
			t.Errorf("as it was again: %v", got)
		}
	}
}

// remaining.csv is there only while rows remain, however right it looks.
func TestCompareNamesARemainingFileTooMany(t *testing.T) {
	dir, run := madeFolder(t, true)
	for _, text := range []string{"", "userId,n\n", "userId,n\ne,5\n"} {
		write(t, dir, RemainingName, text)
		if got := compare(t, dir, run); !slices.Equal(got, []string{RemainingName + " should not be there"}) {
			t.Errorf("%q: %v", text, got)
		}
	}
	must(t, os.Remove(dir.Name(SummaryName)))
	want := []string{RemainingName + " should not be there", SummaryName + " is missing"}
	if got := compare(t, dir, run); !slices.Equal(got, want) {
		t.Error(got)
	}
}

// Of several files each is named, in order; files larger than any buffer too.
func TestCompareOfLargeFiles(t *testing.T) {
	const chunks = 2000
	run := planned(Delete, chunks)
	var rows []Row
	var lines []Line
	for n := 1; n <= chunks; n++ {
		for place := 1; place <= 2; place++ {
			raw := fmt.Appendf(nil, "user-%08d-%d,%s", n, place, strings.Repeat("x", 100))
			lines = append(lines, Line{Line: 2*n + place - 1, Raw: raw, Chunk: n, Place: place})
		}
		if n%2 > 0 {
			rows = append(rows, Row{Chunk: n, From: 1, To: 2, Outcome: Deleted})
		}
	}
	dir := bulkFolder(t, run, rows)
	if _, err := Write(dir, run, fiveLayout, sequence(lines, nil)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{RemainingName, DeletedName} {
		text := []byte(read(t, dir, name))
		text[200_000]++
		write(t, dir, name, string(text))
	}
	_, differ, err := Compare(dir, run, fiveLayout, sequence(lines, nil))
	want := []string{DeletedName + " differs from byte 200000 on", RemainingName + " differs from byte 200000 on"}
	if err != nil || !slices.Equal(differ, want) {
		t.Errorf("%v, %v", differ, err)
	}
}

// bulkFolder is as folder, without a disk's waits.
func bulkFolder(t *testing.T, run *Run, rows []Row) *journal.Dir {
	t.Helper()
	dir := openDir(t, t.TempDir())
	text, hash := slices.Clone(header), run.Seed()
	for _, r := range rows {
		r.Users = r.To - r.From + 1
		text, hash = auditFormat{}.Encode(text, r.fields(), hash)
	}
	write(t, dir, AuditName, string(text))
	must(t, run.begin(1).Save(dir))
	return dir
}
