package journal_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"testing"

	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/journal/journaltest"
)

// lines is a format of its own for these tests: a first line, and then a record a line, with its sum in front.
type lines struct{}

func (lines) Preamble() []byte     { return []byte("sum,record\n") }
func (lines) Mark() (string, bool) { return "\n", true }

func (lines) Encode(dst, record []byte, before string) ([]byte, string) {
	sum := sha256.Sum256(append([]byte(before+","), record...))
	text := hex.EncodeToString(sum[:8])
	return fmt.Appendf(dst, "%s,%s\n", text, record), text
}

func (lines) Read(r *bufio.Reader) (line, record []byte, err error) {
	line, err = r.ReadBytes('\n')
	if err == io.EOF && len(line) > 0 {
		err = io.ErrUnexpectedEOF
	}
	_, record, _ = bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(","))
	return line, record, err
}

// eachFormat runs a test with lines and with frames.
func eachFormat(t *testing.T, test func(t *testing.T, format journal.Format)) {
	t.Run("lines", func(t *testing.T) { test(t, lines{}) })
	t.Run("frames", func(t *testing.T) { test(t, journal.Frames{}) })
}

const seed = "5eed"

func record(n int) []byte { return fmt.Appendf(nil, "record %d", n) }

// scan reads a file and gives the records that hold.
func scan(f io.Reader, format journal.Format, tail int) (r *journal.Reader, held []string, torn int, err error) {
	r = journal.NewReader("file", f, format, seed)
	for r.Next() {
		held = append(held, string(r.Record))
	}
	torn, err = r.End(tail)
	return r, held, torn, err
}

// resume does what a process does that goes on with a file.
func resume(f journal.File, format journal.Format, tail int) (j *journal.Journal, held []string, err error) {
	r, held, _, err := scan(f, format, tail)
	if err != nil {
		return nil, held, err
	}
	j, err = journal.Continue(f, r, tail)
	return j, held, err
}

// add appends records that have to be taken.
func add(t testing.TB, j *journal.Journal, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		if err := j.Append(record(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// written gives a file of n records, and where each begins and the last one ends.
func written(t testing.TB, format journal.Format, n int) (text []byte, at []int) {
	t.Helper()
	d := journaltest.New(nil)
	j, _, err := resume(d, format, 1)
	if err != nil {
		t.Fatal(err)
	}
	at = append(at, int(j.Size()))
	for i := 1; i <= n; i++ {
		add(t, j, i, i)
		at = append(at, int(j.Size()))
	}
	return d.Synced(), at
}
