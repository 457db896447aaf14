//go:build linux

package wine_test

import (
	"bytes"
	"encoding/binary"
)

// forwarder makes a DLL of 64-bit Windows that holds no code: its one function is that of another DLL, named as
// "library.function".
func forwarder(dll, function, to string) []byte {
	const (
		headers, section = 0x200, 0x1000 // in the file, and in memory
		directory        = 40            // the export directory's size
	)
	var data bytes.Buffer
	le := binary.LittleEndian
	put := func(b *bytes.Buffer, values ...any) {
		for _, v := range values {
			binary.Write(b, le, v) //nolint:errcheck // to memory
		}
	}
	// Behind the directory: where the function is, where its name is, its ordinal, and the three texts.
	address, name, ordinal := uint32(section+directory), uint32(section+directory+4), uint32(section+directory+8)
	texts := section + directory + 10
	at := func(before ...string) uint32 {
		n := texts
		for _, s := range before {
			n += len(s) + 1
		}
		return uint32(n)
	}
	put(&data, uint32(0), uint32(0), uint32(0), at(), uint32(1), uint32(1), uint32(1), address, name, ordinal)
	put(&data, at(dll, function), at(dll), uint16(0))
	data.WriteString(dll + "\x00" + function + "\x00" + to + "\x00")
	size := uint32(data.Len())

	var b bytes.Buffer
	b.WriteString("MZ" + string(make([]byte, 58)))
	put(&b, uint32(64))
	b.WriteString("PE\x00\x00")
	const amd64, dllOf64 = 0x8664, 0x2022
	put(&b, uint16(amd64), uint16(1), uint32(0), uint32(0), uint32(0), uint16(240), uint16(dllOf64))
	put(&b, uint16(0x20b), uint16(0), uint32(0), uint32(headers), uint32(0), uint32(0), uint32(section))
	put(&b, uint64(0x180000000), uint32(section), uint32(headers))                             // where, and how aligned
	put(&b, uint16(6), uint16(0), uint16(0), uint16(0), uint16(6), uint16(0), uint32(0))       // versions
	put(&b, uint32(2*section), uint32(headers), uint32(0), uint16(3), uint16(0x100))           // sizes, console, NX
	put(&b, uint64(1<<20), uint64(1<<12), uint64(1<<20), uint64(1<<12), uint32(0), uint32(16)) // stack and heap
	put(&b, uint32(section), size, make([]byte, 15*8))
	b.WriteString(".rdata\x00\x00")
	put(&b, size, uint32(section), uint32(headers), uint32(headers), make([]byte, 12), uint32(0x40000040))
	b.Write(make([]byte, headers-b.Len()))
	b.Write(data.Bytes())
	b.Write(make([]byte, 2*headers-b.Len()))
	return b.Bytes()
}
