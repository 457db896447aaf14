package report

import (
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
	from := source{run: whole, layout: layout, lines: lines}
	for i, shard := range shards {
		x, err := ReadIndex(shard.Folder, shard.Run, func(r *Row) {
			row := *r
			row.Chunk = (r.Chunk-1)*len(shards) + i + 1
			s.count(&row)
		})
		if err != nil {
			return nil, err
		}
		defer x.Close()
		from.audits = append(from.audits, x)
		shard.AuditRows, shard.LastRowHash = x.Rows, x.LastHash
		s.AuditRows += x.Rows
		s.Shards = append(s.Shards, *shard)
	}
	return s, from.writeTo(target{dir: dir}, s)
}
