package report

import (
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
	// Bare takes away from a record the columns that an earlier run added, where a file has them anew; nil: there are none
	Bare func(raw []byte) []byte
	BOM  bool // begin with a byte order mark, without which Excel takes UTF-8 for something else
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

func (l Layout) bare(raw []byte) []byte {
	if l.Bare == nil {
		return raw
	}
	return l.Bare(raw)
}

// Write makes a run's files again in its folder, from the input's lines and the audit alone: deleted.csv, suspended.csv
// or restored.csv, failed.csv, rejected.csv, spared.csv, remaining.csv (only while rows remain), report.html,
// summary.json. Each is written whole; when anything fails none of the CSV files is replaced. Memory grows by some 100
// bytes a chunk.
func Write(dir *journal.Dir, run *Run, layout Layout, lines iter.Seq2[Line, error]) (*Summary, error) {
	out := &files{dir: dir, run: run, layout: layout}
	return out.make([]*Shard{{Run: run, Folder: dir}}, lines)
}

// Compare says which of a run's files are not, byte for byte, what Write would make, each in a line of its own.
//
// In a redacted folder the erased files are held to what its seal says that they were.
func Compare(dir *journal.Dir, run *Run, layout Layout,
	lines iter.Seq2[Line, error]) (s *Summary, differ []string, err error) {
	out := &files{dir: dir, run: run, layout: layout, differ: map[string]string{}}
	if seal, err := LoadSeal(dir); err == nil && seal.IsRedacted() {
		out.redacted = seal
	}
	s, err = out.make([]*Shard{{Run: run, Folder: dir}}, lines)
	for name, how := range out.differ {
		differ = append(differ, name+" "+how)
	}
	slices.Sort(differ)
	return s, differ, err
}

// Shard is the folder of one of the shards that a job was divided among.
type Shard struct {
	Name        string `json:"shard"` // I/N
	Dir         string `json:"dir"`
	AuditRows   int    `json:"audit_rows"`
	LastRowHash string `json:"last_row_hash"` // each shard has a chain of its own

	Run    *Run         `json:"-"`
	Folder *journal.Dir `json:"-"`
}

// WriteJoined makes in dir the files that Write would have made if one run had done the work of all the shards,
// which stand in their order: of the lines' chunks, in turn, each has one. Chunks are numbered as in the whole.
// Where dir is nil, nothing is written, and what there is to know is in the summary.
func WriteJoined(dir *journal.Dir, whole *Run, shards []*Shard, layout Layout,
	lines iter.Seq2[Line, error]) (*Summary, error) {
	out := &files{dir: dir, run: whole, layout: layout}
	return out.make(shards, lines)
}

// files are a run's files being made: in the place of older ones, or to be compared with those.
type files struct {
	dir      *journal.Dir      // nil: they go nowhere
	redacted *Seal             // whose erased files are compared by their hashes; nil: none were
	differ   map[string]string // how files of the folder differ from what they should be, by name; nil: write them

	run    *Run
	layout Layout
	audits []*Audit // of the run, or of its shards

	delimiter string
	all       []*made // CSV files

	done, failed, rejected, spared, remaining *made

	at    [2]int // the chunk and the first place of the row that cells are of
	cells string // between a line's number and its record: the same for all of the row's users
}

// make reads the audits, and then the lines.
func (out *files) make(shards []*Shard, lines iter.Seq2[Line, error]) (*Summary, error) {
	s := newSummary(out.run)
	s.stats.Redacted = out.redacted != nil
	for i, shard := range shards {
		a, err := ReadAudit(shard.Folder, shard.Run, func(r *Row) {
			row := *r
			row.Chunk = (r.Chunk-1)*len(shards) + i + 1
			s.count(&row)
		})
		if err != nil {
			return nil, err
		}
		defer a.Close()
		out.audits = append(out.audits, a)
		shard.AuditRows, shard.LastRowHash = a.Rows, a.Hash()
		s.AuditRows += a.Rows
		s.Shards = append(s.Shards, *shard)
	}
	if len(shards) == 1 {
		s.LastRowHash, s.Shards = shards[0].LastRowHash, nil
	}
	return s, out.write(s, lines)
}

func (out *files) write(s *Summary, lines iter.Seq2[Line, error]) error {
	defer out.discard()
	if err := out.begin(); err != nil {
		return err
	}
	for line, err := range lines {
		if err == nil {
			err = out.put(line, s)
		}
		if err != nil {
			return err
		}
	}
	if err := s.finish(out.run); err != nil {
		return err
	}
	if err := out.commit(s.Remaining > 0); err != nil {
		return err
	}
	page, err := renderPage(out.run, s)
	if err != nil {
		return fmt.Errorf("%s cannot be made: %w", PageName, err)
	}
	text, err := marshal(s, indent)
	if err != nil {
		return err
	}
	return errors.Join(out.writeWhole(PageName, page), out.writeWhole(SummaryName, text))
}

// begin begins the CSV files. They have to be discarded after an error too.
func (out *files) begin() (err error) {
	l, words := out.layout, out.run.Asked.Deed.words()
	out.delimiter = string(l.Delimiter)
	create := func(name string, header ...string) (f *made) {
		if err != nil {
			return nil
		}
		if f, err = out.create(name); err != nil {
			return nil
		}
		out.all = append(out.all, f)
		if l.BOM {
			f.WriteString("\ufeff")
		}
		if row := strings.Join(header, out.delimiter); row != "" {
			f.WriteString(row + "\n")
		}
		return f
	}
	header := l.headerRow()
	out.done = create(words.file, "line", "chunk", "outcome", "request_id", words.past+"_at", header)
	header = string(l.bare([]byte(header)))
	out.failed = create(FailedName, header, "bulkdelete_line", "bulkdelete_outcome", "bulkdelete_reason",
		"bulkdelete_request_id")
	if !out.run.Asked.Deed.Undoes() {
		out.rejected = create(RejectedName, header, "bulkdelete_line", "bulkdelete_reason")
		out.spared = create(SparedName, header, "bulkdelete_line", "bulkdelete_reason")
	}
	out.remaining = create(RemainingName, string(l.Header))
	return err
}

// put writes a line where it belongs.
func (out *files) put(l Line, s *Summary) error {
	s.Rows++
	number := strconv.Itoa(l.Line)
	if l.Chunk == 0 {
		s.reject(l)
		return out.row(out.rejected, "", out.layout.bare(l.Raw), number, l.Reason)
	}
	s.Accepted++
	row, err := out.find(l.Chunk, l.Place)
	switch {
	case err != nil:
		return err
	case row == nil:
		s.Remaining++
		return out.row(out.remaining, "", l.Raw)
	case row.Outcome == Spared:
		l.Reason = row.Reason()
		s.stats.addSample(&s.stats.SparedRows, l)
		return out.row(out.spared, "", out.layout.bare(l.Raw), number, l.Reason)
	case row.Outcome == Failed || row.Outcome == Unknown:
		l.Code, l.Reason = row.kind(), row.Reason()
		s.stats.addSample(&s.stats.FailedRows, l)
		return out.row(out.failed, "", out.layout.bare(l.Raw), number, string(row.Outcome), l.Reason, row.requestID())
	}
	if at := [2]int{l.Chunk, row.From}; at != out.at {
		out.at, out.cells = at, strings.Join([]string{"", strconv.Itoa(l.Chunk), string(row.Outcome),
			quoted(row.requestID(), out.delimiter), row.endedAt().UTC().Format(time.RFC3339), ""}, out.delimiter)
	}
	return out.row(out.done, number+out.cells, l.Raw)
}

// row writes the input's record, which stays as it is, between own cells.
func (out *files) row(f *made, before string, raw []byte, behind ...string) error {
	f.WriteString(before)
	f.Write(raw) //nolint:errcheck // remembered
	for _, cell := range behind {
		f.WriteString(out.delimiter + quoted(cell, out.delimiter))
	}
	return f.WriteByte('\n')
}

// commit puts the files in the place of older ones, once all can be written.
func (out *files) commit(remaining bool) error {
	for _, f := range out.all {
		if err := f.Flush(); err != nil {
			return fmt.Errorf("%s cannot be written: %w", f.name, err)
		}
	}
	for _, f := range out.all {
		commit := f.commit
		if f == out.remaining && !remaining {
			commit = func() error { return out.absent(f.name) }
		}
		if err := commit(); err != nil {
			return err
		}
	}
	return nil
}

func (out *files) discard() {
	for _, f := range out.all {
		f.discard()
	}
}

// find gives the audit row about a place of a chunk, nil if there is none.
func (out *files) find(chunk, place int) (*Row, error) {
	n := len(out.audits)
	return out.audits[(chunk-1)%n].find((chunk-1)/n+1, place)
}

// requestID is the last attempt's, or "".
func (r *Row) requestID() string {
	if n := len(r.RequestIDs); n > 0 {
		return r.RequestIDs[n-1]
	}
	return ""
}

// quoted is a cell as it has to be written.
func quoted(s, delimiter string) string {
	s = Harmless(s)
	if !strings.Contains(s, delimiter) && !strings.ContainsAny(s, "\"\r\n") && s == strings.TrimSpace(s) {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// CSVRow gives cells as a record of a file that is separated by commas.
func CSVRow(cells ...string) []byte {
	var row []string
	for _, cell := range cells {
		row = append(row, quoted(cell, ","))
	}
	return []byte(strings.Join(row, ","))
}

// IsMade says whether a file of that name is made from a run's input and audit.
func IsMade(name string) bool {
	return journal.IsTemporary(name) ||
		slices.Contains([]string{DeletedName, SuspendedName, RestoredName, FailedName, RejectedName, SparedName,
			RemainingName, SummaryName, PageName}, name)
}
