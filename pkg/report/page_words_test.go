package report

import (
	"slices"
	"strings"
	"testing"
)

// The guards, who approved and how, the reason, what looking up showed and the pool stand there for each run.
func TestPageSaysWhoRanItAndHow(t *testing.T) {
	run, s := madeUp(t, 1000, 0, true)
	before, after := 4000, 3000
	run.Runs = []Session{{By: "ana@ops", Approved: "typed", Workers: 1, Ended: &Ended{Reason: "the disk is full"},
		Guards: map[string]string{"max_deletes": "2%", "expect": "1000"}, Rate: "20", Reason: "CHG-1"},
		{By: "bob@ops", Approved: "--yes", Plan: &Approval{By: "eve@ops", SignedBy: "eve"}, Workers: 16, PoolBefore: &before,
			Sample: &Sample{Rows: 100, Exist: 99, Differ: map[string]int{"email": 2}}, Signer: "SHA256:abc",
			Ended: &Ended{PoolAfter: &after}}, {By: "eve@ops", Workers: 2}}
	text := strings.ReplaceAll(rendered(t, run, s), "\n", "")
	for _, want := range []string{"by ana@ops: CHG-1<br>approved by typing the number of users",
		"<code>--expect 1000</code> <code>--max-deletes 2%</code>", "at most 20 calls a second, 1 worker<br>",
		"UTC: the disk is full<", "by bob@ops<br>approved with --yes: nobody was asked; plan of eve@ops, signed by eve",
		"sealed with the key of SHA256:abc", "100 rows, 99 of them of users who exist; the email differs for 2<",
		"users in the pool: 4,000 before, 3,000 after<", "2 workers<br>has not ended, or died"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	run.Runs = slices.Repeat(run.Runs, 9)
	text = rendered(t, run, s)
	if strings.Count(text, "by ana@ops: CHG-1") != 7 || !strings.Contains(text, "And 7 more runs") {
		t.Error("not the first 20 of 27 runs are shown")
	}
}

// Reasons are words; codes stand beneath.
func TestPageGivesReasonsInWords(t *testing.T) {
	run, s := madeUp(t, 20_000, 0, false)
	text := strings.ReplaceAll(rendered(t, run, s), "\n", "")
	for _, want := range []string{
		`>No permission to delete this user<br><span class="muted small">failed: statusCode 403, apiCode 2209<`,
		`<td class="foreign">the same ID as in an earlier row<br><span class="muted small">duplicate<`,
		`<td class="foreign">not an ID of the type that was asked for<`,
		"<dd>1: done, but for what is said above</dd>",
		"20,020 rows: 20,000 accepted, 20 rejected, 7 of them invalid, 13 the same as an earlier one."} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	s.stats.Redacted, s.stats.FailedRows, s.stats.RejectedRows = true, nil, nil
	if text := rendered(t, run, s); strings.Contains(text, "failed.csv") || strings.Contains(text, "rejected.csv") ||
		!strings.Contains(text, "No permission") {
		t.Error("the page of a redacted folder points to what was erased, or says too little")
	}
	if text := rendered(t, run, s); text != rendered(t, run, s) {
		t.Error("the page differs from one time to the next")
	}
}

// A restore has the page too, in its own words.
func TestPageOfARestore(t *testing.T) {
	run, s := madeUp(t, 0, 0, true)
	run.Asked.Deed, s.Deed, run.Runs = Restore, Restore, []Session{{Approved: "typed"}}
	settle(s, &Row{Chunk: 1, Users: 3, Outcome: Restored, Attempts: 1})
	settle(s, &Row{Chunk: 1, Users: 2, Outcome: Failed, Attempts: 1, Message: "the phone is taken"})
	settle(s, &Row{Chunk: 1, Users: 1, Outcome: Unknown, Attempts: 1})
	s.Rows, s.Accepted = 6, 6
	text := rendered(t, run, s)
	for _, want := range []string{"Finished, but 3 of 6 users may still be missing.", "Every user of the backup, once",
		"6 users: 6 accepted.", "the phone is taken", "move this folder away and restore anew", "there again",
		"who is there by now is left as is"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, bad := range []string{"deleted", "rejected", "spared", "gone", "to delete"} {
		if _, body, _ := strings.Cut(text, "<body>"); strings.Contains(strings.ReplaceAll(body, `class="deleted"`, ""), bad) {
			t.Errorf("the page of a restore says %s", bad)
		}
	}
}

// A redacted folder's summary is what is left, and may be anybody's: shards that it names have no folder to be asked.
func TestPageOfARedactedFolderAsksNoShards(t *testing.T) {
	run, rows := threeRows()
	dir := ended(t, folder(t, run, rows...), run, 0)
	write(t, dir, SummaryName, `{"state":"finished","shards":[{"shard":"0/2"}]}`)
	_, differ, err := CompareRedacted(dir, run)
	if err != nil || len(differ) != 1 {
		t.Errorf("%v, %v", differ, err)
	}
}
