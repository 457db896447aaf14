// Package report is a run's folder: the audit that a run writes, and everything that is made from it.
//
// audit.csv is the truth. [OpenAudit] reads what is there and goes on; [Audit.Append] returns when a row is on disk, and
// not before. Each row carries a hash over itself and the row before, so that no row can be changed, taken out or put in
// without being seen ([ReadAudit]). Whoever wants to check that without this program needs a few lines:
//
//	import csv, hashlib, json
//	last = json.load(open("run.json"))["input"]["sha256"]
//	for row in csv.reader(open("audit.csv", newline="")):
//	    if row[0] == "chunk": continue
//	    last = hashlib.sha256("".join(f + "\n" for f in [last] + row[:-1]).encode()).hexdigest()
//	    assert last == row[-1], row
//
// [Write] makes deleted.csv, failed.csv, rejected.csv, remaining.csv, summary.json and report.html from the input's rows
// and the audit, so they can always be made again. run.json ([Run]) holds what was asked and what a run that goes on has
// to know; [Lock] keeps two runs from working on one folder.
//
// A chain of hashes shows that rows were changed, not that a whole audit was made up: keep the last row's hash, which
// the summary and the page show, somewhere else.
package report
