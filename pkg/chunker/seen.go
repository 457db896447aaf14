package chunker

import "encoding/binary"

// key is what two IDs are compared by: a hash of 96 bits. See checker.key.
type key [12]byte

func (k key) hash() uint32 { return binary.LittleEndian.Uint32(k[1:]) }

// seen remembers the line of every accepted ID, by its key. It is a hash table in parts, each of which grows alone:
// what is moved then is small enough for the processor's caches.
type seen struct {
	parts   [256]part
	touched uint32 // see touch
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

// add gives the line of the first ID with that key, or remembers this one's and gives 0.
func (s *seen) add(k key, line uint32) (first uint32) {
	p := &s.parts[k[0]]
	if int(p.count) >= len(p.slots)/4*3 {
		p.grow()
	}
	at, tag, e := p.find(k)
	if e != nil {
		return e.line
	}
	if p.count%blockEntries == 0 {
		p.blocks = append(p.blocks, new([blockEntries]entry))
	}
	p.count++
	*p.entry(p.count) = entry{k, line}
	p.slots[at] = tag | p.count
	return 0
}

// touch reads the slots that add will begin with. They are more than the caches hold, so that nearly every key costs a
// wait for memory, and waiting for many at once takes little longer than for one: that is a quarter of planning ten
// million rows.
func (s *seen) touch(keys []key) {
	for _, k := range keys {
		if p := &s.parts[k[0]]; p.count > 0 {
			s.touched += p.slots[k.hash()&uint32(len(p.slots)-1)]
		}
	}
}

// grow doubles the slots.
func (p *part) grow() {
	p.slots = make([]uint32, max(firstSlots, 2*len(p.slots)))
	for number := uint32(1); number <= p.count; number++ {
		at, tag, _ := p.find(p.entry(number).key)
		p.slots[at] = tag | number
	}
}

// find gives the key's entry, or else the free slot where its number belongs, with a tag. A slot's lower bits, as many
// as it takes to count the slots, are the entry's number from 1, and those above are the tag, made of the key: by it
// most other keys are told without a look at their entries.
func (p *part) find(k key) (at, tag uint32, e *entry) {
	mask := uint32(len(p.slots) - 1)
	at, tag = k.hash()&mask, k.hash()&^mask
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
