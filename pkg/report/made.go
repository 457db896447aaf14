package report

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"bulkdelete/pkg/journal"
)

// made is a file being made. It remembers its first error until commit. discard may follow that.
type made struct {
	*bufio.Writer
	name    string
	commit  func() error
	discard func()
}

// create begins a file, where all of them go.
func (out *files) create(name string) (*made, error) {
	switch {
	case out.dir == nil:
		return &made{bufio.NewWriter(io.Discard), name, func() error { return nil }, func() {}}, nil
	case out.differ != nil:
		return out.compare(name)
	}
	p, err := out.dir.Create(name)
	if err != nil {
		return nil, err
	}
	return &made{p.Writer, name, p.Commit, p.Discard}, nil
}

// absent says that there is to be no such file.
func (out *files) absent(name string) error {
	switch {
	case out.dir == nil:
		return nil
	case out.differ == nil:
		return out.dir.Remove(name)
	case out.dir.Has(name):
		out.differ[name] = "should not be there"
	}
	return nil
}

func (out *files) writeWhole(name string, text []byte) error {
	f, err := out.create(name)
	if err != nil {
		return err
	}
	defer f.discard()
	f.Write(text) //nolint:errcheck // remembered until commit
	return f.commit()
}

// compare holds a file of the folder to what it should be, and an erased one to what was sealed.
func (out *files) compare(name string) (*made, error) {
	f, err := out.dir.Open(name)
	gone, was := errors.Is(err, fs.ErrNotExist), out.redacted.WasRedacted(name)
	erased := gone && was != nil
	c, sum := &compared{have: f}, sha256.New()
	var to io.Writer = c
	switch {
	case erased:
		c.how, to = "was redacted, and is not what was sealed before", io.MultiWriter(c, sum)
	case gone || errors.Is(err, journal.ErrNotRegular):
		c.how = "is missing"
	case err != nil:
		return nil, err
	}
	w := bufio.NewWriterSize(to, 64<<10)
	commit := func() error {
		err := w.Flush()
		more, _ := f.Read(make([]byte, 1))
		switch {
		case erased && *was == (SealedFile{name, c.at, hex.EncodeToString(sum.Sum(nil))}):
			c.how = ""
		case more > 0 && c.how == "":
			c.how = fmt.Sprintf("has more than the %d bytes it should have", c.at)
		}
		if c.how != "" {
			out.differ[name] = c.how
		}
		return err
	}
	return &made{w, name, commit, func() { f.Close() }}, nil
}

// compared reads a file along with what it should be.
type compared struct {
	have *os.File // nil: there is none
	at   int64
	how  string // it differs; "": not so far
}

func (c *compared) Write(want []byte) (int, error) {
	at := c.at
	c.at += int64(len(want))
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
		c.how = fmt.Sprintf("differs from byte %d on", at+int64(i))
	}
	return len(want), nil
}
