package job

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"

	"golang.org/x/sync/errgroup"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
	"bulkdelete/pkg/who"
)

// Sampler keeps some of an input's accepted rows: one of each of as many stretches of equal length, however long the
// input turns out to be. Which one is left to chance, or what comes back every tenth row could be all there is; but it
// is the same one each time, so that run shows whom plan has shown.
type Sampler struct {
	Most int // rows that are wanted; 0: none

	rows   []chunker.Row
	every  int // rows of a stretch
	next   int // of those, from 0: the one to keep
	at     int // in the stretch
	random *rand.Rand
}

// Add offers the next row.
func (s *Sampler) Add(row chunker.Row) {
	if s.Most == 0 {
		return
	}
	if s.random == nil {
		s.random, s.every = rand.New(rand.NewPCG(1, 1)), 1
	}
	if s.at == s.next {
		row.ID, row.Raw = bytes.Clone(row.ID), bytes.Clone(row.Raw)
		s.rows = append(s.rows, row)
	}
	if s.at++; s.at < s.every {
		return
	}
	if len(s.rows) == 2*s.Most {
		for i := range s.Most {
			s.rows[i] = s.rows[2*i+s.random.IntN(2)]
		}
		s.rows, s.every = s.rows[:s.Most], 2*s.every
	}
	s.at, s.next = 0, s.random.IntN(s.every)
}

// Rows are those kept, but for whom settled says that earlier runs have done.
func (s *Sampler) Rows(settled func(chunk, place int) bool) (rows []chunker.Row) {
	n := min(s.Most, len(s.rows))
	random := rand.New(rand.NewPCG(2, 2))
	for i := range n {
		from, to := i*len(s.rows)/n, (i+1)*len(s.rows)/n
		if row := s.rows[from+random.IntN(to-from)]; !settled(row.Chunk, row.Place) {
			rows = append(rows, row)
		}
	}
	return rows
}

// Sample is what looking up some rows' users came to: what run.json keeps of it, which names nobody, and who they are.
// Where a column or the profile says nothing they do not differ.
type Sample struct {
	report.Sample
	Columns []who.Match // of the input, that were compared
	Pairs   []Pair      // of those who exist
}

// Pair is a row beside the profile that the pool has under its ID.
type Pair struct {
	Line                int
	Name, Email         string // the row's
	PoolName, PoolEmail string
	Differ              bool // in a column
}

// TakeSample looks up the users of rows.
func TakeSample(ctx context.Context, api *client.Client, plan *chunker.Plan, rows []chunker.Row) (*Sample, error) {
	s := &Sample{Columns: ComparableColumns(plan)}
	s.Rows, s.Differ = len(rows), map[string]int{}
	profiles := make([][]json.RawMessage, len(rows))
	calls, ctx := errgroup.WithContext(ctx)
	for from := 0; from < len(rows); from += client.ReadBatch {
		calls.Go(func() error {
			var ids []string
			for _, row := range rows[from:min(from+client.ReadBatch, len(rows))] {
				ids = append(ids, string(row.ID))
			}
			found, _, err := api.Profiles(ctx, plan.Options.IDType, ids)
			copy(profiles[from:], found)
			return err
		})
	}
	if err := calls.Wait(); err != nil {
		return nil, err
	}
	for i, row := range rows {
		if len(profiles[i]) == 0 {
			continue
		}
		s.Exist++
		p, _ := who.ParsePerson(profiles[i][0]) // what cannot be understood differs from nothing
		s.compare(row, plan, p, client.Foresee(profiles[i][0]).Sealed)
	}
	return s, nil
}

// compare lays a row beside a profile. What that shows encrypted says nothing.
func (s *Sample) compare(row chunker.Row, plan *chunker.Plan, p who.Person, sealed []string) {
	pair := Pair{Line: row.Line, PoolEmail: p.Email, PoolName: cmp.Or(p.Nickname, p.Username)}
	if values := p.Values(who.Name); len(values) > 0 {
		pair.PoolName = values[0]
	}
	if plan.Options.IDType == chunker.Email {
		pair.Email = string(row.ID)
	}
	cells := plan.Cells(string(row.Raw))
	for _, c := range s.Columns {
		if c.Column >= len(cells) || cells[c.Column] == "" {
			continue
		}
		cell := cells[c.Column]
		switch c.Field {
		case who.Name:
			pair.Name = cell
		case who.Email:
			pair.Email = cell
		}
		says := len(p.Values(c.Field)) > 0 && !slices.Contains(sealed, c.Field)
		if says && !who.Agree(c.Field, cell, p) {
			s.Differ[c.Field]++
			pair.Differ = true
		}
	}
	s.Pairs = append(s.Pairs, pair)
}

// Disagree says whether a column is of other people than the IDs: for more than a tenth of those found, and for two.
func (s *Sample) Disagree(c who.Match) bool {
	return s.Differ[c.Field] >= 2 && 10*s.Differ[c.Field] > s.Exist
}
