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

// reader reads a CSV input record by record: its bytes are counted and hashed as they come in, decompressed, decoded,
// and cut into lines, records and cells.
type reader struct {
	in          *tally
	compression string // "", gzip, zstd
	encoding    string
	bom         bool
	text        *bufio.Reader // as UTF-8
	eol, comma  byte
	lines       int    // read so far
	buffer      []byte // the lines of the current record, with their ends

	// The current record, valid until the next.
	line  int    // where it starts; lines is where it ends
	raw   []byte // as it stands, without its line end
	cells [][]byte
	odd   bool // a quote stands in an unquoted cell, so that it could be cut in another way
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

// openReader finds out how an input is packed and encoded.
func openReader(in io.Reader, asked string) (*reader, error) {
	r := &reader{in: &tally{r: in, sum: sha256.New()}}
	r.readFrom(r.in)
	if err := r.unpack(); err != nil {
		return nil, r.readError(0, err)
	}
	return r, r.decode(asked)
}

func (r *reader) readFrom(in io.Reader) { r.text = bufio.NewReaderSize(in, bufferSize) }

// bookmark marks the present place in the text, and gives a function that goes back there.
func (r *reader) bookmark() (back func()) {
	text, lines := r.text, r.lines
	var read bytes.Buffer
	r.readFrom(io.TeeReader(text, &read))
	return func() {
		r.readFrom(io.MultiReader(&read, text))
		r.lines = lines
	}
}

// unpack recognizes compression by content, never by a file's name.
func (r *reader) unpack() error {
	magic, _ := r.text.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		r.compression = "gzip"
		z, err := gzip.NewReader(r.text)
		if err != nil {
			return err
		}
		r.readFrom(z)
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		r.compression = "zstd"
		// Without goroutines, so that nothing has to be closed, and with little memory.
		z, err := zstd.NewReader(r.text, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return err
		}
		r.readFrom(z)
	}
	return nil
}

// decode makes UTF-8 of the text. A byte order mark beats what was asked for.
func (r *reader) decode(asked string) error {
	head, err := r.text.Peek(4 << 10)
	if len(head) == 0 && err != io.EOF {
		return r.readError(0, err)
	}
	if name, remedy := foreign(head); name != "" {
		return fail(1, "this is %s, not CSV: %s", name, remedy)
	}
	mark := ""
	r.encoding = cmp.Or(asked, "utf-8")
	for _, m := range []struct{ mark, encoding string }{
		{"\xef\xbb\xbf", "utf-8"}, {"\xff\xfe", "utf-16"}, {"\xfe\xff", "utf-16"}, {"\x84\x31\x95\x33", "gb18030"},
	} {
		if bytes.HasPrefix(head, []byte(m.mark)) && !(asked == "gbk" && m.encoding == "gb18030") {
			mark, r.encoding, r.bom = m.mark, m.encoding, true
		}
	}
	if !r.bom && r.encoding[0] == 'g' && isUTF8(head) {
		return fail(0, "these bytes are utf-8, which %s would make other characters of: leave --encoding out", r.encoding)
	}
	decoder := decoderFor(r.encoding, head)
	if _, err := r.text.Discard(len(mark)); err != nil {
		return r.readError(0, err)
	}
	if decoder != nil {
		r.readFrom(decoder.Reader(r.text))
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
func (r *reader) readError(line int, err error) error {
	switch {
	case r.in.err != nil:
		return fail(line, "%w: %w", errRead, r.in.err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fail(line, "the %s data ends too early: the file was cut off; get it again", r.compression)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrWindowSizeTooSmall):
		return fail(line, "the zstd data needs more than %d MiB of memory: "+
			"compress it again without --ultra and --long", maxWindow>>20)
	case r.compression != "":
		return fail(line, "the %s data is damaged (%w): get the file again", r.compression, err)
	}
	return fail(line, "%w", err)
}

// drain reads what a decompressor left unread, so that the hash is over the whole input.
func (r *reader) drain() error {
	if _, err := io.Copy(io.Discard, r.in); err != nil {
		return r.readError(0, err)
	}
	return nil
}
