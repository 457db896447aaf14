package report

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"bulkdelete/pkg/journal"
)

// target is where made files go: into a folder, in the place of older ones, or beside these to be compared.
type target struct {
	dir      *journal.Dir      // nil: nowhere
	redacted *Seal             // whose erased files are compared by their hashes; nil: none were
	differ   map[string]string // how files of the folder differ from what they should be, by name; nil: write them
}

// made is a file being made. It remembers its first error until commit. discard may follow that.
type made struct {
	*bufio.Writer
	name    string
	commit  func() error
	discard func()
}

func (t target) create(name string) (*made, error) {
	switch {
	case t.dir == nil:
		return discarding(name), nil
	case t.differ != nil:
		return t.compare(name)
	}
	p, err := t.dir.Create(name)
	if err != nil {
		return nil, err
	}
	return &made{p.Writer, name, p.Commit, p.Discard}, nil
}

// absent says that there is to be no such file.
func (t target) absent(name string) error {
	switch {
	case t.dir == nil:
		return nil
	case t.differ == nil:
		return t.dir.Remove(name)
	}
	delete(t.differ, name)
	if t.dir.Has(name) {
		t.differ[name] = "should not be there"
	}
	return nil
}

func discarding(name string) *made {
	return &made{bufio.NewWriter(io.Discard), name, func() error { return nil }, func() {}}
}

func (t target) compare(name string) (*made, error) {
	f, err := t.dir.Open(name)
	was := t.redacted.WasRedacted(name)
	if errors.Is(err, fs.ErrNotExist) && was != nil {
		return t.compareSum(name, *was), nil
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, journal.ErrNotRegular) {
		t.differ[name] = "is missing"
		return discarding(name), nil
	}
	if err != nil {
		return nil, err
	}
	c := &compared{have: f}
	w := bufio.NewWriterSize(c, 64<<10)
	commit := func() error {
		err := w.Flush()
		if n, _ := f.Read(make([]byte, 1)); n > 0 && c.how == "" {
			c.how = fmt.Sprintf("has more than the %d bytes it should have", c.at)
		}
		if c.how != "" {
			t.differ[name] = c.how
		}
		return errors.Join(err, f.Close())
	}
	return &made{w, name, commit, func() { f.Close() }}, nil
}

// compareSum compares with a file that is not there any more.
func (t target) compareSum(name string, was SealedFile) *made {
	sum := &summed{Hash: sha256.New()}
	w := bufio.NewWriter(sum)
	return &made{w, name, func() error {
		err := w.Flush()
		if is := (SealedFile{name, sum.n, hex.EncodeToString(sum.Sum(nil))}); is != was {
			t.differ[name] = "was redacted, and is not what was sealed before"
		}
		return err
	}, func() {}}
}

// summed is a hash that counts.
type summed struct {
	hash.Hash
	n int64
}

func (s *summed) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	return s.Hash.Write(p)
}

// compared reads a file along with what it should be.
type compared struct {
	have io.Reader
	at   int64
	how  string // it differs; "": not so far
}

func (c *compared) Write(want []byte) (int, error) {
	if c.how != "" {
		return len(want), nil
	}
	have := make([]byte, len(want))
	n, err := io.ReadFull(c.have, have)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return 0, err
	}
	if !bytes.Equal(have[:n], want) {
		i := 0
		for i < n && have[i] == want[i] {
			i++
		}
		c.how = fmt.Sprintf("differs from byte %d on", c.at+int64(i))
	}
	c.at += int64(n)
	return len(want), nil
}
