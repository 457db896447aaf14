package job

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"slices"

	"golang.org/x/sync/errgroup"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
	"bulkdelete/pkg/who"
)

// SampleRows gives some of an input's accepted rows: of as many stretches of equal length as rows are wanted one each,
// but for those that earlier runs have settled. Which one is left to chance, or what comes back every tenth row could
// be all there is; but it is the same one each time, so that run shows whom plan has shown.
// r starts at the input's first byte.
func SampleRows(plan *chunker.Plan, r io.Reader, most int, settled func(chunk, place int) bool) (
	rows []chunker.Row, _ error,
) {
	random := rand.New(rand.NewPCG(37, 13))
	n := min(most, plan.Accepted)
	var chosen []int // among the accepted rows, from 0
	for i := range n {
		from, to := i*plan.Accepted/n, (i+1)*plan.Accepted/n
		chosen = append(chosen, from+random.IntN(to-from))
	}
	at := 0
	for row, err := range plan.All(r) {
		switch {
		case err != nil:
			return nil, err
		case len(chosen) == 0:
			return rows, nil
		case row.Code != "":
			continue
		case at == chosen[0]:
			if chosen = chosen[1:]; !settled(row.Chunk, row.Place) {
				row.ID, row.Raw = bytes.Clone(row.ID), bytes.Clone(row.Raw)
				rows = append(rows, row)
			}
		}
		at++
	}
	return rows, nil
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
