package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/width"

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
func (d *deletion) lookAtPool(ctx context.Context, settled func(chunk, place int) bool) (err error) {
	if n, err := d.client.CountUsers(ctx); err == nil {
		d.poolUsers = &n
	} else if d.uncounted = err; ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if d.protection.LooksUp(d.chunks.IDType) {
		if err := d.protection.LookUp(ctx, d.client, d.chunks.IDType); err != nil {
			return d.unreadable(ctx, err)
		}
		if err := d.meetLooked(); err != nil {
			return err
		}
	}
	rows := d.sampler.Rows(settled)
	if len(rows) == 0 {
		return nil
	}
	d.looked, err = job.TakeSample(ctx, d.client, d.planned, rows)
	if err != nil {
		return d.blind(ctx, err)
	}
	d.before = d.looked.Kept()
	return d.judgeSample()
}

// meetLooked counts the rows that name somebody who was looked up.
func (d *deletion) meetLooked() error {
	lists := d.protection.Spelled(d.chunks.IDType, true)
	if len(lists) == 0 {
		return nil
	}
	for chunk, err := range d.planned.Split(d.input.Reader()) {
		if err != nil {
			return job.Fail(job.Usage, "nothing was sent", "%s: %w", d.input.Name, err)
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
	needed := d.match != "" || len(d.only) > 0 || d.backup || d.protection.LooksUp(d.chunks.IDType)
	if needed || ctx.Err() != nil || !isAny(err, client.Credentials, client.Payment, client.Unsupported, client.Refused,
		client.NotFound, client.Blind) {
		return d.unreadable(ctx, err)
	}
	if !d.console.terminal {
		return job.Fail(job.Guard, "allow the access key to read users, or give --sample 0 to do without",
			"nobody can look at who is about to be deleted: %w", err)
	}
	d.unlooked = err.Error()
	return nil
}

func (d *deletion) unreadable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return job.Fail(job.Halted, "check that the access key may read users; nothing was sent",
		"the users cannot be looked at: %w", err)
}

func isAny(err error, kinds ...client.Kind) bool {
	return slices.ContainsFunc(kinds, func(kind client.Kind) bool { return errors.Is(err, kind) })
}

// judgeSample refuses a list in which a column describes other people than the IDs name, unless --match looks at that
// column of each row.
func (d *deletion) judgeSample() error {
	rules, err := job.Rules(d.want.Asked, d.planned)
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
			c.Header, c.Differ, d.looked.Exist)
	}
	return nil
}

// showSampleOnly shows on a terminal why the list is refused.
func (d *deletion) showSampleOnly() error {
	t := &table{}
	d.showSample(t, d.console.terminal)
	_, err := fmt.Fprintln(d.console.err, text.CleanLines(t.String()))
	return err
}

const pairsShown = 10

// showSample says how many of the sample exist and, to people alone, who they are: those who differ first.
func (d *deletion) showSample(t *table, toPeople bool) {
	s := d.looked
	if d.unlooked != "" {
		t.row("sample", "nobody was looked up: %s", d.unlooked)
	}
	if s == nil {
		return
	}
	t.row("sample", "%s of %s rows looked up exist", text.Count(s.Exist), text.Count(s.Rows))
	for _, c := range s.Columns {
		if c.Differ > 0 {
			t.row("", "%q differs from the profile for %s of them", c.Header, text.Count(c.Differ))
		}
	}
	if !toPeople || len(s.Pairs) == 0 {
		return
	}
	pairs := slices.Clone(s.Pairs)
	slices.SortStableFunc(pairs, func(a, b job.Pair) int {
		switch {
		case a.Differ == b.Differ:
			return 0
		case a.Differ:
			return -1
		}
		return 1
	})
	cell := func(s string, wide int) string {
		s = fit(text.Clean(s), wide-1)
		return s + strings.Repeat(" ", wide-columns(s))
	}
	line := func(mark string, at, name, email, poolName, poolEmail string) {
		t.row("", "%s", strings.TrimRight(mark+cell(at, 9)+cell(name, 16)+cell(email, 26)+" | "+
			cell(poolName, 16)+poolEmail, " "))
	}
	line(" ", "line", "row: name", "e-mail", "pool: name", "e-mail")
	for _, p := range pairs[:min(len(pairs), pairsShown)] {
		mark := " "
		if p.Differ {
			mark = "!"
		}
		line(mark, fmt.Sprint(p.Line), p.Name, p.Email, p.PoolName, p.PoolEmail)
	}
}

// columns is how many a text takes on a terminal, where Chinese characters are two wide.
func columns(s string) (n int) {
	for _, r := range s {
		n++
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
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
func (d *deletion) showProtect(t *table, asked bool) {
	name := "protect"
	for _, l := range d.protection.Lists(d.chunks.IDType) {
		words := fmt.Sprintf("%s: %s, ", l.Name, people(l.People))
		switch {
		case l.LookedUp > 0 && !asked:
			words += "who have to be looked up in the pool"
		case l.Missing > 0:
			words += fmt.Sprintf("%s not in the pool, %s met", text.Count(l.Missing), text.Things(d.met[l.Name], "row"))
		default:
			words += text.Things(d.met[l.Name], "row") + " met"
		}
		t.row(name, "%s", words)
		name = ""
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

// isPerson says whether a writer shows its text to a person alone: elsewhere it may be kept, and names nobody.
func isPerson(k *console, w io.Writer) bool {
	if w == k.out {
		return isTerminal(w)
	}
	return k.terminal
}
