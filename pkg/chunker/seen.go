package chunker

import (
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
//   - a slot is 16 bytes, and shards grow by a fifth when they are 85% full, so 16/0.85*1.2 = 22.6 bytes an ID at worst;
//   - only one shard grows at a time, and the blocks it leaves are the next one's: no table is ever left to the garbage
//     collector, which would let the old ones pile up to the size of the new.
type seen struct {
	shards [shardCount]shard
	spare  []*block
	blocks int // ever made
	seed   [2]uint64
}

const (
	shardCount = 256
	blockSlots = 64
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
	limit  int // used slots at which the shard grows
}

func newSeen() *seen { return &seen{seed: [2]uint64{rand.Uint64(), rand.Uint64()}} }

// add gives the line of the first ID with that key, or remembers this one's and gives 0.
func (s *seen) add(k key, line uint32) uint32 {
	h := s.mix(k)
	sh := &s.shards[h>>56]
	if sh.used >= sh.limit {
		s.grow(sh)
	}
	if at := sh.find(k, h); at.line != 0 {
		return at.line
	} else {
		*at = slot{k.a, k.b, line}
	}
	sh.used++
	return 0
}

// find gives the slot that holds the key, or the free one where it belongs.
func (sh *shard) find(k key, h uint64) *slot {
	size := uint64(len(sh.blocks)) * blockSlots
	pos, _ := bits.Mul64(h<<8, size)
	for {
		at := &sh.blocks[pos/blockSlots][pos%blockSlots]
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

// grow makes a shard a fifth larger.
func (s *seen) grow(sh *shard) {
	old := sh.blocks
	n := len(old) + max(1, len(old)/5)
	sh.blocks = make([]*block, n)
	for i := range sh.blocks {
		sh.blocks[i] = s.block()
	}
	sh.limit = n * blockSlots * 85 / 100
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
