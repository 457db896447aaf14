package report

import (
	"errors"
	"io"
	"io/fs"
	"iter"

	"bulkdelete/pkg/journal"
)

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
	s := newSummary(whole)
	rows := make(joined, len(shards))
	for i, shard := range shards {
		x, err := ReadIndex(shard.Folder, shard.Run, func(*Row) {})
		if err != nil {
			return nil, err
		}
		defer x.Close()
		x.shard, x.shards = i, len(shards)
		rows[i] = x
		shard.AuditRows, shard.LastRowHash = x.Rows, x.LastHash
		s.AuditRows += x.Rows
		s.Shards = append(s.Shards, *shard)
	}
	for row, err := range inTime(shards) {
		if err != nil {
			return nil, err
		}
		s.count(&row)
	}
	var t target = discard{}
	if dir != nil {
		t = writeTo{dir}
	}
	return s, source{whole, layout, lines, rows}.writeTo(t, s)
}

// joined are the rows of all shards.
type joined []*Index

func (j joined) find(chunk, place int) (*Row, error) {
	return j[(chunk-1)%len(j)].find((chunk-1)/len(j)+1, place)
}

// inTime gives the rows of all shards in the order in which they ended, with chunks numbered as in the whole.
func inTime(shards []*Shard) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		heads := make([]head, len(shards))
		for i, shard := range shards {
			f, err := shard.Folder.Open(AuditName)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			defer f.Close()
			next, stop := iter.Pull2(rowsOf(f, shard.Run))
			defer stop()
			heads[i].next = next
			heads[i].advance()
		}
		for {
			i := first(heads)
			if i < 0 {
				return
			}
			row := heads[i].row
			row.Chunk = (row.Chunk-1)*len(shards) + i + 1
			if err := heads[i].err; !yield(row, err) || err != nil {
				return
			}
			heads[i].advance()
		}
	}
}

// head is the first row of an audit that has not been given.
type head struct {
	next func() (Row, error, bool)
	row  Row
	err  error
	more bool
}

func (h *head) advance() { h.row, h.err, h.more = h.next() }

// first says which head ended first, -1 if there is none. One with an error comes before all others.
func first(heads []head) int {
	at := -1
	for i, h := range heads {
		switch {
		case h.more && h.err != nil:
			return i
		case h.more && (at < 0 || h.row.endedAt().Before(heads[at].row.endedAt())):
			at = i
		}
	}
	return at
}

// rowsOf gives the rows of a whole audit, in the order in which they were written.
func rowsOf(f io.Reader, run *Run) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		errEnough := errors.New("enough")
		_, err := readRows(journal.NewReader(f, auditFormat{}, run.Seed()), run, func(r Row) error {
			if !yield(r, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(Row{}, err)
		}
	}
}
