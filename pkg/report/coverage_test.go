package report

import (
	"slices"
	"testing"
)

func about(chunk, from, to int, o Outcome) Row {
	return Row{Chunk: chunk, From: from, To: to, Users: to - from + 1, Outcome: o}
}

// threeChunks is of 50, 50 and 20 users.
func threeChunks() *Audit {
	return newAudit(&Run{Asked: Asked{Plan: Plan{Accepted: 120, ChunkSize: 50, Chunks: 3}}})
}

func TestCoverageKnowsWhatIsLeft(t *testing.T) {
	c := threeChunks()
	for _, r := range []Row{about(2, 1, 50, Deleted), about(3, 4, 20, Failed), about(3, 1, 2, Absent)} {
		must(t, c.Add(r))
	}
	if c.IsDone(1) || !c.IsDone(2) || c.IsDone(3) || c.Complete() || c.done != 69 || c.Left() != 51 {
		t.Errorf("%+v", c)
	}
	if got := c.Open(3); !slices.Equal(got, []int{3}) {
		t.Errorf("chunk 3 has %v left, want 3", got)
	}
	if got := c.Open(1); len(got) != 50 || got[0] != 1 || got[49] != 50 {
		t.Errorf("chunk 1 has %v left", got)
	}
	for n, want := range [][]int{{}, {1}, {1, 3}, {1, 3}} {
		if got := c.FirstOpen(n); !slices.Equal(got, want) {
			t.Errorf("the first %d open are %v, want %v", n, got, want)
		}
	}
	must(t, c.Add(about(3, 3, 3, Deleted)))
	must(t, c.Add(about(1, 1, 50, Deleted)))
	if !c.Complete() || c.Left() != 0 || len(c.FirstOpen(3)) > 0 {
		t.Errorf("%+v", c)
	}
	if c.Users[Deleted] != 101 || c.Users[Failed] != 17 || c.Users[Absent] != 2 {
		t.Errorf("%+v", c)
	}
}

func TestCoverageRefusesRowsThatThePlanDoesNotHave(t *testing.T) {
	for _, bad := range []Row{
		about(0, 1, 50, Deleted), about(4, 1, 50, Deleted), about(3, 1, 21, Deleted), about(1, 0, 5, Deleted),
		about(1, 6, 5, Deleted), about(2, 50, 50, Deleted), about(3, 2, 3, Deleted), about(-1, 1, 1, Deleted),
		about(1, 1, 51, Deleted), about(3, 5, 21, Deleted),
	} {
		c := threeChunks()
		must(t, c.Add(about(2, 1, 50, Deleted)))
		must(t, c.Add(about(3, 3, 4, Deleted)))
		if err := c.Add(bad); err == nil || c.done != 52 || c.Users[Deleted] != 52 {
			t.Errorf("chunk %d part %d-%d is taken: %+v", bad.Chunk, bad.From, bad.To, c)
		}
	}
}

// A restore is about some of each chunk's users: the others count as done and have no row.
func TestCoverageLeavesOthersOut(t *testing.T) {
	c := threeChunks()
	c.LeaveOut(func(chunk int) uint64 {
		return []uint64{0, PlacesMask(1, 50), 0, PlacesMask(2, 2) | PlacesMask(20, 20)}[chunk]
	})
	if c.Left() != 52 || !c.IsDone(2) || !slices.Equal(c.Open(3), []int{2, 20}) {
		t.Errorf("%+v", c)
	}
	for _, r := range []Row{about(1, 1, 50, Restored), about(3, 2, 2, Exists), about(3, 20, 20, Failed)} {
		must(t, c.Add(r))
	}
	if !c.Complete() || c.Users[Restored] != 50 {
		t.Errorf("%+v", c)
	}
}

// The largest chunk has as many places as a mask has bits.
func TestCoverageOfTheLargestChunk(t *testing.T) {
	c := newAudit(&Run{Asked: Asked{Plan: Plan{Accepted: 130, ChunkSize: 64, Chunks: 3}}})
	for _, r := range []Row{
		about(1, 1, 64, Deleted), about(2, 1, 63, Deleted), about(2, 64, 64, Failed), about(3, 1, 2, Deleted),
	} {
		must(t, c.Add(r))
	}
	if !c.Complete() || c.done != 130 {
		t.Errorf("%+v", c)
	}
}
