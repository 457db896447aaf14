package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	eastasian "golang.org/x/text/width"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/who"
)

// meet counts a row whose ID is on a list.
func (d *deletion) meet(lists map[string]string, id []byte) {
	if len(lists) == 0 {
		return
	}
	for _, spelling := range who.Spellings(d.chunks.IDType, string(id)) {
		if name, ok := lists[spelling]; ok {
			d.met[name]++
			return
		}
	}
}

// lookAtPool finds out who some of the users are before anybody is asked to confirm: those on the lists of --protect
// that name them by another kind of ID, and a sample of those to be deleted. It refuses what is plainly a list of other
// people.
func (d *deletion) lookAtPool(ctx context.Context) (err error) {
	defer d.console.whileSlow("asking the pool who some of the users are, before anything is sent")()
	if n, err := d.client.CountUsers(ctx); err == nil {
		d.poolUsers = &n
	} else if d.uncounted = err; ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if d.Protection.LooksUp(d.chunks.IDType) {
		if err := d.Protection.LookUp(ctx, d.client, d.chunks.IDType); err != nil {
			return unreadable(ctx, err)
		}
		if err := d.meetLooked(); err != nil {
			return err
		}
	}
	rows, err := job.SampleRows(d.Plan, d.Input.Reader(), d.sample, d.settled)
	if err != nil {
		return job.Fail(job.Usage, "nothing was sent", "%s: %w", d.Input.Name, err)
	}
	if len(rows) == 0 {
		return nil
	}
	d.looked, err = job.TakeSample(ctx, d.client, d.Plan, rows)
	if err != nil {
		return d.blind(ctx, err)
	}
	return d.judgeSample()
}

// meetLooked counts the rows that name somebody who was looked up.
func (d *deletion) meetLooked() error {
	lists := d.Protection.Spelled(d.chunks.IDType, true)
	if len(lists) == 0 {
		return nil
	}
	for chunk, err := range d.Plan.Split(d.Input.Reader()) {
		if err != nil {
			return job.Fail(job.Usage, "nothing was sent", "%s: %w", d.Input.Name, err)
		}
		for _, id := range chunk.IDs {
			d.meet(lists, []byte(id))
		}
	}
	return nil
}

// blind says what a run does whose key may not read users. One that has to look at each of them is refused; any other
// one is, where nobody can be told.
func (d *deletion) blind(ctx context.Context, err error) error {
	needed := d.readsFirst() || d.Protection.LooksUp(d.chunks.IDType)
	refused := slices.ContainsFunc([]client.Kind{client.Credentials, client.Payment, client.Unsupported, client.Refused,
		client.NotFound, client.Blind}, func(kind client.Kind) bool { return errors.Is(err, kind) })
	if needed || ctx.Err() != nil || !refused {
		return unreadable(ctx, err)
	}
	if !d.console.terminal {
		return job.Fail(job.Guard, "allow the access key to read users, or give --sample 0 to do without",
			"nobody can look at who is about to be %s: %w", d.deed().Past(), err)
	}
	d.unlooked = err.Error()
	return nil
}

func unreadable(ctx context.Context, err error) error {
	return unasked(ctx, err, "the users cannot be looked at", "check that the access key may read users")
}

// judgeSample refuses a list in which a column describes other people than the IDs name, unless --match looks at that
// column of each row.
func (d *deletion) judgeSample() error {
	rules, err := job.Rules(d.want.Asked, d.Plan)
	if err != nil {
		return err
	}
	for _, c := range d.looked.Columns {
		named := slices.ContainsFunc(rules.Match, func(m who.Match) bool { return m.Column == c.Column })
		if named || !d.looked.Disagree(c) {
			continue
		}
		if err := d.showSampleOnly(); err != nil {
			return err
		}
		return job.Fail(job.Guard, fmt.Sprintf("compare the list with its source: a sorted column names other people.\n"+
			"--match %s deletes only where they agree; --sample 0 does without this look", c.Field),
			"column %q is not of the users that the IDs name: it differs for %d of the %d looked up; nothing was sent",
			c.Header, d.looked.Differ[c.Field], d.looked.Exist)
	}
	return nil
}

