// Package job is the run: it takes a plan of who is to be deleted, deletes them through a client in chunks, records
// what became of each in the run's folder, and goes on where an earlier run stopped.
//
// Begin with [Job] and its Run method; [Record] is a run as it lies on disk, for reports and verification.
//
// # The argument that nothing is lost
//
// A reader can check promise 4 (kill it at any instant: at most workers chunks are sent again, none is lost, the files
// add up) from four facts and their consequences.
//
//  1. Order. The plan numbers the chunks, and feedChunks hands them to the pool in that order, skipping those that are
//     settled. There is no other place where a chunk begins.
//  2. Window. The pool has at most W slots. A chunk takes a slot before its first call and gives it back after its last
//     row is on disk, or when the job is ending and no new chunk starts any more.
//  3. Commit. A row counts only when write and fsync have returned (report.Audit.Append). One that fails stops the job,
//     and every later row fails too.
//  4. run.json says the largest W of any run on the folder and that a run is open. It is on disk before the first call.
//
// Suppose the machine dies. Let chunk n be one that was sent without all its rows on disk. When n took its slot every
// chunk before n was settled or in a slot (1), and at most W-1 others were in slots (2). So at most W-1 chunks before n
// are unsettled: n is among the first W unsettled chunks. Those W are the suspects, and they are all the next run
// needs to know; no intent has to be written before a call. A run that dies while settling suspects leaves
// suspects that are again among the first max(W, W') unsettled ones, for settled chunks leave that list at the front and
// none enters behind its end.
//
// A suspect is sent again. Naming a user who is gone does no harm (docs/genauth-api.md, "Answers"). If the API then says
// "not found", that is what an earlier deletion looks like: the row says deleted and its message says why. For a chunk
// that is no suspect and had no attempt without an answer the same words mean absent.
//
// A run that ends in order (signal, limit, refusal) knows which chunks it left without a settled answer and notes just
// these, so a trial run does not cast doubt on chunks it never sent. A run that ends because the audit failed leaves
// run.json open, as a crash does.
//
// A full disk stops the job before it sends what could not be recorded: room for the rows of all slots is reserved
// before a chunk takes one.
//
// The audit's tail: a slot has at most one row that is written and not yet durable, so at most W physical lines can
// follow the last row whose hash holds. They are cut; their chunks are suspects. More than W is damage and is refused.
//
// # What is sent is what was planned
//
// The input stays open from the first pass to the last, and every pass reads it up to the length it had then. The plan
// keeps a digest of each chunk; Plan.Split compares it before it gives the chunk out, so a file rewritten in place stops
// the job at the first chunk that differs. Before each chunk the path is looked at too: a file that was replaced or has
// grown stops the job even though the bytes that would be sent are the old ones, because the person who changed it
// should know.
//
// What is no file, standard input or an object on a server, is copied into the folder before the first pass, and the copy is
// the input from then on: what becomes of the object cannot reach a run that has begun. A run that goes on compares the
// object's ETag with the one in run.json (Fetch).
//
// # Backup and restore
//
// With a backup, a worker reads its chunk's users and has them on disk before it sends their deletion; whoever cannot be read
// is not named in one. A chunk that is sent again after a crash is read again: who is gone by then is known from the first
// reading. A [Restore] goes through the same chunks and places with an audit of its own and by the same argument as above, with
// one difference: naming a user twice in a creation may do harm. So nobody is created who was not looked for right before,
// the client does not repeat a creation in doubt, and after one everybody is looked for again. Those who have no ID to look
// for are unknown then. The new profiles are on disk before the audit says restored.
//
// # Ambiguity
//
// An attempt that ends without a clear answer (a timeout, a cut connection, a 5xx) may have deleted its users. The
// client repeats it while attempts last. "Not found" afterwards means deleted. When attempts run out, get-user-batch is
// asked who still exists: the gone are deleted, the others failed. Only if that cannot be had either are users unknown,
// and only if the API answers others meanwhile: an API that answers nobody stops the job and leaves the chunk for the
// next run.
package job
