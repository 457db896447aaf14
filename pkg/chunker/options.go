package chunker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// MaxChunk is the most users that one call may name (docs/genauth-api.md, "Endpoints").
const MaxChunk = 50

// blockRows is how many accepted rows at least share one digest. A later pass holds back that many until they are found
// unchanged; one digest takes 16 bytes of the plan.
const blockRows = 50

const delimiters = ",;\t|"

// Options say how an input is read and which of its rows may be deleted. The zero value is what most files need.
type Options struct {
	Column     string   // the ID's column: a header, or a 1-based number; "": found
	IDType     string   // "": UserID
	Delimiter  rune     // ',', ';', '\t' or '|'; 0: found
	Encoding   string   // utf-8, utf-16, gbk or gb18030; "": utf-8. A byte order mark beats it
	NoHeader   bool     // the first row is data
	NoValidate bool     // accept IDs that do not look like their type
	Protect    []string // IDs that are never accepted, in whatever spelling, as List reads them
	WholeRows  bool     // the digests cover whole rows, and chunks bring them along
	ChunkSize  int      // 1 to MaxChunk; 0: MaxChunk
	Shard      int      // which part of the input is planned for, from 0
	Shards     int      // how many parts there are; 0: 1, which is all of it. See Plan
}

// Validate says what is wrong with the options, if anything.
func (o Options) Validate() error {
	o = o.filled()
	if typeOf(o.IDType).name == "" {
		var names []string
		for _, t := range idTypes {
			names = append(names, t.name)
		}
		return fmt.Errorf("there is no ID type %q: give one of %s", o.IDType, strings.Join(names, ", "))
	}
	if o.Delimiter != 0 && !strings.ContainsRune(delimiters, o.Delimiter) {
		return fmt.Errorf("%q cannot be the delimiter: give comma, semicolon, tab or pipe", o.Delimiter)
	}
	if !slices.Contains([]string{"", "utf-8", "utf-16", "gbk", "gb18030"}, o.Encoding) {
		return fmt.Errorf("there is no encoding %q: give utf-8, utf-16, gbk or gb18030", o.Encoding)
	}
	if o.ChunkSize < 1 || o.ChunkSize > MaxChunk {
		return fmt.Errorf("a chunk of %d users cannot be sent: give 1 to %d", o.ChunkSize, MaxChunk)
	}
	if o.Shards < 1 || o.Shard < 0 || o.Shard >= o.Shards {
		return fmt.Errorf("there is no shard %d/%d: they are counted from 0, so give 0/%[2]d to %d/%[2]d",
			o.Shard, o.Shards, max(0, o.Shards-1))
	}
	return nil
}

// filled gives the options with their defaults.
func (o Options) filled() Options {
	o.IDType, o.ChunkSize = cmp.Or(o.IDType, UserID), cmp.Or(o.ChunkSize, MaxChunk)
	if o.Shard == 0 {
		o.Shards = cmp.Or(o.Shards, 1)
	}
	return o
}

// blockSize is how many accepted rows share a digest: those of whole chunks.
func (o *Options) blockSize() int { return (blockRows + o.ChunkSize - 1) / o.ChunkSize * o.ChunkSize }
