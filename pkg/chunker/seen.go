package chunker

import (
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"math/rand/v2"
)

// key is what two IDs are compared by: a user ID's own 96 bits, and a hash of as many of any other ID. See checker.key.
type key struct {
	a uint64
	b uint32
}

const keySize = 12

// hexKey reads a user ID's 24 hexadecimal digits. Only lower case has this form: whether the API takes the same digits
// in capitals for the same user is not known, so those are another text with a hashed key.
func hexKey(id []byte) (k key, ok bool) {
	if len(id) != 2*keySize {
		return key{}, false
	}
	var b [keySize]byte
	if _, err := hex.Decode(b[:], id); err != nil {
		return key{}, false
	}
	var lower [2 * keySize]byte
	hex.Encode(lower[:], b[:])
	k = key{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint32(b[8:])}
	return k, lower == [2 * keySize]byte(id)
}

// seen remembers the line of every accepted ID, by its key. It is a hash table in parts, each of which grows alone:
// what is moved then is small enough for the processor's caches.
type seen struct {
	seed    [2]uint64 // random, so that made-up IDs cannot be aimed at one slot
	parts   [256]part
	touched uint32 // see touch
}

// part is a hash table of its own. Its entries lie in the order of the input, in blocks that never move: 16 bytes an
// ID. Beside them are slots of 4 bytes, searched one after another, which are doubled when three quarters of them are
// taken. Old and new ones together take at most 16 bytes an ID, and all that were outgrown before another 6: though the
// garbage collector may have taken nothing yet, an ID takes no more than 38.
type part struct {
	blocks []*[blockEntries]entry
	count  int
	slots  []uint32 // as many as a power of two; see slot
}

type entry struct {
	a       uint64 // of the key
	b, line uint32
}

const (
	blockEntries = 256
	firstSlots   = 64
)

func newSeen() *seen {
	s := &seen{seed: [2]uint64{rand.Uint64(), rand.Uint64()}}
	for i := range s.parts {
		s.parts[i].slots = make([]uint32, firstSlots)
	}
	return s
}

// touch reads the slots that add will begin with. They are more than the caches hold, so that nearly every key costs a
// wait for memory, and waiting for many at once takes little longer than for one: that is a fifth of planning ten
// million rows.
func (s *seen) touch(keys []key) {
	for _, k := range keys {
		p, h := s.part(k)
		at, _ := p.slot(h)
		s.touched += p.slots[at]
	}
}

// add gives the line of the first ID with that key, or remembers this one's and gives 0.
func (s *seen) add(k key, line uint32) (first uint32) {
	p, h := s.part(k)
	if p.count >= len(p.slots)/4*3 {
		s.grow(p)
	}
	mask := uint32(len(p.slots) - 1)
	at, tag := p.slot(h)
	for ; p.slots[at] != 0; at = (at + 1) & mask {
		if p.slots[at]&^mask != tag {
			continue
		}
		if e := p.entry(p.slots[at] & mask); e.a == k.a && e.b == k.b {
			return e.line
		}
	}
	if p.count%blockEntries == 0 {
		p.blocks = append(p.blocks, new([blockEntries]entry))
	}
	p.count++
	*p.entry(uint32(p.count)) = entry{k.a, k.b, line}
	p.slots[at] = tag | uint32(p.count)
	return 0
}

// grow doubles the part's slots.
func (s *seen) grow(p *part) {
	p.slots = make([]uint32, 2*len(p.slots))
	mask := uint32(len(p.slots) - 1)
	for number := uint32(1); number <= uint32(p.count); number++ {
		e := p.entry(number)
		_, h := s.part(key{e.a, e.b})
		at, tag := p.slot(h)
		for p.slots[at] != 0 {
			at = (at + 1) & mask
		}
		p.slots[at] = tag | number
	}
}

// part gives the part that a key belongs to, and the key's hash: user IDs count up, so they have to be spread.
func (s *seen) part(k key) (*part, uint64) {
	hi, lo := bits.Mul64(k.a^s.seed[0], uint64(k.b)*0x9e3779b97f4a7c15^s.seed[1])
	h := hi ^ lo
	return &s.parts[h>>56], h
}

// slot gives the slot at which the search for a hash begins, and the tag that its slot holds. A slot is 0 where it is
// free; else its lower bits, as many as it takes to count the slots, are the entry's number from 1, and those above are
// a tag made of the hash: by it most other keys are told without a look at their entries.
func (p *part) slot(h uint64) (at, tag uint32) {
	mask := uint32(len(p.slots) - 1)
	return uint32(h) & mask, uint32(h>>24) &^ mask
}

func (p *part) entry(number uint32) *entry {
	return &p.blocks[(number-1)/blockEntries][(number-1)%blockEntries]
}
