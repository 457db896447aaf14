package report

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"bulkdelete/pkg/journal"
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
func (l Layout) headerRow() string {
	if l.Header != nil {
		return string(l.Header)
	}
	names := make([]string, l.Columns)
	for i := range names {
		names[i] = "column_" + strconv.Itoa(i+1)
	}
	if l.Column >= 1 && l.Column <= l.Columns {
		names[l.Column-1] = l.IDName
	}
	return strings.Join(names, string(l.Delimiter))
}

// source is what the files are made from.
type source struct {
	run    *Run
	layout Layout
	lines  iter.Seq2[Line, error]
	rows   finder
}

// finder finds the audit row about a place of a chunk, nil if there is none.
type finder interface {
	find(chunk, place int) (*Row, error)
}

// Write makes a run's files again in its folder, from the input's lines and the audit alone: deleted.csv or
// restored.csv, failed.csv, rejected.csv, remaining.csv (only while rows remain), report.html and summary.json.
// Each is written whole; when anything fails none of the CSV files is replaced. Memory grows by 8 bytes a chunk.
func Write(dir *journal.Dir, run *Run, layout Layout, lines iter.Seq2[Line, error]) (*Summary, error) {
	return makeFiles(writeTo{dir}, dir, run, layout, lines)
}

// Compare says which of a run's files are not, byte for byte, what Write would make, each in a line of its own.
func Compare(dir *journal.Dir, run *Run, layout Layout,
	lines iter.Seq2[Line, error]) (s *Summary, differ []string, err error) {
	t := &compareWith{dir, map[string]string{}}
	s, err = makeFiles(t, dir, run, layout, lines)
	for name, how := range t.differ {
		differ = append(differ, name+" "+how)
	}
	slices.Sort(differ)
	return s, differ, err
}

func makeFiles(t target, dir *journal.Dir, run *Run, layout Layout, lines iter.Seq2[Line, error]) (*Summary, error) {
	s := newSummary(run)
	index, err := ReadIndex(dir, run, s.count)
	if err != nil {
		return nil, err
	}
	defer index.Close()
	s.AuditRows, s.LastRowHash = index.Rows, index.LastHash
	return s, source{run, layout, lines, index}.writeTo(t, s)
}

func (from source) writeTo(t target, s *Summary) error {
	out, err := createFiles(t, from)
	if err != nil {
		return err
	}
	defer out.discard()
	for line, err := range from.lines {
		if err == nil {
			err = out.put(line, from.rows, s)
		}
		if err != nil {
			return err
		}
	}
	if err := s.finish(from.run); err != nil {
		return err
	}
	if err := out.commit(t, s.Remaining > 0); err != nil {
		return err
	}
	if err := writePage(t, from.run, s); err != nil {
		return err
	}
	text, err := indented(s)
	if err != nil {
		return err
	}
	return writeWhole(t, SummaryName, text)
}

func writeWhole(t target, name string, text []byte) error {
	f, err := t.create(name)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(text); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return f.Commit()
}

// files are the CSV files being made.
type files struct {
	delimiter                         string
	done, failed, rejected, remaining *file
}

type file struct {
	*bufio.Writer // remembers its first error until it is flushed
	made          made
	name          string
}

func createFiles(t target, from source) (_ *files, err error) {
	l := from.layout
	out := &files{delimiter: string(l.Delimiter)}
	row := func(names ...string) string { return strings.Join(names, out.delimiter) }
	defer func() {
		if err != nil {
			out.discard()
		}
	}()
	words := from.run.Asked.Deed.words()
	header, remaining := l.headerRow(), l.headerRow()
	if l.Header == nil {
		remaining = ""
	}
	for _, f := range []struct {
		at     **file
		name   string
		header string
	}{
		{&out.done, words.file, row("line", "chunk", "outcome", "request_id", words.past+"_at", header)},
		{&out.failed, FailedName, row(header, "bulkdelete_line", "bulkdelete_outcome", "bulkdelete_reason",
			"bulkdelete_request_id")},
		{&out.rejected, RejectedName, row(header, "bulkdelete_line", "bulkdelete_reason")},
		{&out.remaining, RemainingName, remaining},
	} {
		if f.name == RejectedName && words.rejectsNobody {
			continue
		}
		if *f.at, err = newFile(t, f.name); err != nil {
			return nil, err
		}
		if l.BOM {
			(*f.at).WriteString("\ufeff")
		}
		if f.header != "" {
			(*f.at).WriteString(f.header + "\n")
		}
	}
	return out, nil
}

