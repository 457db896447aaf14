package chunker

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"strings"
)

// key is the 96 bits by which two IDs are told apart.
type key struct {
	a uint64
	b uint32
}

// seen remembers the line of every accepted ID, exactly, in at most 24 bytes an ID from 100,000 IDs on (less than 3 MiB
// before that), growth included. It is an open-addressing table in shards, each of them made of small blocks:
//   - a slot is 16 bytes, and a shard grows by two fifths when it is 88% full. The shards' sizes are spread over those two
//     fifths, so that they grow one after another and together hold 16/0.88*1.19 = 21.6 bytes an ID at any time. Were they
//     all of one size, the same bound would take steps of a fifth, and each ID would move twice as often;
//   - where it is known how much of the input is still to come, a shard grows at once to what it will need: 18.7 bytes for
//     each ID there will be if the rest is like what was read. If the rest repeats earlier IDs, that is 18.7 bytes a row;
//   - only one shard grows at a time, and the blocks it leaves are the next one's: no table is ever left to the garbage
//     collector, which would let the old ones pile up to the size of the new.
type seen struct {
	shards [shardCount]shard
	spare  []*block
	blocks int // ever made
	seed   [2]uint64
	warm   uint32 // see addAll

	// progress is the share of the input that was read, for guessing how much is to come; 0: not known.
	progress float64
}

const (
	shardCount = 32
	blockSlots = 256
	firstSize  = 8 // blocks of the smallest shard
	growth     = 1.4
	fill       = 0.88 // used slots at which a shard grows
)

type slot struct {
	a    uint64
	b    uint32
	line uint32 // 0: the slot is free
}

type block [blockSlots]slot

type shard struct {
	blocks []*block
	used   int
	limit  int     // used slots at which the shard grows
	size   float64 // in blocks, before rounding
}

func newSeen() *seen {
	s := &seen{seed: [2]uint64{rand.Uint64(), rand.Uint64()}}
	for i := range s.shards {
		s.shards[i].size = firstSize * math.Pow(growth, float64(i)/shardCount-1)
	}
	return s
}

// addAll adds keys with their lines, in their order. It gives each one the line of the first ID with that key, or 0 for
// the first itself.
//
// The table is larger than the processor's caches, so that nearly every ID costs a wait for memory. Reading all slots
// once before the first is needed lets those waits overlap: for ten million IDs that took a third off the whole check.
func (s *seen) addAll(keys []key, lines, firsts []uint32) {
	const window = 128 // as many slots as surely stay in the first cache until they are needed
	for len(keys) > window {
		s.addAll(keys[:window], lines[:window], firsts[:window])
		keys, lines, firsts = keys[window:], lines[window:], firsts[window:]
	}
	for _, k := range keys {
		h := s.mix(k)
		if sh := &s.shards[h>>59]; len(sh.blocks) > 0 {
			pos := sh.home(h)
			b, i := sh.blocks[pos/blockSlots], pos%blockSlots
			s.warm += b[i].line + b[min(i+4, blockSlots-1)].line + b[min(i+8, blockSlots-1)].line
		}
	}
	for i, k := range keys {
		firsts[i] = s.add(k, lines[i])
	}
}

// add gives the line of the first ID with that key, or remembers this one's and gives 0.
func (s *seen) add(k key, line uint32) uint32 {
	h := s.mix(k)
	sh := &s.shards[h>>59]
	if sh.used >= sh.limit {
		s.grow(sh)
	}
	at := sh.find(k, h)
	if at.line != 0 {
		return at.line
	}
	*at = slot{k.a, k.b, line}
	sh.used++
	return 0
}

// home is the place at which the search for a key begins.
func (sh *shard) home(h uint64) uint64 {
	pos, _ := bits.Mul64(h<<5, uint64(len(sh.blocks))*blockSlots)
	return pos
}

func (sh *shard) at(pos uint64) *slot { return &sh.blocks[pos/blockSlots][pos%blockSlots] }

// find gives the slot that holds the key, or the free one where it belongs.
func (sh *shard) find(k key, h uint64) *slot {
	size := uint64(len(sh.blocks)) * blockSlots
	pos := sh.home(h)
	for {
		at := sh.at(pos)
		if at.line == 0 || at.a == k.a && at.b == k.b {
			return at
		}
		if pos++; pos == size {
			pos = 0
		}
	}
}

// mix spreads a key over all bits. User IDs count up, and whoever makes IDs must not be able to choose their slots:
// hence the seed.
func (s *seen) mix(k key) uint64 {
	hi, lo := bits.Mul64(k.a^s.seed[0], uint64(k.b)*0x9e3779b97f4a7c15^s.seed[1])
	return hi ^ lo
}

// grow makes a shard larger: by two fifths, or to what it will need at the input's end as far as can be told, which saves
// moving each ID several times.
func (s *seen) grow(sh *shard) {
	const (
		early = 0.02 // of the input: before that its rows say little about the others
		spare = 1.03 // for what the rows before do not tell
		least = 1.1
	)
	old := sh.blocks
	if s.progress < early {
		sh.size *= growth
	} else {
		sh.size = max(sh.size*least, float64(sh.used)/s.progress*spare/(fill*blockSlots))
	}
	sh.blocks = make([]*block, int(sh.size+0.5))
	for i := range sh.blocks {
		sh.blocks[i] = s.block()
	}
	sh.limit = int(fill * blockSlots * float64(len(sh.blocks)))
	for _, b := range old {
		for i := range b {
			if at := &b[i]; at.line != 0 {
				k := key{at.a, at.b}
				*sh.find(k, s.mix(k)) = *at
			}
		}
		*b = block{}
		s.spare = append(s.spare, b)
	}
}

func (s *seen) block() *block {
	if n := len(s.spare); n > 0 {
		b := s.spare[n-1]
		s.spare = s.spare[:n-1]
		return b
	}
	s.blocks++
	return new(block)
}

// hexKey reads a user ID's 24 hexadecimal digits as the ID's own 96 bits. Only lower case has this form: whether the API
// takes the same digits in capitals for the same user is not known, so those are another text with a hashed key.
func hexKey(id []byte) (k key, ok bool) {
	if len(id) != 24 {
		return key{}, false
	}
	var bad byte
	for _, c := range id[:16] {
		n := nibbles[c]
		bad |= n
		k.a = k.a<<4 | uint64(n&15)
	}
	for _, c := range id[16:24] {
		n := nibbles[c]
		bad |= n
		k.b = k.b<<4 | uint32(n&15)
	}
	return k, bad < 16
}

// isUserID says whether an ID has 24 hexadecimal digits, in either case.
func isUserID(id string) bool {
	return len(id) == 24 && strings.Trim(id, "0123456789abcdefABCDEF") == ""
}

// nibbles are the values of the hexadecimal digits in lower case, and 16 for every other byte.
var nibbles = func() (t [256]byte) {
	for c := range t {
		t[c] = 16
	}
	for i := range byte(16) {
		t["0123456789abcdef"[i]] = i
	}
	return t
}()
