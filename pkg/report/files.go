package report

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

// Line is one row of the input, as the files of a run's folder need it.
type Line struct {
	Line    int
	Raw     []byte // the record as it stands, in UTF-8 and without its line end; valid until the next one
	ID      []byte // valid until the next one
	Chunk   int    // 0: rejected
	Place   int
	Reason  string // of the rejection
	Code    string // its class
	Invalid bool   // rejected because it is wrong, not because it was set aside as asked
}

// Layout is how the input is written, so that files made from its rows are inputs again.
type Layout struct {
	Header    []byte // the header record as it stands; nil: the input has none
	Columns   int
	Column    int    // of the ID, from 1
	IDName    string // a header that names the ID's column, for inputs without one
	Delimiter rune
	BOM       bool // begin with a byte order mark, without which Excel takes UTF-8 for something else
}

// headerRow is the input's header, or one that lets the ID's column be found again.
func (l Layout) headerRow() []byte {
	if l.Header != nil {
		return l.Header
	}
	names := make([]string, l.Columns)
	for i := range names {
		names[i] = "column_" + strconv.Itoa(i+1)
	}
	if l.Column >= 1 && l.Column <= l.Columns {
		names[l.Column-1] = l.IDName
	}
	return []byte(strings.Join(names, string(l.Delimiter)))
}

// Write makes deleted.csv, failed.csv, rejected.csv, remaining.csv (only while rows remain), summary.json and
// report.html in dir, from the input's lines and the audit alone. resume is the command that goes on with an unfinished
// run. Each file is written whole; when anything fails none of the CSV files is replaced. Memory grows by 8 bytes a chunk.
func Write(dir string, run *Run, layout Layout, lines iter.Seq2[Line, error], resume string) (*Summary, error) {
	s := newSummary(run, resume)
	index, err := openIndex(filepath.Join(dir, AuditName), run, layout, s)
	if err != nil {
		return nil, err
	}
	defer index.close()
	return s, write(dir, run, layout, lines, index, s)
}

// finder finds the audit row that speaks of a place of a chunk, nil if none does.
type finder interface {
	find(chunk, place int) (*settled, error)
}

func write(dir string, run *Run, layout Layout, lines iter.Seq2[Line, error], rows finder, s *Summary) error {
	out, err := createFiles(dir, layout)
	if err != nil {
		return err
	}
	defer out.discard()
	for line, err := range lines {
		if err != nil {
			return err
		}
		if err := out.put(line, rows, s); err != nil {
			return err
		}
	}
	if err := s.finish(run); err != nil || dir == "" {
		return err
	}
	if err := out.replace(s.Remaining > 0); err != nil {
		return err
	}
	if err := writePage(filepath.Join(dir, PageName), run, s); err != nil {
		return err
	}
	return save(filepath.Join(dir, SummaryName), s)
}

// files are the CSV files being made.
type files struct {
	dir                                  string
	delimiter                            string
	deleted, failed, rejected, remaining *file
}

type file struct {
	*bufio.Writer // remembers its first error until it is flushed
	pending       *renameio.PendingFile
	name          string
}

func createFiles(dir string, l Layout) (_ *files, err error) {
	out := &files{dir: dir, delimiter: string(l.Delimiter)}
	defer func() {
		if err != nil {
			out.discard()
		}
	}()
	own := func(names ...string) []byte { return []byte(strings.Join(names, out.delimiter)) }
	original := l.headerRow()
	for _, f := range []struct {
		at     **file
		name   string
		header [][]byte
	}{
		{&out.deleted, DeletedName, [][]byte{own("line", "chunk", "outcome", "request_id", "deleted_at"), original}},
		{&out.failed, FailedName, [][]byte{original, own("bulkdelete_line", "bulkdelete_outcome", "bulkdelete_reason", "bulkdelete_request_id")}},
		{&out.rejected, RejectedName, [][]byte{own("line", "reason"), original}},
		{&out.remaining, RemainingName, [][]byte{original}},
	} {
		if *f.at, err = newFile(dir, f.name); err != nil {
			return nil, err
		}
		if l.BOM {
			(*f.at).WriteString("\ufeff")
		}
		(*f.at).Write(bytes.Join(f.header, []byte(out.delimiter)))
		(*f.at).WriteString("\n")
	}
	return out, nil
}

