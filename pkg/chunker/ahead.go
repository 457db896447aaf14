package chunker

import "sync"

const (
	batchRows  = 4096      // a handover wakes the other goroutine, which costs as much as hundreds of rows
	batchBytes = 256 << 10 // about; one row may be longer
)

// batch is a run of rows, checked for what can be told from each row alone, with copies of what is needed of them.
type batch struct {
	rows   []item
	keys   []key    // of the rows that are not rejected
	lines  []uint32 // likewise
	firsts []uint32 // likewise, as seen.addAll fills it in
	ids    []byte   // of all rows, one after another
	raw    []byte   // likewise, if somebody asks for rows
	err    error    // why no batch follows this one; io.EOF at the input's end
}

type item struct {
	line   int
	idEnd  int // in batch.ids
	rawEnd int // in batch.raw
	reject *RejectError
}

// ahead reads rows in a goroutine of its own while the caller looks them up among those before, which costs as much
// time again: most of it waiting for memory.
type ahead struct {
	full, empty chan *batch
	stop        chan struct{}
	end         sync.WaitGroup
}

// readAhead starts reading. The pass belongs to it until close has returned. withRaw asks for the rows as they stand.
func readAhead(in *pass, withRaw bool) *ahead {
	const batches = 3 // one being filled, one waiting, one being worked off
	a := &ahead{full: make(chan *batch, batches), empty: make(chan *batch, batches), stop: make(chan struct{})}
	for range batches {
		a.empty <- new(batch)
	}
	a.end.Go(func() {
		for {
			select {
			case b := <-a.empty:
				b.fill(in, withRaw)
				a.full <- b // never waits: there is room for all
				if b.err != nil {
					return
				}
			case <-a.stop:
				return
			}
		}
	})
	return a
}

// next gives back the batch before and waits for the one that follows.
func (a *ahead) next(before *batch) *batch {
	if before != nil {
		a.empty <- before
	}
	return <-a.full
}

// close waits until the input is no longer read.
func (a *ahead) close() {
	close(a.stop)
	a.end.Wait()
}

// fill reads the batch's rows.
func (b *batch) fill(in *pass, withRaw bool) {
	b.rows, b.keys, b.lines, b.ids, b.raw = b.rows[:0], b.keys[:0], b.lines[:0], shrunk(b.ids), shrunk(b.raw)
	for len(b.rows) < batchRows && len(b.ids)+len(b.raw) < batchBytes {
		if b.err = in.next(); b.err != nil {
			return
		}
		b.ids = append(b.ids, in.id...)
		if withRaw {
			b.raw = append(b.raw, in.rec.raw...)
		}
		if in.reject == nil {
			b.keys, b.lines = append(b.keys, in.key), append(b.lines, uint32(in.line))
		}
		b.rows = append(b.rows, item{in.line, len(b.ids), len(b.raw), in.reject})
	}
}

// shrunk empties a buffer, and lets it go if one enormous row made it large.
func shrunk(buf []byte) []byte {
	if cap(buf) > 4*batchBytes {
		return nil
	}
	return buf[:0]
}
