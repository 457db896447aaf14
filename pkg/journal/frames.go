package journal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
)

// MaxFrame bounds a frame, packed and unpacked.
const MaxFrame = 64 << 20

const (
	frameMagic = 0x184D2A5B // one of zstd's 16 for skippable frames
	sumsSize   = 4 + sha256.Size
	headerSize = 8 + sumsSize
)

// Frames is the [Format] of files whose records are zstd frames, so that `zstd -dc` prints what they hold. In front of
// each stands a skippable frame (RFC 8878, 3.1.2), which zstd passes over: the length of the frame that follows, as 4
// bytes, little endian, and the SHA-256 of the sum before and of that frame.
type Frames struct{}

// Preamble is empty.
func (Frames) Preamble() []byte { return nil }

// Mark is the beginning of each skippable frame.
func (Frames) Mark() (string, bool) { return string(frameStart()), false }

func frameStart() []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, frameMagic), sumsSize)
}

// Encode puts the skippable frame in front.
func (Frames) Encode(dst, frame []byte, before string) ([]byte, string) {
	sum := sha256.Sum256(append([]byte(before), frame...))
	dst = append(dst, frameStart()...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(frame)))
	return append(append(dst, sum[:]...), frame...), string(sum[:])
}

// Read takes one skippable frame and the frame that it announces.
func (Frames) Read(r *bufio.Reader) (text, frame []byte, err error) {
	header := make([]byte, headerSize)
	n, err := io.ReadFull(r, header)
	if err != nil {
		return header[:n], nil, err
	}
	size := binary.LittleEndian.Uint32(header[8:])
	if !bytes.HasPrefix(header, frameStart()) || size > MaxFrame {
		return header, nil, errors.New("this is not the beginning of a frame")
	}
	text = append(header, make([]byte, size)...)
	if n, err = io.ReadFull(r, text[headerSize:]); err != nil {
		return text[:headerSize+n], nil, io.ErrUnexpectedEOF
	}
	return text, text[headerSize:], nil
}
