// Package journal is an append-only file that survives: what [Journal.Append] has returned for is on disk, whatever
// happens to the machine, and a later reader can tell that it is what was written.
//
// Begin with [NewReader], which finds what is there, and [Continue], which appends behind it.
//
// Records follow each other by a hash: each carries one over itself and the record before, so that none can be
// changed, taken out or put in without being seen. How a record stands in the file is the business of a [Format];
// [Frames] is one for zstd files.
//
// # The end of the file
//
// [Reader] is the one reader, and its [Reader.End] the one rule about what may stand behind the last record that
// holds. A crash can leave records that were written and not synced, at most one for each writer that waits in
// Append. So where nobody was writing, nothing may stand there; where somebody was, at most as many records as
// there were writers, which [Continue] cuts off. More than that, and anything else, is a [DamageError], and the
// file is not touched. An error of reading is never taken for the end.
//
// The package knows bytes and disks. [Dir] is the other half of that: a folder whose files are written whole, and which
// one process at a time holds: begin with [OpenDir], [Dir.Lock] and [Dir.WriteFile].
package journal
