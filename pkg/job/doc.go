// Package job is the run: it takes a plan of who is to be deleted, deletes them through a client in chunks, records
// what became of each in the run's folder, and goes on where an earlier run stopped.
//
// Begin with [Claim], which holds a folder, [Folder.Adopt], which says what it is for, and [Job] with its Run method.
// [Reopen] gives a run as it lies on disk, so that its files can be made again, and [Verify] reads it as a stranger
// does.
//
// # The argument that nothing is lost
//
// A reader can check promise 4 (kill it at any instant: at most workers chunks are sent again, none is lost, the files
// add up) from five facts and their consequences.
//
//  1. Order. The plan numbers the chunks, and feedChunks begins them in that order, skipping those that are done.
//     There is no other place where a chunk begins.
//  2. Window. There are at most W slots. A chunk takes one before its first call and gives it back after its last row
//     is on disk, or when the job is ending and no new chunk starts any more.
//  3. Commit. A row counts only when write and fsync have returned (journal.Journal.Append). One that fails stops the
//     job, and every later row fails too.
//  4. run.json says that a run is open, and the largest W of any run on the folder. It is on disk before the first
//     call, and says that the run is closed only after every row is.
//  5. One at a time. The folder is locked before anything in it is read, and the audit with it.
//
// Suppose the machine dies. Let chunk n be one that was sent without all its rows on disk. When n took its slot
// every chunk before n was done or in a slot (1), and at most W-1 others were in slots (2). So n is among the first W
// chunks that are not done. Those W are the suspects, and they are all the next run needs to know; no intent has to be
// written before a call. A run that dies while it sends suspects leaves suspects that are again among the first
// max(W, W') chunks that are not done, for done chunks leave that list at the front and none enters behind its end.
//
// A suspect is sent again. Naming a user who is gone does no harm (docs/genauth-api.md, "Answers"). If the API then
// says "not found", that is what an earlier deletion looks like: the row says deleted and its message says why. For
// a chunk that is no suspect and had no attempt in doubt the same words mean absent.
//
// A run that ends in order (signal, limit, refusal) notes which chunks it left in doubt, so a trial run does not cast
// doubt on chunks it never sent. A run that ends because the audit failed, or was taken away, leaves run.json open, as
// a crash does.
//
// # The audit's end
//
// A slot has at most one row that is written and not yet durable, so at most W lines can follow the last row whose
// hash holds, and only while run.json says that a run is open (4). Then they are cut, aloud; their chunks are
// suspects. Anywhere else, and beyond W, what does not hold is damage, and so is an audit that lacks the row whose
// hash was the last when a run ended: every command refuses it and touches nothing. An error of reading is neither.
//
// What a dead process wrote and did not sync can be read and lost again when the power goes. So where a run is
// open, all that is left is written once more and synced before a row of it is trusted (journal.Continue). The
// backup and the restore's two files are journals too, and all of this holds for them.
//
// A full disk stops the job before it sends what could not be recorded: room for the rows of all slots is reserved
// before a chunk takes one.
//
// # What is sent is what was planned
//
// The input stays open from the first pass to the last, and every pass reads it up to the length it had then.
// Plan.Split compares each chunk's digest before it gives the chunk out, so a file rewritten in place stops the job at
// the first chunk that differs. Before each chunk the paths are looked at too: an input that was replaced or has grown
// stops the job, because the person who changed it should know, and so does an audit whose path no longer leads to the
// file that is written, because nobody would find the rows.
//
// What is no file, standard input or an object on a server, is copied into the folder before the first pass, and the
// copy is the input from then on. A run that goes on compares the object's ETag with the one in run.json (Fetch).
//
// # Looking first, backup and restore
//
// Where anybody asks who the users are (a backup, rules of package who, people protected by another kind of ID), a
// worker reads its chunk's users once before it sends their deletion, and has them on disk where that was asked for.
// Who was not found is not named: absent. Who is not whom the run is about is not named: spared. Who cannot be read is
// not named either: failed. A chunk that is sent again after a crash is read again: who is gone by then, and is in the
// backup, was deleted by the run that died. A reading that finds nobody is believed only if the same means find
// somebody who exists (client.Blind).
//
// Suspending is deleting with another call, and the same by all that stands here: what a call does to users, what
// reading says of that and what it is called is a value (change) which one engine sends, reads back and splits. Naming
// a user twice does no harm there either. Each is looked at first, since the call takes user_ids, and saved; a suspect
// who is suspended by now, and was saved as something else, was suspended by the run that died. That profile is kept:
// saved anew, it would say that there is nothing to set back.
//
// A [Restore] goes through the same chunks and places with an audit of its own and by the same argument, with one
// difference: naming a user twice in a creation may do harm. So nobody is created who was not looked for right before,
// the client does not repeat a creation in doubt, and after one everybody is looked for again. Those whom the API does
// not create, because they have no ID that lasts, are named in no creation. The new profiles are on disk before the
// audit says restored. Setting a status back may be repeated; nobody's is whose status has been changed since, which is
// told by the status and by when the API says that it was changed, noted in the audit's rows.
//
// # Doubt
//
// An attempt that ends without a clear answer (a timeout, a cut connection, a 5xx) may have deleted its users, and
// so may one that named several and was refused. The client repeats the first kind while attempts last. "Not found"
// afterwards means deleted. When attempts run out, get-user-batch is asked who still exists: the gone are deleted.
// The living are tried again where nobody answered, and failed where the API did. Only if reading cannot be had
// either are users unknown, and only if the API answers others meanwhile: an API that answers nobody stops the job
// and leaves the chunk for the next run.
package job
