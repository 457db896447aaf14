package report

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"bulkdelete/internal/text"
)

//go:embed page.html
var pageHTML string

// page is what the template of report.html shows.
type page struct {
	*Summary
	*stats
	Run      *Run
	Sessions []session
	Dir      string // as a word of a shell's command line
	Class    string // of the verdict: good, fair or bad
	Verdict  string
	Words    deedWords
	Parts    []part
	Failures []part // by reason
	Refusals []part // by why rows were rejected
	Mercies  []part // by why users were spared
	Troubles []part // by what attempts in vain met
	Paces    []PaceChange
	Pauses   []pause
	Pace     template.HTML // drawn; "": there is too little

	MoreSessions, MorePaces, MorePauses int // than are shown

	// What overTime makes of the audit's rows.
	Working time.Duration // between the first call and the last answer without the pauses
	start   time.Time
	steps   []stretch // of working time
	pauses  []pause
	vain    int // attempts
}

// session is a run on the folder, or on a shard's.
type session struct {
	*Session
	Shard string
}

// part is some of the input's rows, or of the users in them.
type part struct {
	Name, Class, Meaning string
	Rows                 int
}

// renderPage makes report.html: one file that needs no other, no script and no network.
func renderPage(run *Run, s *Summary) ([]byte, error) {
	t, err := template.New(PageName).Funcs(template.FuncMap{
		"count": text.Count, "are": text.Are, "things": text.Things,
		"clock": clock, "plain": plain, "ids": shownIDs, "percent": percent, "span": span, "word": text.ShellWord,
		"ms":      func(f float64) string { return span(time.Duration(f * float64(time.Millisecond))) },
		"count64": func(n int64) string { return text.Count(int(n)) },
		"option": func(name, value string) string {
			flag := "--" + strings.ReplaceAll(name, "_", "-") + " "
			return flag + strings.ReplaceAll(value, "\n", " "+flag)
		},
	}).Parse(pageHTML)
	if err != nil {
		return nil, err
	}
	p := newPage(run, s)
	if p.Pace, err = p.drawPace(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err = t.Execute(&b, p); err == nil && run.Lang() == "zh" {
		return besideEnglish(b.Bytes()), nil
	}
	return b.Bytes(), err
}

func newPage(run *Run, s *Summary) *page {
	p := &page{Summary: s, stats: &s.stats, Run: run, Dir: ".", Words: s.Deed.words(),
		Parts: parts(s), Failures: kinds(s.FailedBy, s.stats.said), Refusals: kinds(s.RejectedBy, rejections()),
		Mercies: kinds(s.SparedBy, nil), Troubles: kinds(s.stats.troubles, nil)}
	p.overTime()
	if last := run.Last(); last != nil {
		p.Dir = text.ShellWord(last.Dir)
	}
	p.Class, p.Verdict = verdict(s)
	runs := []Shard{{Run: run}}
	if len(s.Shards) > 0 {
		runs = s.Shards
	}
	for _, shard := range runs {
		for i := range shard.Run.Runs {
			p.Sessions = append(p.Sessions, session{&shard.Run.Runs[i], shard.Name})
			p.Paces = append(p.Paces, shard.Run.Runs[i].Paces...)
		}
	}
	slices.SortStableFunc(p.Paces, func(a, b PaceChange) int { return a.At.Compare(b.At) })
	same := func(a, b PaceChange) bool { return a.At.Equal(b.At) } // a run keeps what was asked of the one before
	p.Paces = slices.CompactFunc(p.Paces, same)
	p.Sessions, p.MoreSessions = some(p.Sessions)
	p.Paces, p.MorePaces = some(p.Paces)
	p.Pauses, p.MorePauses = some(p.pauses)
	return p
}

// some are the first of what the page shows no more of.
func some[T any](all []T) (shown []T, more int) {
	const most = 20
	n := min(len(all), most)
	return all[:n], len(all) - n
}

// done is what was done to all users.
func done(s *Summary, word string) string {
	did, besides := s.Accepted-s.Spared, ""
	if s.Deed == Suspend && s.Absent > 0 { // who does not exist is gone, and not suspended
		did, besides = did-s.Absent, ", "+text.Count(s.Absent)+" absent"
	}
	switch {
	case s.Spared > 0 && s.Spared == s.Accepted:
		return text.Are(s.Spared, "user") + " spared, none is " + word
	case s.Spared > 0:
		besides += ", " + text.Count(s.Spared) + " spared"
	}
	return text.Are(did, "user") + " " + word + besides
}

// verdict is what happened, in one sentence.
func verdict(s *Summary) (class, sentence string) {
	w := s.Deed.words()
	open, done := s.Failed+s.Unknown, done(s, w.done)
	switch {
	case s.State == unfinished:
		class = "bad"
		if s.ExitCode == 5 { // stopped as asked
			class = "fair"
		}
		return class, fmt.Sprintf("Unfinished: %s of %s done, %s still to come.",
			text.Count(s.Accepted-s.Remaining), text.Things(s.Accepted, "user"), text.Count(s.Remaining))
	case open > 0:
		return "bad", fmt.Sprintf("Finished, but %s of %s may still %s.",
			text.Count(open), text.Things(s.Accepted, "user"), w.undone)
	case s.Accepted == 0 && s.Invalid > 0:
		return "fair", fmt.Sprintf("Finished: nothing was sent, and %s invalid.", text.Are(s.Invalid, "input row"))
	case s.Accepted == 0:
		return "good", fmt.Sprintf("Finished: there was no user to %s.", cmp.Or(s.Deed, Delete))
	case s.Invalid > 0:
		return "fair", fmt.Sprintf("Finished: %s, but %s invalid, so never sent.", done, text.Are(s.Invalid, "input row"))
	case s.Mismatched > 0:
		return "fair", fmt.Sprintf("Finished: %s, %s of them because the list describes somebody else.",
			done, text.Count(s.Mismatched))
	case s.NotSaved > 0:
		missing := text.Are(s.NotSaved, "more user")
		return "fair", fmt.Sprintf("Finished: %s, but %s not in the backup.", done, missing)
	}
	return "good", fmt.Sprintf("Finished: %s.", done)
}

// parts are the sets that every input row stands in exactly one of.
func parts(s *Summary) (all []part) {
	for _, o := range outcomes {
		if o.deeds == nil || slices.Contains(o.deeds, cmp.Or(s.Deed, Delete)) {
			all = append(all, part{string(o.Outcome), o.class, o.meaning, *s.of(o.Outcome)})
		}
	}
	all = append(all, part{"remaining", "remaining", "their turn has not come", s.Remaining})
	if !s.Deed.Undoes() {
		all = append(all, part{"rejected", "rejected", "never sent", s.Rejected})
	}
	return all
}

// kinds are reasons in words, the most frequent first, and beneath them what summary.json calls them.
func kinds(by map[string]int, words map[string]string) (all []part) {
	for name, n := range by {
		p := part{Name: name, Rows: n}
		if words[name] != "" {
			p.Name, p.Meaning = words[name], name
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b part) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Meaning, b.Meaning))
	})
	return all
}

