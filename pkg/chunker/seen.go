package chunker

import "github.com/zeebo/xxh3"

// seen remembers the line of every accepted ID, by its key. Entries lie in the input's order, in blocks that never
// move: 16 bytes an ID. Beside them is a hash table of their numbers, searched one slot after another, which is doubled
// when three quarters of its slots are taken. The old and the new slots take at most 16 bytes an ID together, and all
// that were outgrown before another 6: though the garbage collector may have taken nothing yet, an ID takes no more
// than 38.
type seen struct {
	blocks []*[blockEntries]entry
	count  uint32
	slots  []uint32 // as many as a power of two; see find
}

// entry is an ID's line, and the 96 bits by which it is compared (checker.key): all of low, and half of high.
type entry struct {
	low        uint64
	high, line uint32
}

const (
	blockEntries = 4096
	firstSlots   = 64
)

// add gives the line of the first ID with that key, or remembers this one's and gives 0.
func (s *seen) add(key xxh3.Uint128, line uint32) (first uint32) {
	if int(s.count) >= len(s.slots)/4*3 {
		s.grow()
	}
	e := entry{key.Lo, uint32(key.Hi), line}
	at, tag, found := s.find(e)
	if found != nil {
		return found.line
	}
	if s.count%blockEntries == 0 {
		s.blocks = append(s.blocks, new([blockEntries]entry))
	}
	s.count++
	*s.entry(s.count) = e
	s.slots[at] = tag | s.count
	return 0
}

// grow doubles the slots.
func (s *seen) grow() {
	s.slots = make([]uint32, max(firstSlots, 2*len(s.slots)))
	for number := uint32(1); number <= s.count; number++ {
		at, tag, _ := s.find(*s.entry(number))
		s.slots[at] = tag | number
	}
}

// find gives the entry with e's key, or else the free slot where its number belongs, with a tag. A slot's lower bits,
// as many as it takes to count the slots, are the entry's number from 1, and those above are the tag, made of the key:
// by it most other keys are told without a look at their entries.
func (s *seen) find(e entry) (at, tag uint32, found *entry) {
	mask := uint32(len(s.slots) - 1)
	at, tag = uint32(e.low)&mask, uint32(e.low)&^mask
	for ; s.slots[at] != 0; at = (at + 1) & mask {
		if s.slots[at]&^mask != tag {
			continue
		}
		if found := s.entry(s.slots[at] & mask); found.low == e.low && found.high == e.high {
			return at, tag, found
		}
	}
	return at, tag, nil
}

func (s *seen) entry(number uint32) *entry {
	return &s.blocks[(number-1)/blockEntries][(number-1)%blockEntries]
}