// put writes a line where it belongs.
func (out *files) put(l Line, rows finder, s *Summary) error {
	s.Rows++
	if l.Chunk == 0 {
		s.reject(l)
		return out.rejected.row(out.delimiter, []string{strconv.Itoa(l.Line), l.Reason}, l.Raw, nil)
	}
	s.Accepted++
	row, err := rows.find(l.Chunk, l.Place)
	if err != nil {
		return err
	}
	if row == nil {
		s.Remaining++
		return out.remaining.row(out.delimiter, nil, l.Raw, nil)
	}
	switch row.Outcome {
	case Deleted, Absent:
		return out.deleted.gone(l, row.gone)
	}
	s.fail(l, &row.Row)
	return out.failed.row(out.delimiter, nil, l.Raw, []string{strconv.Itoa(l.Line), string(row.Outcome), row.reason(), row.requestID()})
}

// gone writes a line of deleted.csv: the input's line, the cells that all users of its audit row share, the record. In a
// good run that is every line, and made cell by cell they took a quarter of the whole run's CPU time.
func (f *file) gone(l Line, cells []byte) error {
	b := strconv.AppendInt(f.AvailableBuffer(), int64(l.Line), 10)
	b = append(b, cells...)
	b = append(b, l.Raw...)
	_, err := f.Write(append(b, '\n'))
	return err
}

// requestID is the last attempt's, or "".
func (r *Row) requestID() string {
	if n := len(r.RequestIDs); n > 0 {
		return r.RequestIDs[n-1]
	}
	return ""
}

// reason is why a row failed, in a few words.
func (r *Row) reason() string {
	if r.Message != "" {
		return r.Message
	}
	return fmt.Sprintf("HTTP %d, statusCode %d", r.HTTPStatus, r.StatusCode)
}

// row writes own cells before and after the input's record, which stays as it is.
func (f *file) row(delimiter string, before []string, raw []byte, after []string) error {
	for _, cell := range before {
		f.WriteString(quoted(cell, delimiter))
		f.WriteString(delimiter)
	}
	f.Write(raw)
	for _, cell := range after {
		f.WriteString(delimiter)
		f.WriteString(quoted(cell, delimiter))
	}
	_, err := f.WriteString("\n")
	return err
}