// rejections are the classes of rejected rows in words.
func rejections() map[string]string {
	return map[string]string{
		"empty": "no ID in the row", "type": "not an ID of the type that was asked for",
		"spreadsheet": "an ID that a spreadsheet has changed", "control": "invisible characters inside the ID",
		"columns": "too few or too many columns", "no_user": "no user: a sum, a comment, the header again",
		"duplicate": "the same ID as in an earlier row", "protected": "a person whom --protect names",
	}
}

// Took is how long the work took and how fast it was, if that was long enough to tell.
func (p *page) Took() string {
	pace := float64(p.Accepted-p.Remaining) / p.Working.Seconds()
	switch {
	case p.Working < time.Second:
		return "less than a second"
	case pace < 100:
		return fmt.Sprintf("%s, %.1f users a second", span(p.Working), pace)
	}
	return fmt.Sprintf("%s, %s users a second", span(p.Working), text.Count(int(pace+0.5)))
}

// percent is a share for people: 0.1% is not nothing, and 99.99% is not all.
func percent(n, of int) string {
	switch share := 100 * float64(n) / float64(max(of, 1)); {
	case n == 0 || n == of:
		return strconv.Itoa(int(share)) + "%"
	case share < 0.1:
		return "< 0.1%"
	case share > 99.9:
		return "> 99.9%"
	default:
		return strconv.FormatFloat(share, 'f', 1, 64) + "%"
	}
}

// span writes how long something took, in two units at the most.
func span(d time.Duration) string {
	for _, u := range []struct {
		big, small time.Duration
		names      [2]string
	}{
		{24 * time.Hour, time.Hour, [2]string{"d", "h"}},
		{time.Hour, time.Minute, [2]string{"h", "min"}},
		{time.Minute, time.Second, [2]string{"min", "s"}},
	} {
		if d < u.big {
			continue
		}
		s := fmt.Sprintf("%d %s", d/u.big, u.names[0])
		if rest := d % u.big / u.small; rest > 0 {
			s += fmt.Sprintf(" %d %s", rest, u.names[1])
		}
		return s
	}
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return strconv.FormatFloat(d.Truncate(100*time.Millisecond).Seconds(), 'f', -1, 64) + " s"
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// maxShown bounds foreign text on the page, in runes.
const maxShown = 4000

// plain makes invisible characters of foreign text visible, so that nothing on the page can pass for something else: a
// character that turns the reading direction around can make one ID look like another. Escaping is the template's.
func plain(s string) string {
	var b strings.Builder
	for _, r := range text.Shorten(s, maxShown) {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// shownIDs are a row's request IDs, or the first and the last few of very many.
func shownIDs(all []string) (shown []string) {
	const head, tail = 2, 6
	for i, id := range all {
		switch {
		case i < head || i >= len(all)-tail:
			shown = append(shown, text.Shorten(id, maxShownID))
		case i == head:
			shown = append(shown, fmt.Sprintf("(%s more in %s)", text.Count(len(all)-head-tail), AuditName))
		}
	}
	return shown
}
