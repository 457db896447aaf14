package chunker

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	bufferSize = 256 << 10
	// maxWindow bounds what a zstd frame may make the decoder remember. The zstd tool stays within 8 MiB unless it is
	// called with --ultra or --long.
	maxWindow = 8 << 20
)

// source is an input as UTF-8 text: bytes are counted and hashed as they come in, then decompressed, then decoded.
type source struct {
	io.Reader
	raw         *tally
	compression string // "", gzip, zstd
	encoding    string
	bom         bool
	decoded     bool // the text was decoded from another encoding, where U+FFFD stands for bytes outside it
	close       func()
}

// errRead marks the reader's own failures, which say nothing about the input's content.
var errRead = errors.New("cannot read the input")

// tally counts and hashes what is read through it, and remembers a read that failed.
type tally struct {
	r   io.Reader
	sum hash.Hash
	n   int64
	err error
}

func (t *tally) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.sum.Write(p[:n])
	t.n += int64(n)
	if err != nil && err != io.EOF {
		t.err = err
	}
	return n, err
}

// openSource finds out how r is packed and encoded. The caller closes the source.
func openSource(r io.Reader, asked string) (*source, error) {
	s := &source{raw: &tally{r: r, sum: sha256.New()}, close: func() {}}
	br := bufio.NewReaderSize(s.raw, bufferSize)
	if err := s.unpack(br); err != nil {
		s.close()
		return nil, err
	}
	if s.compression != "" {
		br = bufio.NewReaderSize(s.Reader, bufferSize)
	}
	if err := s.decode(br, asked); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// unpack recognizes compression by content, never by a file's name.
func (s *source) unpack(br *bufio.Reader) error {
	magic, _ := br.Peek(4)
	s.Reader = br
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(br)
		if err != nil {
			return s.readError(0, err)
		}
		s.compression, s.Reader = "gzip", z
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		// One goroutine and little memory: the reader beneath is then only ever called from Read.
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return s.readError(0, err)
		}
		s.compression, s.Reader, s.close = "zstd", z, z.Close
	}
	return nil
}

// decode makes UTF-8 of the text. A byte order mark beats what was asked for.
func (s *source) decode(br *bufio.Reader, asked string) error {
	head, err := br.Peek(4 << 10)
	if len(head) == 0 && err != io.EOF {
		return s.readError(0, err)
	}
	if what := foreign(head); what != "" {
		return fail(1, "this is %s, not text: export it as CSV (UTF-8) and give that file", what)
	}
	mark := 0
	switch {
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		s.encoding, mark = "utf-8", 3
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		s.encoding, mark = "utf-16", 2
	case bytes.HasPrefix(head, []byte{0x84, 0x31, 0x95, 0x33}) && asked != "gbk":
		s.encoding, mark = "gb18030", 4
	case asked != "":
		s.encoding = asked
	default:
		s.encoding = "utf-8"
	}
	s.bom = mark > 0
	decoder := decoderFor(s.encoding, head)
	if _, err := br.Discard(mark); err != nil {
		return s.readError(0, err)
	}
	s.Reader = br
	if decoder != nil {
		s.decoded, s.Reader = true, transform.NewReader(br, decoder)
	}
	return nil
}

func decoderFor(name string, head []byte) *encoding.Decoder {
	switch name {
	case "utf-16":
		endian := unicode.LittleEndian
		if bigEndian(head) {
			endian = unicode.BigEndian
		}
		return unicode.UTF16(endian, unicode.IgnoreBOM).NewDecoder()
	case "gbk":
		return simplifiedchinese.GBK.NewDecoder()
	case "gb18030":
		return simplifiedchinese.GB18030.NewDecoder()
	}
	return nil
}

// bigEndian tells the byte order of UTF-16 by its mark or else by where the zeros of its ASCII characters stand.
func bigEndian(head []byte) bool {
	if len(head) >= 2 && head[0]^head[1] == 1 && head[0]&head[1] == 0xfe {
		return head[0] == 0xfe
	}
	zeros := [2]int{}
	for i, b := range head {
		if b == 0 {
			zeros[i&1]++
		}
	}
	return zeros[0] > zeros[1]
}

// foreign names the formats that people take for CSV.
func foreign(head []byte) string {
	for _, f := range []struct{ magic, name string }{
		{"PK\x03\x04", "an Excel workbook or a zip archive"},
		{"\xd0\xcf\x11\xe0", "an old Excel workbook"},
		{"%PDF", "a PDF"},
		{"BZh", "compressed with bzip2"},
		{"\xfd7zXZ", "compressed with xz"},
		{"PAR1", "a Parquet file"},
		{"SQLite format 3\x00", "an SQLite database"},
	} {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return f.name
		}
	}
	return ""
}

// readError puts a line to an error from beneath, and says what it means when the data itself is at fault.
func (s *source) readError(line int, err error) error {
	if s.raw.err != nil {
		return &Error{Line: line, Err: fmt.Errorf("%w: %w", errRead, s.raw.err)}
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fail(line, "the %s data ends too early: the file was cut off; get it again", s.compression)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrWindowSizeTooSmall):
		return fail(line, "the zstd data needs more than %d MiB of memory: "+
			"compress it again without --ultra and --long", maxWindow>>20)
	case s.compression != "":
		return fail(line, "the %s data is damaged (%w): get the file again", s.compression, err)
	}
	return &Error{Line: line, Err: err}
}

// drain reads what a decompressor left unread, so that the hash is over the whole input.
func (s *source) drain() error {
	if _, err := io.Copy(io.Discard, s.raw); err != nil {
		return s.readError(0, err)
	}
	return nil
}
