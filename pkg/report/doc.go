// Package report is a run's folder: what was asked, the audit that a run writes, and everything that is made from
// these.
//
// audit.csv is the truth. [OpenAudit] reads what is there and goes on; [Audit.Append] returns when a row is on
// disk, and not before. It is a journal: each row carries a hash over itself and the row before, so that no row can
// be changed, taken out or put in without being seen, and the first row follows what was asked ([Run.Seed]). To
// check that without this program takes a few lines:
//
//	import csv, hashlib, json
//	asked = json.load(open("run.json"))["asked"]
//	text = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
//	last = hashlib.sha256(text.encode()).hexdigest()
//	for row in csv.reader(open("audit.csv", newline="")):
//	    if row[0] == "chunk": continue
//	    last = hashlib.sha256("".join(f + "\n" for f in [last] + row[:-1]).encode()).hexdigest()
//	    assert last == row[-1], row
//
// [Write] makes deleted.csv, failed.csv, rejected.csv, remaining.csv, summary.json and report.html from the input's
// rows, the audit and run.json alone, so they can always be made again, and [Compare] says which of them are not
// what they should be. [WriteSeal] ends a run: it names every file with its hash. [Backup] keeps the profiles of
// users, in a journal too.
//
// A chain of hashes shows that rows were changed, not that a whole audit was made up: keep the last row's hash, which
// the summary and the page show, somewhere else.
package report
