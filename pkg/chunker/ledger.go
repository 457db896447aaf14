package chunker

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// digestRows is how many accepted rows at least share one digest. A later pass holds back that many until they are
// found unchanged; one digest takes 16 bytes of the plan.
const digestRows = 50

type digest [16]byte

// ledger adds up a pass's decisions: a digest for each block of accepted rows, which are whole chunks, and one for all
// decisions. It takes IDs with their lines, so that a block holds only if its rows stand where they stood.
type ledger struct {
	size     int // rows of a block
	accepted int
	first    int    // line of the block's first row
	last     int    // line of the block's last row
	text     []byte // the block so far
	all      hash.Hash
}

func newLedger(chunkSize int) *ledger {
	chunks := (digestRows + chunkSize - 1) / chunkSize
	return &ledger{size: chunks * chunkSize, all: sha256.New()}
}

// accept adds a row and says whether it fills its block: then the caller takes the block's digest with sum.
func (l *ledger) accept(id []byte, line int) (full bool) {
	if len(l.text) == 0 {
		l.first = line
	}
	l.last = line
	l.text = append(l.text, id...)
	l.text = append(l.text, '\n')
	l.text = binary.LittleEndian.AppendUint32(l.text, uint32(line))
	l.accepted++
	return l.accepted%l.size == 0
}

func (l *ledger) reject(e *RejectError) {
	l.all.Write(binary.LittleEndian.AppendUint32([]byte("rejected "+e.Code+" "), uint32(e.Line)))
}

// sum ends a block.
func (l *ledger) sum() (d digest) {
	full := sha256.Sum256(l.text)
	l.text = l.text[:0]
	copy(d[:], full[:])
	l.all.Write(d[:])
	return d
}

// open says whether a block has begun.
func (l *ledger) open() bool { return len(l.text) > 0 }