// showSampleOnly shows on a terminal why the list is refused.
func (d *deletion) showSampleOnly() error {
	t := &table{}
	d.showSample(t, terminalWidth(d.console.err))
	t.WriteString("\n")
	return t.print(d.console.err)
}

// showSample says how many of the sample exist and, on a terminal of so many columns, who they are.
func (d *deletion) showSample(t *table, wide int) {
	s := d.looked
	if d.unlooked != "" {
		t.row("sample", "nobody was looked up: %s", d.unlooked)
	}
	if s == nil {
		return
	}
	t.row("sample", "%s of %s rows looked up exist", text.Count(s.Exist), text.Count(s.Rows))
	for _, c := range s.Columns {
		if n := s.Differ[c.Field]; n > 0 {
			t.row("", "%q differs from the profile for %s of them", c.Header, text.Count(n))
		}
	}
	if wide > 0 && len(s.Pairs) > 0 {
		showPairs(t, s.Pairs, wide)
	}
}

const pairsShown = 10

// showPairs lays rows beside the profiles, those that differ first.
func showPairs(t *table, pairs []job.Pair, wide int) {
	mark := func(p job.Pair) string {
		if p.Differ {
			return "!"
		}
		return " "
	}
	pairs = slices.Clone(pairs)
	slices.SortStableFunc(pairs, func(a, b job.Pair) int { return strings.Compare(mark(b), mark(a)) }) // ! is above " "

	const lines = 9 // columns for a line's number
	half := (min(wide, 120) - len("  ! ") - lines - len("| ")) / 2
	line := func(mark, at string, texts ...string) {
		cells := cell(at, lines)
		for i, s := range texts {
			if i == 2 {
				cells += "| "
			}
			cells += cell(s, half*(2+i%2)/5)
		}
		fmt.Fprintf(t, "  %s %s\n", mark, strings.TrimRight(cells, " "))
	}
	line(" ", "line", "row: name", "e-mail", "pool: name", "e-mail")
	for _, p := range pairs[:min(len(pairs), pairsShown)] {
		line(mark(p), fmt.Sprint(p.Line), p.Name, p.Email, p.PoolName, p.PoolEmail)
	}
}

// cell is a text in so many columns, the last of which stays empty.
func cell(s string, wide int) string {
	s = fit(text.Clean(s), wide-1)
	return s + strings.Repeat(" ", max(0, wide-columns(s)))
}

// columns is how many a text takes on a terminal, where Chinese characters are two wide.
func columns(s string) (n int) {
	for _, r := range s {
		n++
		if k := eastasian.LookupRune(r).Kind(); k == eastasian.EastAsianWide || k == eastasian.EastAsianFullwidth {
			n++
		}
	}
	return n
}

// fit cuts a text that takes more columns.
func fit(s string, most int) string {
	for columns(s) > most {
		s = text.Shorten(s, len([]rune(s))-2)
	}
	return s
}

// showProtect says of each list how many people it names, and how many rows met one of them.
func (d *deletion) showProtect(t *table) {
	title, lists := "protect", d.Protection.Lists(d.chunks.IDType)
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		l := lists[name]
		words := fmt.Sprintf("%s: %s, ", name, people(l.People))
		switch {
		case l.LookedUp > 0 && d.client == nil:
			words += "who have to be looked up in the pool"
		case l.Missing > 0:
			words += fmt.Sprintf("%s not in the pool, %s met", text.Count(l.Missing), text.Things(d.met[name], "row"))
		default:
			words += text.Things(d.met[name], "row") + " met"
		}
		t.row(title, "%s", words)
		title = ""
	}
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return text.Count(n) + " people"
}

// reasons counts why rows were rejected, by class.
func (d *deletion) reasons() string {
	var words []string
	for _, code := range slices.Sorted(maps.Keys(d.codes)) {
		words = append(words, text.Count(d.codes[code])+" "+code)
	}
	return strings.Join(words, ", ")
}

// terminalWidth is how many columns a writer has that shows its text to a person alone; 0: what is written may be kept,
// and names nobody.
func terminalWidth(w io.Writer) int {
	if s, ok := w.(*output); !isTerminal(w) || ok && s.run != "" { // a log is one, whoever reads it
		return 0
	}
	if wide := width(w); wide >= 60 {
		return wide
	}
	return 80
}
