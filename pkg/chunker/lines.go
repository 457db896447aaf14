package chunker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf8"
)

const (
	maxField  = 1 << 20 // bytes in one cell
	maxRecord = 4 << 20 // bytes in one row
)

var errLongRecord = errors.New("record too long")

// lines hands out a text's physical lines from one buffer. What was handed out since the last mark stays where it is
// in the buffer, so that a record over several lines can be had in one piece without copying.
type lines struct {
	r       io.Reader
	buf     []byte
	mark    int // where the record starts; kept when the buffer is filled
	pos     int // where the next line starts
	end     int // where the buffered text ends
	eol     byte
	simple  [2]int // from and to: text without quotes and NULs, and nothing but ASCII; see plain
	n       int    // lines handed out
	err     error
	decoded bool
}

// peek reads ahead, without handing out anything, so that the layout can be found. whole says that it is all.
func (l *lines) peek(size int) (text []byte, whole bool) {
	for l.err == nil && l.end-l.pos < size {
		l.fill()
	}
	return l.buf[l.pos:l.end], l.err != nil
}

// next gives the next line with its end. The slice is valid until the next call.
func (l *lines) next() ([]byte, error) {
	seen := 0 // bytes of this line known to hold no end
	for {
		if i := bytes.IndexByte(l.buf[l.pos+seen:l.end], l.eol); i >= 0 {
			return l.hand(seen + i + 1)
		}
		seen = l.end - l.pos
		if l.err != nil {
			if seen > 0 && l.err == io.EOF {
				return l.hand(seen)
			}
			return nil, l.err
		}
		if l.end-l.mark > maxRecord {
			return nil, errLongRecord
		}
		l.fill()
	}
}

// hand counts and checks the next n bytes as a line.
func (l *lines) hand(n int) ([]byte, error) {
	line := l.buf[l.pos : l.pos+n]
	l.pos += n
	l.n++
	if l.plain() {
		return line, nil
	}
	if bytes.IndexByte(line, 0) >= 0 {
		return nil, fail(l.n, "a NUL byte: this is binary, or UTF-16 without its mark (then give --encoding utf-16)")
	}
	if l.decoded {
		if bytes.Contains(line, []byte("\uFFFD")) {
			return nil, errEncoding
		}
	} else if !utf8.Valid(line) {
		return nil, errEncoding
	}
	return line, nil
}

// plain says that the text handed out since the mark needs no closer look. Most text is plain, and to find that out for
// a whole buffer takes a fraction of what it takes line by line.
func (l *lines) plain() bool { return l.simple[0] <= l.mark && l.pos <= l.simple[1] }

// examine looks whether what was just read is plain.
func (l *lines) examine(from int) {
	text := l.buf[from:l.end]
	switch {
	case !isASCII(text) || bytes.IndexByte(text, '"') >= 0 || bytes.IndexByte(text, 0) >= 0:
	case l.simple[1] == from:
		l.simple[1] = l.end
	default:
		l.simple = [2]int{from, l.end}
	}
}

func isASCII(text []byte) bool {
	for ; len(text) >= 8; text = text[8:] {
		if binary.LittleEndian.Uint64(text)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

var errEncoding = errors.New("bytes outside the encoding")

// fill reads once, after making room: it drops what lies before the mark, and grows the buffer only for a record that
// does not fit.
func (l *lines) fill() {
	if l.mark > 0 {
		copy(l.buf, l.buf[l.mark:l.end])
		l.simple = [2]int{max(0, l.simple[0]-l.mark), max(0, l.simple[1]-l.mark)}
		l.pos, l.end, l.mark = l.pos-l.mark, l.end-l.mark, 0
	}
	if l.end == len(l.buf) {
		grown := make([]byte, max(bufferSize, 2*len(l.buf)))
		copy(grown, l.buf[:l.end])
		l.buf = grown
	}
	for range 100 {
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		l.examine(l.end - n)
		l.err = err
		if n > 0 || err != nil {
			return
		}
	}
	l.err = io.ErrNoProgress
}
