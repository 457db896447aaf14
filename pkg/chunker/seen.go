package chunker

import (
	"encoding/hex"
	"hash/maphash"
)

// key is what two IDs are compared by: a user ID's own 96 bits, and a hash of as many of any other ID. See checker.key.
type key [12]byte

// hexKey reads a user ID's 24 hexadecimal digits. Only lower case has this form: whether the API takes the same digits
// in capitals for the same user is not known, so those are another text with a hashed key.
func hexKey(id []byte) (k key, ok bool) {
	var lower [2 * len(k)]byte
	if len(id) != len(lower) {
		return k, false
	}
	_, err := hex.Decode(k[:], id)
	hex.Encode(lower[:], k[:])
	return k, err == nil && lower == [len(lower)]byte(id)
}

// seen remembers the line of every accepted ID, by its key. It is a hash table in parts, each of which grows alone:
// what is moved then is small enough for the processor's caches.
type seen struct {
	seed  maphash.Seed // random, so that made-up IDs cannot be aimed at one slot
	parts [256]part
}

// part is a hash table of its own. Its entries lie in the order of the input, in blocks that never move: 16 bytes an
// ID. Beside them are slots of 4 bytes, searched one after another, which are doubled when three quarters of them are
// taken. Old and new ones together take at most 16 bytes an ID, and all that were outgrown before another 6: though the
// garbage collector may have taken nothing yet, an ID takes no more than 38.
type part struct {
	blocks []*[blockEntries]entry
	count  uint32
	slots  []uint32 // as many as a power of two; see find
}

type entry struct {
	key  key
	line uint32
}

const (
	blockEntries = 256
	firstSlots   = 64
)

func newSeen() *seen {
	s := &seen{seed: maphash.MakeSeed()}
	for i := range s.parts {
		s.parts[i].slots = make([]uint32, firstSlots)
	}
	return s
}

// hash is needed because user IDs count up: they have to be spread.
func (s *seen) hash(k key) uint64 { return maphash.Bytes(s.seed, k[:]) }

// add gives the line of the first ID with that key, or remembers this one's and gives 0.
func (s *seen) add(k key, line uint32) (first uint32) {
	h := s.hash(k)
	p := &s.parts[h>>56]
	if int(p.count) >= len(p.slots)/4*3 {
		s.grow(p)
	}
	at, tag, e := p.find(k, uint32(h))
	if e != nil {
		return e.line
	}
	p.put(at, tag, entry{k, line})
	return 0
}

// put puts an entry where find found none.
func (p *part) put(at, tag uint32, e entry) {
	if p.count%blockEntries == 0 {
		p.blocks = append(p.blocks, new([blockEntries]entry))
	}
	p.count++
	*p.entry(p.count) = e
	p.slots[at] = tag | p.count
}

// grow doubles the part's slots.
func (s *seen) grow(p *part) {
	p.slots = make([]uint32, 2*len(p.slots))
	for number := uint32(1); number <= p.count; number++ {
		k := p.entry(number).key
		at, tag, _ := p.find(k, uint32(s.hash(k)))
		p.slots[at] = tag | number
	}
}

// find gives the key's entry, or else the free slot where its number belongs, with a tag. A slot's lower bits, as many
// as it takes to count the slots, are the entry's number from 1, and those above are the tag, made of the hash: by it
// most other keys are told without a look at their entries.
func (p *part) find(k key, h uint32) (at, tag uint32, e *entry) {
	mask := uint32(len(p.slots) - 1)
	at, tag = h&mask, h&^mask
	for ; p.slots[at] != 0; at = (at + 1) & mask {
		if p.slots[at]&^mask != tag {
			continue
		}
		if e := p.entry(p.slots[at] & mask); e.key == k {
			return at, tag, e
		}
	}
	return at, tag, nil
}

func (p *part) entry(number uint32) *entry {
	return &p.blocks[(number-1)/blockEntries][(number-1)%blockEntries]
}