// put writes a line where it belongs.
func (out *files) put(l Line, rows finder, s *Summary) error {
	s.Rows++
	if l.Chunk == 0 {
		s.reject(l)
		return out.rejected.row(out.delimiter, l.Raw, strconv.Itoa(l.Line), l.Reason)
	}
	s.Accepted++
	row, err := rows.find(l.Chunk, l.Place)
	if err != nil {
		return err
	}
	if row == nil {
		s.Remaining++
		return out.remaining.row(out.delimiter, l.Raw)
	}
	switch row.Outcome {
	case Failed, Unknown:
		s.fail(l, row)
		return out.failed.row(out.delimiter, l.Raw, strconv.Itoa(l.Line), string(row.Outcome), row.reason(), row.requestID())
	}
	return out.done.done(out.delimiter, l, row)
}

// done writes a line of deleted.csv or restored.csv: own cells, then the record.
func (f *file) done(delimiter string, l Line, row *Row) error {
	b := strconv.AppendInt(f.AvailableBuffer(), int64(l.Line), 10)
	b = strconv.AppendInt(append(b, delimiter...), int64(cmp.Or(row.whole, row.Chunk)), 10)
	b = append(append(b, delimiter...), row.Outcome...)
	b = append(append(b, delimiter...), quoted(row.requestID(), delimiter)...)
	b = append(b, delimiter...)
	b = row.endedAt().UTC().AppendFormat(b, time.RFC3339)
	b = append(append(b, delimiter...), l.Raw...)
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

// row writes the input's record, which stays as it is, and own cells behind it.
func (f *file) row(delimiter string, raw []byte, cells ...string) error {
	f.Write(raw) //nolint:errcheck // remembered
	for _, cell := range cells {
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

// CSVRow gives cells as a record of a file that is separated by commas.
func CSVRow(cells ...string) []byte {
	var b bytes.Buffer
	for i, cell := range cells {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quoted(cell, ","))
	}
	return b.Bytes()
}

func newFile(t target, name string) (*file, error) {
	m, err := t.create(name)
	if err != nil {
		return nil, err
	}
	return &file{bufio.NewWriterSize(m, 64<<10), m, name}, nil
}

func (out *files) all() []*file {
	all := []*file{out.done, out.failed, out.rejected, out.remaining}
	return slices.DeleteFunc(all, func(f *file) bool { return f == nil })
}

// commit puts the files in the place of older ones.
func (out *files) commit(t target, remaining bool) error {
	for _, f := range out.all() {
		if err := f.Flush(); err != nil {
			return fmt.Errorf("%s cannot be written: %w", f.name, err)
		}
	}
	for _, f := range out.all() {
		if f == out.remaining && !remaining {
			if err := t.absent(f.name); err != nil {
				return err
			}
			continue
		}
		if err := f.made.Commit(); err != nil {
			return fmt.Errorf("%s cannot be written: %w", f.name, err)
		}
	}
	return nil
}

// IsMade says whether a file of that name is made from a run's input and audit.
func IsMade(name string) bool {
	return journal.IsTemporary(name) ||
		slices.Contains([]string{DeletedName, RestoredName, FailedName, RejectedName, RemainingName, SummaryName,
			PageName}, name)
}

func (out *files) discard() {
	for _, f := range out.all() {
		f.made.Discard()
	}
}

var errNotThePlan = errors.New("the rows of the input and of the audit do not add up to the plan: " +
	"the audit is another run's, or was edited")
