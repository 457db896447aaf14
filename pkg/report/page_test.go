package report

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"bulkdelete/internal/text"
)

const hostile = `<script>alert("1")</script>' onload='x <!-- &` + "\u2028\u202e\x00\xff"

// rendered is the page of a run.
func rendered(t *testing.T, run *Run, s *Summary) string {
	t.Helper()
	b, err := renderPage(run, s)
	must(t, err)
	return string(b)
}

// foreign makes a run in which every text that is not bulkdelete's own is text.
func foreign(t *testing.T, text string) string {
	t.Helper()
	run, s := madeUp(t, 20_000, 400, false)
	s.Input.Name, s.Input.Path, s.Input.SHA256 = text, text, text
	s.Host, s.UserPool, s.IDType, s.Program, s.Reason, s.Resume, s.LastRowHash = text, text, text, text, text, text, text
	run.Asked.Options = map[string]string{text: text}
	run.Asked.At, run.Asked.By, run.Asked.Reason = text, text, text
	s.FailedBy, s.RejectedBy, s.SparedBy = map[string]int{text: 3}, map[string]int{text: 4}, map[string]int{text: 5}
	s.stats.said, s.stats.troubles = map[string]string{text: text}, map[string]int{text: 6}
	s.stats.FailedRows, s.stats.RejectedRows = nil, nil
	fail(s, Line{Line: 2, ID: []byte(text)}, &Row{Outcome: Failed, Message: text})
	s.reject(Line{Line: 3, ID: []byte(text), Code: text, Reason: text})
	s.stats.Attention = []Row{{Outcome: Outcome(text), Message: text, RequestIDs: []string{text}}}
	*run.Last() = Session{Dir: text, By: text, Approved: text, Signer: text, Reason: text, Rate: text,
		Plan: &Approval{By: text, SignedBy: text}, Guards: map[string]string{text: text}, WorkDir: "/",
		Sample: &Sample{Differ: map[string]int{text: 7}}, Paces: []PaceChange{{By: text, Rate: text}},
		Ended: &Ended{Reason: text}}
	return rendered(t, run, s)
}

func TestPageEscapesForeignText(t *testing.T) {
	harmless, attacked := foreign(t, "x"), foreign(t, hostile)
	for _, bad := range []string{"<script", "<!-- &", "\u2028", "\u202e", "\x00", "\xff", `"1"`} {
		if strings.Contains(attacked, bad) {
			t.Errorf("the page holds %q as it came", bad)
		}
	}
	for _, mark := range []string{"<", ">", `"`} {
		if h, a := strings.Count(harmless, mark), strings.Count(attacked, mark); h != a {
			t.Errorf("foreign text changed how often %s stands on the page, from %d to %d", mark, h, a)
		}
	}
	// Of the input 3; host, pool, type, option twice, program, reason, command, last hash and folder twice; by kind:
	// failed twice, rejected, spared and troubles; two samples of ID and reason; of a chunk 3; when it was asked, by whom
	// and why; of a run 9 and two of its guard; two of a change of pace.
	if n := strings.Count(attacked, "&lt;script&gt;"); n != 42 {
		t.Errorf("%d foreign texts are shown, 42 were given", n)
	}
	if !strings.Contains(attacked, `\u2028\u202e\u0000`) {
		t.Error("invisible characters are not made visible")
	}
}

func TestPageShowsEveryCountOfTheSummary(t *testing.T) {
	run, s := madeUp(t, 1000, 0, false)
	var want []string
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		f, n := v.Field(i), 10_007+1_111*i
		switch v.Type().Field(i).Name {
		case "Schema": // of the file summary.json
		case "Suspended", "Restored", "Exists", "NotSaved": // of other deeds
		case "ExitCode":
			f.SetInt(77)
			want = append(want, "<dd>77</dd>")
		default:
			if f.Kind() == reflect.Int {
				f.SetInt(int64(n))
				want = append(want, text.Count(n))
			}
		}
	}
	s.RejectedBy, s.FailedBy = map[string]int{"spreadsheet": 90_001,
		"duplicate": 90_002}, map[string]int{"failed: statusCode 403": 90_003, "other": 90_004}
	ms := &s.LatencyMS
	ms.P50, ms.P90, ms.P99, ms.Max = 101, 202, 303, 404
	want = append(want, "90,001", "90,002", "failed: statusCode 403", "90,003", "other", "90,004",
		"101 ms", "202 ms", "303 ms", "404 ms",
		s.Input.Name, s.Input.Path, s.Input.SHA256, s.Host, s.UserPool, s.IDType, s.Program, s.LastRowHash, clock(*s.StartedAt), clock(*s.EndedAt),
		"--column userId", "bulkdelete verify &#39;my leavers.bulkdelete&#39;")
	run.Last().Dir = "my leavers.bulkdelete"
	b, err := renderPage(run, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if !strings.Contains(string(b), w) {
			t.Errorf("the page lacks %s", w)
		}
	}
}