// quoted is a cell as it has to be written.
func quoted(s, delimiter string) string {
	s = Harmless(s)
	if !strings.ContainsAny(s, delimiter+"\"\r\n") && s == strings.TrimSpace(s) {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// replace puts the files in the place of older ones.
func (out *files) replace(remaining bool) error {
	return replaceAll(out.dir, []*file{out.deleted, out.failed, out.rejected}, out.remaining, remaining)
}

func (out *files) discard() { discardAll(out.deleted, out.failed, out.rejected, out.remaining) }

// newFile makes a file that takes name's place when it is whole. Without a folder what is written goes nowhere.
func newFile(dir, name string) (*file, error) {
	if dir == "" {
		return &file{Writer: bufio.NewWriter(io.Discard), name: name}, nil
	}
	t, err := renameio.NewPendingFile(filepath.Join(dir, name), renameio.WithPermissions(0o600))
	if err != nil {
		return nil, err
	}
	return &file{bufio.NewWriterSize(&early{t.File, 0, 0}, 64<<10), t, name}, nil
}

// early is a file whose data begin their way to the disk while more is written: the sync that ends a deleted.csv of a million
// lines took a third of the time that making it takes.
type early struct {
	file           *os.File
	written, begun int64
}

func (e *early) Write(p []byte) (int, error) {
	n, err := e.file.Write(p)
	if e.written += int64(n); e.written-e.begun >= 4<<20 {
		writeBack(e.file, e.begun, e.written-e.begun)
		e.begun = e.written
	}
	return n, err
}

// replaceAll puts files in the place of older ones. The last is there only while rows remain.
func replaceAll(dir string, all []*file, last *file, remaining bool) error {
	if remaining {
		all = append(all, last)
	} else if err := os.Remove(filepath.Join(dir, last.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range all {
		if err := f.Flush(); err != nil {
			return fmt.Errorf("%s cannot be written: %w", f.name, err)
		}
		if err := f.pending.CloseAtomicallyReplace(); err != nil {
			return fmt.Errorf("%s cannot be written: %w", f.name, err)
		}
	}
	return nil
}

func discardAll(all ...*file) {
	for _, f := range all {
		if f != nil && f.pending != nil {
			f.pending.Cleanup() //nolint:errcheck // a temporary file that cannot be removed harms nobody
		}
	}
}

// index finds the audit's rows by chunk: rows stand in the order they were settled, the input's in the order of chunks.
type index struct {
	file   *os.File
	first  []int64         // offset of a chunk's first row, plus 1; 0: none
	others map[int][]int64 // offsets of further rows of the few chunks that were split
	chunk  int             // whose rows are at hand
	rows   []settled
	buf    []byte

	delimiter     string
	shard, shards int // whose chunks these are: every shards-th of the whole from shard, which counts from 0, on
}

// settled is an audit row and what it makes of its users' lines.
type settled struct {
	Row
	gone []byte // in deleted.csv, the cells between a line's number and the input's record
}

func (x *index) settled(r Row) settled {
	at := r.StartedAt.Add(r.Duration).UTC().Format(time.RFC3339)
	b := []byte(x.delimiter)
	chunk := (r.Chunk-1)*x.shards + x.shard + 1 // of the whole
	for _, cell := range []string{strconv.Itoa(chunk), string(r.Outcome), r.requestID(), at} {
		b = append(append(b, quoted(cell, x.delimiter)...), x.delimiter...)
	}
	return settled{r, b}
}

// openIndex reads the whole audit once, which also checks its chain, and counts it into s. A torn end is passed over: a
// run that goes on cuts it off.
func openIndex(path string, run *Run, l Layout, s *Summary) (*index, error) {
	x := &index{first: make([]int64, run.Chunks+1), others: map[int][]int64{}, buf: make([]byte, 4<<10), delimiter: string(l.Delimiter), shards: 1}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return x, nil
	}
	if err != nil {
		return nil, err
	}
	x.file = f
	scan := newScan(f, run.Input.SHA256)
	for scan.next() {
		n := scan.row.Chunk
		if n < 1 || n > run.Chunks {
			return nil, errors.Join(&DamageError{Line: scan.line, Err: fmt.Errorf("there is no chunk %d", n)}, f.Close())
		}
		if x.first[n] == 0 {
			x.first[n] = scan.at + 1
		} else {
			x.others[n] = append(x.others[n], scan.at)
		}
		s.settle(&scan.row)
	}
	s.LastRowHash = scan.hash
	return x, nil
}

func (x *index) close() {
	if x.file != nil {
		x.file.Close()
	}
}

// find gives the row that speaks of a place of a chunk, nil if none does.
func (x *index) find(chunk, place int) (*settled, error) {
	if chunk >= len(x.first) {
		return nil, fmt.Errorf("the input has a chunk %d that the run does not have", chunk)
	}
	if chunk != x.chunk {
		if err := x.load(chunk); err != nil {
			return nil, err
		}
	}
	for i := range x.rows {
		if r := &x.rows[i]; r.From <= place && place <= r.To {
			return r, nil
		}
	}
	return nil, nil
}

func (x *index) load(chunk int) error {
	x.chunk, x.rows = chunk, x.rows[:0]
	if x.first[chunk] == 0 {
		return nil
	}
	for _, at := range append([]int64{x.first[chunk] - 1}, x.others[chunk]...) {
		row, err := x.read(at)
		if err != nil {
			return fmt.Errorf("%s: %w", AuditName, err)
		}
		x.rows = append(x.rows, x.settled(row))
	}
	return nil
}

func (x *index) read(at int64) (Row, error) {
	for {
		n, err := x.file.ReadAt(x.buf, at)
		if end := bytes.IndexByte(x.buf[:n], '\n'); end >= 0 {
			f, err := splitRow(x.buf[:end])
			if err != nil {
				return Row{}, err
			}
			return fromFields(f)
		}
		if err != nil {
			return Row{}, err
		}
		x.buf = make([]byte, 2*len(x.buf))
	}
}
