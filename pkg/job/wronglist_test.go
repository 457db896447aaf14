package job

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

// mistakes are what people do to a list; each says which rows describe somebody else afterwards.
var mistakes = []struct {
	name string
	do   func(r *rand.Rand, rows, outside []person, from, to int)
}{
	{"a part of the e-mail column shifted", func(_ *rand.Rand, rows, _ []person, from, to int) {
		for i, last := from, rows[from].email; i < to; i++ {
			if i == to-1 {
				rows[i].email = last
			} else {
				rows[i].email = rows[i+1].email
			}
		}
	}},
	{"a part of the ID column shifted", func(_ *rand.Rand, rows, _ []person, from, to int) {
		for i, first := from, rows[from].id; i < to; i++ {
			if i == to-1 {
				rows[i].id = first
			} else {
				rows[i].id = rows[i+1].id
			}
		}
	}},
	{"IDs of people outside the list", func(_ *rand.Rand, rows, outside []person, from, to int) {
		for i := from; i < to; i++ {
			rows[i].id = outside[i].id
		}
	}},
	{"a part of the ID column sorted at random", func(r *rand.Rand, rows, _ []person, from, to int) {
		for i := to - 1; i > from; i-- { // nobody keeps the place (Sattolo)
			k := from + r.IntN(i-from)
			rows[i].id, rows[k].id = rows[k].id, rows[i].id
		}
	}},
}

// The promise of the look: of 10,000 people, a part of one column is shifted or replaced by people outside the list. With
// --match nobody is deleted whose row describes somebody else, and everybody else is. With the sample alone the list is
// refused in 99 of 100 cases, when more than a fifth of the rows are wrong.
func TestAWrongListCannotKill(t *testing.T) {
	const people, seeds = 10_000, 200
	everybody := peopleTo(2 * people)
	profiles := map[string]json.RawMessage{}
	emailOf := map[string]string{}
	for _, p := range everybody {
		profiles[p.id] = json.RawMessage(fmt.Sprintf(`{"userId":%q,"email":%q,"name":%q}`, p.id, p.email, p.name))
		emailOf[p.id] = p.email
	}
	inBubble(t, "seeds", func(t *testing.T) {
		b := newPeople(t, sandbox.Config{}, everybody, nil)
		api, err := client.New(b.cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer api.Close()
		refused := 0
		for seed := range uint64(seeds) {
			r := rand.New(rand.NewPCG(seed, 7))
			rows := slices.Clone(everybody[:people])
			wrong := people/5 + 1 + r.IntN(people*4/5)
			from := r.IntN(people - wrong + 1)
			mistakes[seed%4].do(r, rows, everybody[people:], from, from+wrong)
			plan, sampled := planWith(t, listOf(rows), 100)
			checkDecisions(t, seed, plan, rows, profiles, emailOf)
			sample, err := TakeSample(t.Context(), api, plan, sampled)
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(sample.Columns, sample.Disagree) {
				refused++
			}
		}
		if refused < seeds*99/100 {
			t.Errorf("the sample refuses %d of %d wrong lists", refused, seeds)
		}
	})
}

// planWith plans a list, and takes a sample of so many rows at the most.
func planWith(t *testing.T, list string, most int) (*chunker.Plan, []chunker.Row) {
	t.Helper()
	plan, err := chunker.Scan(context.Background(), strings.NewReader(list), chunker.Options{WholeRows: true}, nil)
	if err != nil || plan.Accepted != plan.Rows {
		t.Fatalf("%d of %d rows are accepted: %v", plan.Accepted, plan.Rows, err)
	}
	rows, err := SampleRows(plan, strings.NewReader(list), most, func(int, int) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	return plan, rows
}

// checkDecisions holds what becomes of each row of a list, with --match email,name, to whom it describes.
func checkDecisions(t *testing.T, seed uint64, plan *chunker.Plan, rows []person, profiles map[string]json.RawMessage,
	emailOf map[string]string) {
	t.Helper()
	rules, err := Rules(report.Asked{At: "2026-03-10T00:00:00Z", Options: AskWho("email,name", nil)}, plan)
	if err != nil {
		t.Fatal(err)
	}
	r, line := &Record{Plan: plan, rules: rules}, 0
	for chunk, err := range plan.Split(strings.NewReader(listOf(rows))) {
		if err != nil {
			t.Fatal(err)
		}
		found, places := map[int][]json.RawMessage{}, []int{}
		for i, id := range chunk.IDs {
			found[i+1], places = []json.RawMessage{profiles[id]}, append(places, i+1)
		}
		send, missing, _ := r.decide(&work{chunk: chunk}, places, found)
		for _, place := range places {
			row := rows[line]
			if right := emailOf[row.id] == row.email; right != slices.Contains(send, place) || len(missing) > 0 {
				t.Fatalf("seed %d, row %d: the row is about %s and the ID of %s; it is sent: %v", seed, line, row.email,
					emailOf[row.id], !right)
			}
			line++
		}
	}
}

// A right list is never refused, whatever the sample meets, nor one with a few people who have changed their names.
func TestARightListIsNotRefused(t *testing.T) {
	inBubble(t, "right", func(t *testing.T) {
		everybody := peopleTo(1000)
		b := newPeople(t, sandbox.Config{}, everybody, nil)
		api, err := client.New(b.cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer api.Close()
		rows := slices.Clone(everybody)
		for i := 0; i < len(rows); i += 20 {
			rows[i].name = "Married Now"
		}
		plan, sampled := planWith(t, listOf(rows), 100)
		sample, err := TakeSample(t.Context(), api, plan, sampled)
		if err != nil || sample.Exist != 100 || sample.Rows != 100 || slices.ContainsFunc(sample.Columns, sample.Disagree) {
			t.Errorf("%+v %v", sample, err)
		}
		if sample.Differ["name"] == 0 {
			t.Errorf("%+v", sample.Sample)
		}
	})
}

// The sample is spread over the file, of whatever length.
func TestSampleIsSpread(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10, 11, 19, 20, 21, 199, 5000} {
		_, rows := planWith(t, listOf(peopleTo(n)), 10)
		if len(rows) != min(n, 10) {
			t.Fatalf("%d of %d rows", len(rows), n)
		}
		for i := 1; i < len(rows); i++ {
			if gap := rows[i].Line - rows[i-1].Line; gap < 1 || gap > n/5+1 {
				t.Errorf("of %d rows: a gap of %d", n, gap)
			}
		}
	}
}
