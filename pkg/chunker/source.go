package chunker

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

const (
	bufferSize = 256 << 10
	// maxWindow bounds what a zstd frame may make the decoder remember. The zstd tool stays within 8 MiB unless it is
	// called with --ultra or --long.
	maxWindow = 8 << 20
)

// source is an input as UTF-8 text: bytes are counted and hashed as they come in, then decompressed, then decoded.
type source struct {
	text        *bufio.Reader
	raw         *tally
	compression string // "", gzip, zstd
	encoding    string
	bom         bool
}

// errRead marks the reader's own failures, which say nothing about the input's content.
var errRead = errors.New("cannot read the input")

// tally counts and hashes what is read through it. A read that failed is the last one.
type tally struct {
	r   io.Reader
	sum hash.Hash
	n   int64
	err error
}

func (t *tally) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.r.Read(p)
	t.sum.Write(p[:n])
	t.n += int64(n)
	if err != io.EOF {
		t.err = err
	}
	return n, err
}

func (t *tally) hash() [32]byte { return [32]byte(t.sum.Sum(nil)) }

// openSource finds out how r is packed and encoded.
func openSource(r io.Reader, asked string) (*source, error) {
	s := &source{raw: &tally{r: r, sum: sha256.New()}}
	s.read(s.raw)
	if err := s.unpack(); err != nil {
		return nil, s.readError(0, err)
	}
	return s, s.decode(asked)
}

func (s *source) read(r io.Reader) { s.text = bufio.NewReaderSize(r, bufferSize) }

// unpack recognizes compression by content, never by a file's name.
func (s *source) unpack() error {
	magic, _ := s.text.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		s.compression = "gzip"
		z, err := gzip.NewReader(s.text)
		if err != nil {
			return err
		}
		s.read(z)
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		s.compression = "zstd"
		// Without goroutines, so that nothing has to be closed, and with little memory.
		z, err := zstd.NewReader(s.text, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return err
		}
		s.read(z)
	}
	return nil
}

// decode makes UTF-8 of the text. A byte order mark beats what was asked for.
func (s *source) decode(asked string) error {
	head, err := s.text.Peek(4 << 10)
	if len(head) == 0 && err != io.EOF {
		return s.readError(0, err)
	}
	if name, remedy := foreign(head); name != "" {
		return fail(1, "this is %s, not CSV: %s", name, remedy)
	}
	mark := ""
	s.encoding = cmp.Or(asked, "utf-8")
	for _, m := range []struct{ mark, encoding string }{
		{"\xef\xbb\xbf", "utf-8"}, {"\xff\xfe", "utf-16"}, {"\xfe\xff", "utf-16"}, {"\x84\x31\x95\x33", "gb18030"},
	} {
		if bytes.HasPrefix(head, []byte(m.mark)) && !(asked == "gbk" && m.encoding == "gb18030") {
			mark, s.encoding, s.bom = m.mark, m.encoding, true
		}
	}
	if !s.bom && s.encoding[0] == 'g' && isUTF8(head) {
		return fail(0, "these bytes are utf-8, which %s would make other characters of: leave --encoding out", s.encoding)
	}
	decoder := decoderFor(s.encoding, head)
	if _, err := s.text.Discard(len(mark)); err != nil {
		return s.readError(0, err)
	}
	if decoder != nil {
		s.read(decoder.Reader(s.text))
	}
	return nil
}

// decoderFor gives what makes UTF-8 of an encoding; nil: it is UTF-8.
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
	if bytes.HasPrefix(head, []byte{0xfe, 0xff}) || bytes.HasPrefix(head, []byte{0xff, 0xfe}) {
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

// readError puts a line to an error from beneath, and says what it means when the data itself is at fault.
func (s *source) readError(line int, err error) error {
	switch {
	case s.raw.err != nil:
		return fail(line, "%w: %w", errRead, s.raw.err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fail(line, "the %s data ends too early: the file was cut off; get it again", s.compression)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrWindowSizeTooSmall):
		return fail(line, "the zstd data needs more than %d MiB of memory: "+
			"compress it again without --ultra and --long", maxWindow>>20)
	case s.compression != "":
		return fail(line, "the %s data is damaged (%w): get the file again", s.compression, err)
	}
	return fail(line, "%w", err)
}

// drain reads what a decompressor left unread, so that the hash is over the whole input.
func (s *source) drain() error {
	if _, err := io.Copy(io.Discard, s.raw); err != nil {
		return s.readError(0, err)
	}
	return nil
}
