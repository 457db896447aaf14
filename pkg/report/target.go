package report

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"bulkdelete/pkg/journal"
)

// target is where made files go: into a folder, nowhere, or beside those that are there to be compared.
type target interface {
	create(name string) (made, error)
	absent(name string) error // there is to be no such file
}

// made is a file being made.
type made interface {
	io.Writer
	Commit() error
	Discard()
}

// writeTo puts files into a folder, in the place of older ones.
type writeTo struct{ dir *journal.Dir }

func (t writeTo) create(name string) (made, error) { return t.dir.Create(name) }
func (t writeTo) absent(name string) error         { return t.dir.Remove(name) }

// discard throws made files away.
type discard struct{}

func (discard) create(string) (made, error) { return nothing{io.Discard}, nil }
func (discard) absent(string) error         { return nil }

type nothing struct{ io.Writer }

func (nothing) Commit() error { return nil }
func (nothing) Discard()      {}

// compareWith notes which files of a folder are not, byte for byte, what they should be.
type compareWith struct {
	dir    *journal.Dir
	differ map[string]string // by name, in what
}

func (t *compareWith) create(name string) (made, error) {
	f, err := t.dir.Open(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, journal.ErrNotRegular) {
		t.differ[name] = "is missing"
		return nothing{io.Discard}, nil
	}
	if err != nil {
		return nil, err
	}
	return &compared{t: t, name: name, Closer: f, have: bufio.NewReaderSize(f, 64<<10)}, nil
}

func (t *compareWith) absent(name string) error {
	delete(t.differ, name)
	if t.dir.Has(name) {
		t.differ[name] = "should not be there"
	}
	return nil
}

// compared reads a file along with what it should be.
type compared struct {
	io.Closer
	t    *compareWith
	name string
	have *bufio.Reader
	at   int64
	buf  []byte
	bad  bool
}

func (c *compared) Write(want []byte) (int, error) {
	if c.bad {
		return len(want), nil
	}
	if len(c.buf) < len(want) {
		c.buf = make([]byte, len(want))
	}
	n, err := io.ReadFull(c.have, c.buf[:len(want)])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return 0, err
	}
	if !bytes.Equal(c.buf[:n], want) {
		c.differs(c.buf[:n], want)
	}
	c.at += int64(n)
	return len(want), nil
}

func (c *compared) differs(have, want []byte) {
	i := 0
	for i < len(have) && have[i] == want[i] {
		i++
	}
	c.bad, c.t.differ[c.name] = true, fmt.Sprintf("differs from byte %d on", c.at+int64(i))
}

func (c *compared) Commit() error {
	if _, err := c.have.ReadByte(); err == nil && !c.bad {
		c.t.differ[c.name] = fmt.Sprintf("has more than the %d bytes it should have", c.at)
	}
	return c.Close()
}

func (c *compared) Discard() { c.Close() } //nolint:errcheck // it was only read
