package chunker

import (
	"io"
	"iter"
	"sync"
)

const (
	batchRows  = 4096      // a handover wakes the other goroutine, which costs as much as hundreds of rows
	batchBytes = 256 << 10 // about; one row may be longer
)

// batch is a run of rows, checked for what can be told from each row alone, with copies of what is needed of them.
type batch struct {
	rows   []item
	keys   []key             // of the rows that are not rejected
	lines  []uint32          // likewise
	firsts [batchRows]uint32 // likewise: the line of the first row with that ID; 0: this is it
	ids    []byte            // of all rows, one after another
	raw    []byte            // likewise, if somebody asks for rows
	read   int64             // bytes of the input so far
	err    error             // why no batch follows this one; io.EOF at the input's end
}

type item struct {
	line   int
	idEnd  int // in batch.ids
	rawEnd int // in batch.raw
	reject *RejectError
}

// all gives the batch's rows, without a place.
func (b *batch) all() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		id, raw := 0, 0
		for _, it := range b.rows {
			if !yield(Row{Line: it.line, ID: b.ids[id:it.idEnd:it.idEnd], Raw: b.raw[raw:it.rawEnd:it.rawEnd], Reject: it.reject}) {
				return
			}
			id, raw = it.idEnd, it.rawEnd
		}
	}
}

// ahead prepares rows while the caller decides on those before them. One goroutine reads, another one looks the IDs up
// among the earlier ones, which is mostly waiting for memory and takes half of all the time.
type ahead struct {
	read, ready, empty chan *batch
	stop               chan struct{}
	end                sync.WaitGroup
}

// readAhead starts. The pass and what has been seen belong to it until close has returned. withRaw asks for the rows as
// they stand. seen is nil where the plan knows already. size is the input's in bytes; 0: not known.
func readAhead(in *pass, seen *seen, size int64, withRaw bool) *ahead {
	const batches = 4 // one in each of three hands, one waiting; every channel has room for all, so sending never waits
	a := &ahead{read: make(chan *batch, batches), ready: make(chan *batch, batches), empty: make(chan *batch, batches), stop: make(chan struct{})}
	for range batches {
		a.empty <- new(batch)
	}
	a.end.Go(func() {
		defer close(a.read)
		for {
			select {
			case b := <-a.empty:
				b.fill(in, withRaw)
				a.read <- b
				if b.err != nil {
					return
				}
			case <-a.stop:
				return
			}
		}
	})
	if seen == nil {
		a.ready = a.read
		return a
	}
	a.end.Go(func() {
		for b := range a.read {
			if size > 0 {
				seen.progress = min(1, float64(b.read)/float64(size))
			}
			seen.addAll(b.keys, b.lines, b.firsts[:])
			a.ready <- b
		}
	})
	return a
}

// rowsAhead gives the pass's rows while another goroutine reads those that follow. For the pass that makes a run's files,
// which has the whole machine, that saves a third of the time; while users are deleted every core is busy, and it would only
// cost copies.
func (p *pass) rowsAhead() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		a := readAhead(p, nil, 0, true)
		defer a.close()
		for b := a.next(nil); ; b = a.next(b) {
			for row := range b.all() {
				if !yield(row, nil) {
					return
				}
			}
			if b.err == io.EOF {
				return
			}
			if b.err != nil {
				yield(Row{}, b.err)
				return
			}
		}
	}
}

// next gives back the batch before and waits for the one that follows.
func (a *ahead) next(before *batch) *batch {
	if before != nil {
		a.empty <- before
	}
	return <-a.ready
}

// close waits until the input is no longer read.
func (a *ahead) close() {
	close(a.stop)
	a.end.Wait()
}

// fill reads the batch's rows.
func (b *batch) fill(in *pass, withRaw bool) {
	b.rows, b.keys, b.lines, b.ids, b.raw = b.rows[:0], b.keys[:0], b.lines[:0], shrunk(b.ids), shrunk(b.raw)
	defer func() { b.read = in.src.raw.n }()
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
