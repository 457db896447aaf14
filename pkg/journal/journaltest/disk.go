// Package journaltest has a file for tests of what reaches the disk: it fails on demand, and it knows what is left of
// it when the power goes.
package journaltest

import (
	"bytes"
	"io"
	"sync"
	"syscall"
)

// Disk is a file in memory. What is written can be read at once, and is on disk only after a Sync that succeeds. As
// with Linux, a Sync that fails takes what was written for written: it can still be read, and no later Sync puts it on
// disk unless it is written again. A Disk may be used by any number of goroutines.
type Disk struct {
	// OnSync is called at the beginning of each Sync with its number, from 1. It may make that very Sync fail.
	OnSync func(n int)

	mu      sync.Mutex
	data    []byte // what is read
	dirty   []bool // of each byte of data: the next Sync puts it on disk
	disk    []byte
	at      int64 // where Read goes on
	syncs   int
	room    int // bytes that can still be written; negative: no bound
	syncErr error
	readEnd int64 // reads from here on fail
	failing int   // so many times; negative: always
}

// New is a file with these bytes, all of them on disk.
func New(data []byte) *Disk {
	return &Disk{data: bytes.Clone(data), dirty: make([]bool, len(data)), disk: bytes.Clone(data), room: -1}
}

func (d *Disk) lock() (unlock func()) {
	d.mu.Lock()
	return d.mu.Unlock
}

// Fill lets so many bytes more be written and then no further one, as a full disk does. A negative number lifts that.
func (d *Disk) Fill(room int) {
	defer d.lock()()
	d.room = room
}

// FailSync makes each Sync fail, until it is nil.
func (d *Disk) FailSync(err error) {
	defer d.lock()()
	d.syncErr = err
}

// FailRead makes reading from offset on fail with EIO so many times, also where nothing is left to read. A negative
// number of times has no end.
func (d *Disk) FailRead(offset int64, times int) {
	defer d.lock()()
	d.readEnd, d.failing = offset, times
}

// Reopen lifts all failures and goes to the beginning, where another process would begin.
func (d *Disk) Reopen() *Disk {
	defer d.lock()()
	d.at, d.room, d.syncErr, d.failing = 0, -1, nil, 0
	return d
}

// Bytes gives what can be read.
func (d *Disk) Bytes() []byte {
	defer d.lock()()
	return bytes.Clone(d.data)
}

// Synced gives what is on disk.
func (d *Disk) Synced() []byte {
	defer d.lock()()
	return bytes.Clone(d.disk)
}

// Syncs says how often Sync was called.
func (d *Disk) Syncs() int {
	defer d.lock()()
	return d.syncs
}

// Behind says how many bytes have been written behind those on disk: the most that PowerLoss can keep.
func (d *Disk) Behind() int {
	defer d.lock()()
	return max(0, len(d.data)-len(d.disk))
}

// PowerLoss is the file after the power went: what was on disk, and as many of the bytes behind as happen to be kept,
// the last of which are zeros.
func (d *Disk) PowerLoss(kept, zeros int) *Disk {
	defer d.lock()()
	left := bytes.Clone(d.disk)
	if kept > 0 {
		left = append(left, d.data[len(d.disk):len(d.disk)+kept]...)
		clear(left[len(left)-zeros:])
	}
	return New(left)
}

// Read reads on.
func (d *Disk) Read(p []byte) (int, error) {
	defer d.lock()()
	n, err := d.read(p, d.at)
	d.at += int64(n)
	return n, err
}

// ReadAt reads from offset on.
func (d *Disk) ReadAt(p []byte, offset int64) (n int, err error) {
	defer d.lock()()
	for n < len(p) && err == nil {
		var more int
		more, err = d.read(p[n:], offset+int64(n))
		n += more
	}
	return n, err
}

func (d *Disk) read(p []byte, at int64) (int, error) {
	end := int64(len(d.data))
	switch {
	case d.failing != 0 && at >= d.readEnd:
		d.failing--
		return 0, syscall.EIO
	case at >= end:
		return 0, io.EOF
	case d.failing != 0:
		end = min(end, d.readEnd)
	}
	return copy(p, d.data[at:end]), nil
}

// WriteAt overwrites what is there.
func (d *Disk) WriteAt(p []byte, offset int64) (n int, err error) {
	defer d.lock()()
	if n = len(p); d.room >= 0 {
		n = min(n, d.room)
		d.room -= n
	}
	end := offset + int64(n)
	d.resize(max(end, int64(len(d.data))))
	copy(d.data[offset:], p[:n])
	for i := offset; i < end; i++ {
		d.dirty[i] = true
	}
	if n < len(p) {
		err = syscall.ENOSPC
	}
	return n, err
}

func (d *Disk) resize(size int64) {
	if more := size - int64(len(d.data)); more > 0 {
		d.data = append(d.data, make([]byte, more)...)
		d.dirty = append(d.dirty, make([]bool, more)...)
	}
	d.data, d.dirty = d.data[:size], d.dirty[:size]
}

// Sync puts on disk what was written since the last one.
func (d *Disk) Sync() error {
	d.mu.Lock()
	d.syncs++
	n := d.syncs
	d.mu.Unlock()
	if d.OnSync != nil {
		d.OnSync(n)
	}
	defer d.lock()()
	dirty := d.dirty
	d.dirty = make([]bool, len(d.data))
	if d.syncErr != nil {
		return d.syncErr
	}
	disk := make([]byte, len(d.data)) // zeros where a failed Sync left a hole
	copy(disk, d.disk)
	for i, is := range dirty {
		if is {
			disk[i] = d.data[i]
		}
	}
	d.disk = disk
	return nil
}

// Truncate cuts the file off. That is on disk after the next Sync.
func (d *Disk) Truncate(size int64) error {
	defer d.lock()()
	d.resize(size)
	return nil
}

// Close does nothing: the file can be opened again.
func (d *Disk) Close() error { return nil }
