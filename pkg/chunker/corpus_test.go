package chunker

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// corpusFile is a block of testdata/corpus/manifest.txt: who is meant in a file.
type corpusFile struct {
	path   string
	opts   Options
	delete []string // IDs
	reject []string // lines and codes
	refuse string   // words
}

// corpus reads the manifest. The files are what programs and people really wrote, and who is meant in them was written
// down by hand.
func corpus(t testing.TB) (files []corpusFile) {
	t.Helper()
	text, err := os.ReadFile("testdata/corpus/manifest.txt")
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		var f corpusFile
		for i, line := range strings.Split(block, "\n") {
			verb, rest, _ := strings.Cut(line, " ")
			switch {
			case verb == "#":
			case i == 0:
				f.path = verb
				for word := range strings.FieldsSeq(rest) {
					f.option(t, word)
				}
			case verb == "delete":
				f.delete = append(f.delete, rest)
			case verb == "reject":
				f.reject = append(f.reject, rest)
			case verb == "refuse":
				f.refuse = rest
			default:
				t.Fatalf("%s: there is no %q", f.path, line)
			}
		}
		if f.path != "" {
			files = append(files, f)
		}
	}
	return files
}

func (f *corpusFile) option(t testing.TB, word string) {
	t.Helper()
	switch name, value, _ := strings.Cut(word, "="); name {
	case "id-type":
		f.opts.IDType = value
	case "column":
		f.opts.Column = value
	case "encoding":
		f.opts.Encoding = value
	case "no-header":
		f.opts.NoHeader = true
	default:
		t.Fatalf("%s: there is no option %q", f.path, word)
	}
}

// For each file of the corpus: exactly who is deleted, whose row is set aside and why, or that the file is refused, and
// with which words.
func TestCorpus(t *testing.T) {
	files := corpus(t)
	if len(files) < 150 {
		t.Errorf("%d files", len(files))
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join("testdata/corpus", f.path))
		if err != nil {
			t.Fatal(err)
		}
		_, rows, err := read(t, text, f.opts)
		if f.refuse != "" || err != nil {
			f.checkRefusal(t, rows, err)
			continue
		}
		var deleted, rejected []string
		for _, row := range rows {
			if row.Code != "" {
				rejected = append(rejected, fmt.Sprintf("%d %s", row.Line, row.Code))
				continue
			}
			deleted = append(deleted, string(row.ID))
		}
		if !slices.Equal(deleted, f.delete) || !slices.Equal(rejected, f.reject) {
			t.Errorf("%s %+v: deletes %q and rejects %q, want %q and %q",
				f.path, f.opts, deleted, rejected, f.delete, f.reject)
		}
	}
}

func (f *corpusFile) checkRefusal(t *testing.T, rows []Row, err error) {
	t.Helper()
	if f.refuse == "" || err == nil {
		t.Errorf("%s %+v: %s (%v), want refused: %s", f.path, f.opts, summary(rows), err, cmp.Or(f.refuse, "no"))
		return
	}
	for word := range strings.FieldsSeq(f.refuse) {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v does not say %s", f.path, err, strconv.Quote(word))
		}
	}
}

// No file lies there that nobody looks at, and none is large.
func TestTheCorpusIsWholeAndSmall(t *testing.T) {
	known := map[string]bool{"manifest.txt": true}
	for _, f := range corpus(t) {
		known[f.path] = true
	}
	root := os.DirFS("testdata/corpus")
	for _, pattern := range []string{"*.txt", "*/*"} {
		paths, err := filepath.Glob(filepath.Join("testdata/corpus", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			name := filepath.ToSlash(strings.TrimPrefix(path, filepath.Join("testdata", "corpus")+string(filepath.Separator)))
			if f, err := root.Open(name); err != nil || !known[name] {
				t.Errorf("%s is not in the manifest (%v)", name, err)
			} else if info, err := f.Stat(); err != nil || name != "manifest.txt" && info.Size() > 2048 {
				t.Errorf("%s has %d bytes (%v)", name, info.Size(), err)
			}
		}
	}
}