func TestPageSaysWhatHappenedInOneSentence(t *testing.T) {
	for _, c := range []struct {
		s     Summary
		class string
		want  string
	}{
		{Summary{State: finished, Accepted: 1_000_000, Deleted: 999_000, Absent: 1000}, "good",
			"Finished: 1,000,000 users are gone."},
		{Summary{State: finished, Accepted: 1, Deleted: 1, Duplicates: 4, Rejected: 4}, "good", "Finished: 1 user is gone."},
		{Summary{State: finished, Accepted: 50, Deleted: 48, Spared: 2}, "good", "Finished: 48 users are gone, 2 spared."},
		{Summary{State: finished, Accepted: 50, Spared: 50}, "good", "Finished: 50 users are spared, none is gone."},
		{Summary{State: finished}, "good", "Finished: there was no user to delete."},
		{Summary{State: finished, Accepted: 50, Deleted: 50, Invalid: 1}, "fair",
			"Finished: 50 users are gone, but 1 input row is invalid, so never sent."},
		{Summary{State: finished, Invalid: 3}, "fair", "Finished: nothing was sent, and 3 input rows are invalid."},
		{Summary{State: finished, Accepted: 5000, Deleted: 4990, Failed: 7, Unknown: 3, Invalid: 1}, "bad",
			"Finished, but 10 of 5,000 users may still exist."},
		{Summary{State: unfinished, Accepted: 5000, Deleted: 1000, Failed: 7, Remaining: 3993}, "bad",
			"Unfinished: 1,007 of 5,000 users done, 3,993 still to come."},
		{Summary{State: unfinished, ExitCode: 5, Accepted: 300, Deleted: 50, Remaining: 250}, "fair",
			"Unfinished: 50 of 300 users done, 250 still to come."},
		{Summary{Deed: Suspend, State: finished, Accepted: 60, Suspended: 50, Absent: 7, Spared: 3}, "good",
			"Finished: 50 users are suspended, 7 absent, 3 spared."},
		{Summary{Deed: Suspend, State: finished, Accepted: 50, Suspended: 48, Failed: 2}, "bad",
			"Finished, but 2 of 50 users may still log in."},
		{Summary{Deed: Suspend, State: finished}, "good", "Finished: there was no user to suspend."},
		{Summary{Deed: Reinstate, State: finished, Accepted: 50, Restored: 48, Exists: 2}, "good",
			"Finished: 50 users are no longer suspended by the run."},
	} {
		if class, got := verdict(&c.s); class != c.class || got != c.want {
			t.Errorf("got %s, %q; want %s, %q", class, got, c.class, c.want)
		}
		if zh := chineseVerdict(c.want); regexp.MustCompile(`[A-Za-z.]`).MatchString(zh) {
			t.Errorf("%s is not all in Chinese: %s", c.want, zh)
		}
	}
}

func TestPageSaysHowToGoOn(t *testing.T) {
	run, s := madeUp(t, 1000, 400, true)
	for _, c := range []struct{ dir, resume, want string }{
		{"", "bulkdelete run a.csv --yes", "<pre>bulkdelete run a.csv --yes</pre>"},
		{"/data/my lists", "bulkdelete run a.csv", "<pre>cd &#39;/data/my lists&#39; &amp;&amp; bulkdelete run a.csv</pre>"},
		{"/data", "", "Run the same command again"}} {
		s.Resume, run.Last().WorkDir = c.resume, c.dir
		want := c.want
		b, err := renderPage(run, s)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range []string{want, "Why it stopped: stopped by --max-duration"} {
			if !strings.Contains(string(b), w) {
				t.Errorf("the page of an unfinished run lacks %q", w)
			}
		}
	}
}

