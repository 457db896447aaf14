package chunker

import "sync"

const (
	batchRows  = 4096      // a handover wakes the other goroutine, which costs as much as hundreds of rows
	batchBytes = 256 << 10 // about; one row may be longer
)

// batch is a run of rows, checked for what can be told from each row alone, with copies of what is needed of them.
type batch struct {
	rows   []item
	keys   []key             // of the rows that are not rejected
	lines  []uint32          // likewise
	firsts [batchRows]uint32 // likewise, as seen.addAll fills it in
	ids    []byte            // of all rows, one after another
	raw    []byte            // likewise, if somebody asks for rows
	err    error             // why no batch follows this one; io.EOF at the input's end
}

type item struct {
	line   int
	idEnd  int // in batch.ids
	rawEnd int // in batch.raw
	reject *RejectError
}

// ahead works on rows before and after the caller, who looks them up among the earlier ones, which is mostly waiting for
// memory and takes half of all the time. One goroutine reads, another one takes the digests of what was decided.
type ahead struct {
	full, settled, empty chan *batch
	stop                 chan struct{}
	end                  sync.WaitGroup
}

// readAhead starts reading. The pass and what note uses belong to it until close has returned. note is called with every
// batch that next was given back, in order. withRaw asks for the rows as they stand.
func readAhead(in *pass, withRaw bool, note func(*batch)) *ahead {
	const batches = 4 // one in each of three hands, one waiting; a channel has room for all
	a := &ahead{full: make(chan *batch, batches), settled: make(chan *batch, batches), empty: make(chan *batch, batches), stop: make(chan struct{})}
	for range batches {
		a.empty <- new(batch)
	}
	a.end.Go(func() {
		for {
			select {
			case b := <-a.empty:
				b.fill(in, withRaw)
				a.full <- b
				if b.err != nil {
					return
				}
			case <-a.stop:
				return
			}
		}
	})
	a.end.Go(func() {
		for b := range a.settled {
			note(b)
			a.empty <- b
		}
	})
	return a
}

// next gives back the batch before and waits for the one that follows.
func (a *ahead) next(before *batch) *batch {
	if before != nil {
		a.settled <- before
	}
	return <-a.full
}

// close waits until the input is no longer read and the batches given back are noted.
func (a *ahead) close() {
	close(a.stop)
	close(a.settled)
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
