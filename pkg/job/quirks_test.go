package job

import (
	"testing"
	"time"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/client"
)

// Whatever the real API turns out to be, a run deletes whom it can, says of nobody what is not true (the fixture holds
// it to that), and brings back whom it can. Of 140 users 100 exist.
func TestWhateverTheAPIIs(t *testing.T) {
	const some, none, partial = sandbox.UnknownSucceeds, sandbox.UnknownNotFound, sandbox.UnknownPartial
	for _, c := range []struct {
		spec, unknown   string
		run, restore    Code // how they end
		deleted, absent int
		restored, users int // users in the end
	}{
		{"code-2020", none, OK, OK, 100, 40, 100, 100},
		{"bare-404", none, OK, OK, 100, 40, 100, 100},
		{"bare-404", partial, OK, OK, 100, 40, 100, 100},
		{"", sandbox.UnknownPartial422, OK, OK, 100, 40, 100, 100},
		{"absent-404", none, OK, OK, 100, 40, 100, 100},
		{"absent-404,bare-404", none, OK, OK, 100, 40, 100, 100},
		{"absent-null", none, OK, OK, 100, 40, 100, 100},
		{"no-brackets", some, Halted, Halted, 0, 0, 0, 100},
		{"other-pool", some, Halted, Halted, 0, 0, 0, 100},
		{"no-claim", some, Halted, Halted, 0, 0, 0, 100},
		{"part-created", some, OK, OK, 100, 40, 100, 100},
		{"readable=3s", some, OK, OK, 100, 40, 100, 100},
		{"encrypted", some, OK, Incomplete, 100, 40, 0, 0},
		{"small-413", some, OK, OK, 100, 40, 100, 100},
		{"others=27", some, OK, OK, 100, 40, 100, 100},
	} {
		inBubble(t, c.spec+" "+c.unknown, func(t *testing.T) {
			b := newFixture(t, sandbox.Config{Faults: seeded(t, c.spec), Unknown: c.unknown, RateLimit: 30,
				TokenLifetime: time.Second}, 100, 140)
			b.cfg.Rate, b.cfg.Workers, b.backup = client.PerSecond(5), 1, true
			b.adjust = func(j *Job) { j.Verify = true }
			s, err := b.run(t.Context())
			if max(codeOf(err), Code(s.ExitCode)) != c.run || s.Deleted != c.deleted || s.Absent != c.absent {
				t.Errorf("%+v, %v", s, err)
			}
			if c.run == Halted {
				return
			}
			b.adjust = nil
			back, err := b.restore(t.Context())
			if max(codeOf(err), Code(back.ExitCode)) != c.restore || back.Restored != c.restored || b.api.Len() != c.users {
				t.Errorf("restored: %+v, %v, %d users", back, err, b.api.Len())
			}
		})
	}
}