func TestPageNeedsNothingFromElsewhere(t *testing.T) {
	run, s := madeUp(t, 1000, 0, false)
	s.Host = "sandbox"
	text := strings.ToLower(rendered(t, run, s))
	for _, bad := range []string{"://", "<script", "<link", "<img", "<iframe", "<image", "src=", "href", "url(",
		"@import", "refresh", "javascript:", "<?xml"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	for _, good := range []string{`content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"`, "rehearsal"} {
		if !strings.Contains(text, good) {
			t.Errorf("the page lacks %q", good)
		}
	}
	if svg := strings.Count(text, "<svg"); svg != 2 || strings.Count(text, "</svg>") != svg ||
		strings.Count(text, "<g") != strings.Count(text, "</g>") {
		t.Errorf("%d drawings, want one in two sizes, each whole", svg)
	}
	for _, part := range strings.Split(text, "<svg")[1:] {
		drawing, _, _ := strings.Cut(part, "</svg>")
		if strings.Contains(drawing, "#") || strings.Contains(drawing, "style") {
			t.Error("a drawing has colours that the dark page cannot change")
		}
		if !strings.Contains(drawing, "<title>") || !strings.Contains(drawing, "<desc>") {
			t.Error("a drawing says nothing to those who cannot see it")
		}
	}
}

func TestPageOfAnEmptyRun(t *testing.T) {
	run, s := madeUp(t, 0, 0, true)
	if text := rendered(t, run, s); strings.Contains(text, "<svg") || !strings.Contains(text, "The audit has no row") {
		t.Error("the page shows what never was")
	}
}

func TestPageSizeIsBounded(t *testing.T) {
	size := func(run *Run, s *Summary) int {
		b, err := renderPage(run, s)
		if err != nil {
			t.Fatal(err)
		}
		return len(b)
	}
	if n := size(madeUp(t, 1_000_000, 0, false)); n > 100<<10 {
		t.Errorf("the page of 1,000,000 users has %d bytes", n)
	}
	run, s := madeUp(t, 1000, 0, false)
	long := strings.Repeat(`<"&`, 400_000)
	for i := range 10_000 {
		r := Row{Chunk: i + 1, Users: 1, Outcome: Failed, APICode: i, Attempts: 100 + i, Duration: time.Hour,
			StartedAt: time.Unix(0, 0), Message: fmt.Sprint(i, long[:1500])}
		for range 1000 {
			r.RequestIDs = append(r.RequestIDs, long)
		}
		settle(s, &r)
		fail(s, Line{Line: i, ID: []byte(long)}, &r)
	}
	s.Reason, s.Input.Name, s.State = long, long, unfinished
	if n := size(run, s); n > 1<<20 {
		t.Errorf("the page of an API that answers anything has %d bytes", n)
	}
}

func TestPageIsForItsOwnerAloneAndReplacedWhole(t *testing.T) {
	dir := openDir(t, t.TempDir())
	must(t, os.WriteFile(dir.Name(PageName), []byte("an older page"), 0o644))
	run, s := madeUp(t, 100, 0, true)
	page, err := renderPage(run, s)
	must(t, err)
	must(t, (&files{dir: dir}).writeWhole(PageName, page))
	info, err := os.Stat(dir.Name(PageName))
	must(t, err)
	text := read(t, dir, PageName)
	if info.Mode() != 0o600 || !strings.HasPrefix(text, "<!DOCTYPE html>") || !strings.HasSuffix(text, "</html>\n") {
		t.Errorf("mode %v, %d bytes that begin %.20q", info.Mode(), len(text), text)
	}
	must(t, os.Remove(dir.Name(PageName)))
	must(t, os.Mkdir(dir.Name(PageName), 0o700))
	if err := (&files{dir: dir}).writeWhole(PageName, page); err == nil {
		t.Error("a page that cannot be written is no error")
	}
}

// One table has the chunks that needed attention, those whose users may still be there first, each once.
func TestChunksThatNeededAttention(t *testing.T) {
	_, clean := madeUp(t, 50_000, 0, true)
	if n := len(clean.stats.Attention); n != 0 {
		t.Errorf("%d chunks needed attention when all went well", n)
	}
	var s stats
	for i := range 100 {
		r := Row{Chunk: i + 1, Outcome: Deleted, Attempts: 1 + i%50, Duration: time.Hour, Message: ReadBack}
		if i%2 == 1 {
			r.Duration, r.Message = time.Duration(i), OnTheWay(map[string]int{"throttled (429)": i % 50})
		}
		s.add(&r)
	}
	s.add(&Row{Chunk: 20, Outcome: Deleted, Attempts: 1, Message: "not found after an earlier attempt: taken for deleted"})
	s.add(&Row{Chunk: 7, Outcome: Unknown, Attempts: 1})
	s.add(&Row{Chunk: 9, Outcome: Failed, Attempts: 2})
	s.add(&Row{Chunk: 9, Outcome: Deleted, Attempts: 3, Message: OnTheWay(map[string]int{Split: 1})})
	s.add(&Row{Chunk: 11, Outcome: Absent, Attempts: 90, Message: "not among the users that exist"})
	got := []int{}
	for _, r := range s.Attention {
		got = append(got, r.Chunk)
	}
	if want := []int{9, 7, 100, 50, 98, 48, 96, 46, 94, 44}; !reflect.DeepEqual(got, want) {
		t.Errorf("the chunks that needed attention are %v, want %v", got, want)
	}
}

// What happened to a chunk is told apart in words, as is what happened in all. Parts of a chunk share what was before.
func TestPageSaysWhatHappenedToChunks(t *testing.T) {
	run, s := madeUp(t, 1000, 0, true)
	for _, r := range []Row{
		{Chunk: 21, Users: 50, Outcome: Deleted, Attempts: 3, Duration: 2 * time.Second, FirstLine: 1002, LastLine: 1051,
			Message: OnTheWay(map[string]int{"throttled (429)": 1, "server failed (503)": 1}), RequestIDs: []string{"r-1"}},
		{Chunk: 22, Users: 25, Outcome: Deleted, Attempts: 2,
			Message: OnTheWay(map[string]int{"no answer in time (timeout)": 2, Split: 1})},
		{Chunk: 22, Users: 25, Outcome: Unknown, Attempts: 4, Message: "still there when read back; " +
			OnTheWay(map[string]int{"no answer in time (timeout)": 3, Split: 1})},
		{Chunk: 23, Users: 50, Outcome: Deleted, Attempts: 1, Message: "taken for deleted by an earlier attempt"},
		{Chunk: 24, Users: 50, Outcome: Deleted, Attempts: 1, Message: ReadBack},
		{Chunk: 25, Users: 50, Outcome: Absent, Attempts: 1, Message: "not among the users that exist"},
	} {
		settle(s, &r)
	}
	text := rendered(t, run, s)
	if strings.Contains(text, "<b>"+ReadBack) || strings.Contains(text, "not among the users") {
		t.Error("attention is asked for what went as usual")
	}
	for _, want := range []string{"Chunks that needed attention", ">1002–1051<", "<code>r-1</code>", ">taken for deleted by",
		">50 deleted<", ">on the way: 1x server failed (503), 1x throttled (429)<", "no answer carried a request ID",
		">25 unknown<", ">still there when read back; on the way: 3x no answer in time (timeout), 1x split in two<",
		"Attempts in vain: 3 no answer in time (timeout), 1 server failed (503), 1 throttled (429)."} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if run, s := madeUp(t, 1000, 0, true); strings.Contains(rendered(t, run, s), "needed attention") {
		t.Error("a table of chunks stands there when all went well")
	}
}

// The verdict comes first, then the proof, then the numbers, then what they are made of.
func TestPageBeginsWithWhatMatters(t *testing.T) {
	run, s := madeUp(t, 20_000, 400, false)
	text, at := rendered(t, run, s), 0
	for _, want := range []string{"<h1>Unfinished", "Why it stopped", "<h2>The proof", s.LastRowHash,
		"<h2>Every row of the input", "<h2>Failed and unknown", "<h2>Rejected", "<h2>What was asked", "<h2>Who ran it",
		"<h2>Pace", "<h2>Chunks that needed", "<footer>"} {
		next := strings.Index(text[at:], want)
		if next < 0 {
			t.Fatalf("%s does not follow", want)
		}
		at += next
	}
}

func TestSamplesShowEveryKind(t *testing.T) {
	var s stats
	for i := range 1000 {
		s.addSample(&s.RejectedRows, Line{Line: i, Code: "duplicate", Reason: fmt.Sprint("as line ", i)})
	}
	s.addSample(&s.RejectedRows, Line{Line: 1000, Code: "type", Reason: "not a user_id"})
	if n := len(s.RejectedRows); n != samplesOfKind+1 || s.RejectedRows[n-1].Line != 1000 {
		t.Errorf("%d rows are kept, the last one line %d", n, s.RejectedRows[n-1].Line)
	}
	var shown []Line
	for i, kind := range []string{"b", "a", "b"} {
		s.addSample(&shown, Line{Line: i + 1, Code: kind, Reason: "why"})
	}
	if shown[0].Line != 1 || shown[1].Line != 3 || shown[2].Line != 2 {
		t.Errorf("rows of one kind do not stand together: %v", shown)
	}
}

func TestNumbersForPeople(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 ms", 999 * time.Millisecond: "999 ms", time.Second: "1 s",
		59_990 * time.Millisecond: "59.9 s", time.Minute: "1 min",
		61 * time.Second: "1 min 1 s", 3599 * time.Second: "59 min 59 s", 90 * time.Minute: "1 h 30 min", 49 * time.Hour: "2 d 1 h"} {
		if got := span(d); got != want {
			t.Errorf("%v is written %s, want %s", time.Duration(d), got, want)
		}
	}
	for _, c := range []struct {
		n, of int
		want  string
	}{{0, 0, "0%"}, {0, 9, "0%"}, {9, 9, "100%"}, {1, 10_000, "< 0.1%"}, {9999, 10_000, "> 99.9%"}, {1, 8, "12.5%"}} {
		if got := percent(c.n, c.of); got != c.want {
			t.Errorf("%d of %d is written %s, want %s", c.n, c.of, got, c.want)
		}
	}
}
