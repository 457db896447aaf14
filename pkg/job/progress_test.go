package job

import (
	"slices"
	"testing"

	"bulkdelete/pkg/report"
)

func row(chunk, from, to int, o report.Outcome) report.Row {
	return report.Row{Chunk: chunk, From: from, To: to, Users: to - from + 1, Outcome: o}
}

func TestProgressKnowsWhatIsLeft(t *testing.T) {
	p := newProgress(120, 50, 3) // 50, 50, 20
	for _, r := range []report.Row{row(2, 1, 50, report.Deleted), row(3, 4, 20, report.Failed), row(3, 1, 2, report.Absent)} {
		if err := p.add(r); err != nil {
			t.Fatal(err)
		}
	}
	if p.isDone(1) || !p.isDone(2) || p.isDone(3) || p.finished() || p.usersDone != 69 {
		t.Errorf("%+v", p)
	}
	if got := p.open(3); !slices.Equal(got, []int{3}) {
		t.Errorf("chunk 3 has %v left, want 3", got)
	}
	if err := p.add(row(3, 3, 3, report.Deleted)); err != nil {
		t.Fatal(err)
	}
	if err := p.add(row(1, 1, 50, report.Deleted)); err != nil {
		t.Fatal(err)
	}
	if !p.finished() || len(p.parts) != 0 || p.users[report.Deleted] != 101 {
		t.Errorf("%+v", p)
	}
}

func TestProgressRefusesRowsThatThePlanDoesNotHave(t *testing.T) {
	for _, bad := range []report.Row{
		row(0, 1, 50, report.Deleted), row(4, 1, 50, report.Deleted), row(3, 1, 21, report.Deleted), row(1, 0, 5, report.Deleted),
		row(1, 6, 5, report.Deleted), row(2, 50, 50, report.Deleted), row(3, 2, 3, report.Deleted),
	} {
		p := newProgress(120, 50, 3)
		for _, r := range []report.Row{row(2, 1, 50, report.Deleted), row(3, 3, 4, report.Deleted)} {
			if err := p.add(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.add(bad); err == nil {
			t.Errorf("chunk %d part %d-%d is taken", bad.Chunk, bad.From, bad.To)
		}
	}
}
