package chunker

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// digestRows is how many accepted rows at least share one digest. The second pass holds back that many until they are
// found unchanged; one digest takes 16 bytes of the plan.
const digestRows = 50

type digest [16]byte

// ledger adds up the decisions of a pass: a digest for each block of accepted rows, which are whole chunks, and one for
// all decisions. It takes IDs with their lines, so that a block holds only if its rows stand where they stood.
type ledger struct {
	opts     Options
	size     int // rows of a block
	rows     int
	accepted int
	blocks   int    // that are complete
	first    int    // line of the latest block's first row
	last     int    // line of its last row
	text     []byte // the block so far
	all      hash.Hash
}

func newLedger(o Options) *ledger {
	chunks := (digestRows + o.ChunkSize - 1) / o.ChunkSize
	return &ledger{opts: o, size: chunks * o.ChunkSize, all: sha256.New()}
}

// add accounts for a row, gives it its chunk and its place there if it is accepted, and says whether it is one of the
// shard's, and whether it completes a block: then closeBlock has to be called. Chunks are dealt out in turn; rejected
// rows are the first shard's.
func (l *ledger) add(row *Row) (ours, complete bool) {
	l.rows++
	if e := row.Reject; e != nil {
		l.all.Write(binary.LittleEndian.AppendUint32([]byte("rejected "+e.Code+" "), uint32(e.Line)))
		return l.opts.Shard == 0, false
	}
	chunk := l.accepted / l.opts.ChunkSize
	row.Chunk, row.Place = chunk/l.opts.Shards+1, l.accepted%l.opts.ChunkSize+1
	if !l.begun() {
		l.first = row.Line
	}
	l.last = row.Line
	l.text = append(append(l.text, row.ID...), '\n')
	if l.opts.WholeRows {
		l.text = append(append(l.text, row.Raw...), '\n')
	}
	l.text = binary.LittleEndian.AppendUint32(l.text, uint32(row.Line))
	l.accepted++
	return chunk%l.opts.Shards == l.opts.Shard, l.accepted%l.size == 0
}

// closeBlock ends the block that has begun, and gives its digest.
func (l *ledger) closeBlock() (d digest) {
	full := sha256.Sum256(l.text)
	copy(d[:], full[:])
	l.all.Write(d[:])
	l.text = l.text[:0]
	l.blocks++
	return d
}

// begun says whether a block has.
func (l *ledger) begun() bool { return len(l.text) > 0 }
