package job

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/report"
)

// A page that gets another language is sealed with it, also if the command dies halfway; what is strange is not sealed
// for its sake.
func TestThePageGetsAnotherLanguage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFixture(t, sandbox.Config{}, 60, 60)
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		with := func(do func(r *Record) error) {
			t.Helper()
			r, err := reopen(t.Context(), b.dir, "")
			if err == nil {
				err = errors.Join(do(r), r.Close())
			}
			if err != nil {
				t.Error(err)
			}
		}
		with(func(r *Record) error { return r.translate("zh") })
		with(func(r *Record) error {
			_, notes, err := Refresh(r, "")
			if len(notes) != 1 || !strings.Contains(notes[0], report.PageName) || r.Run.Lang() != "zh" {
				t.Errorf("%s, %q", r.Run.Lang(), notes)
			}
			return err
		})
		if f := b.verified(Expect{}); !f.Whole || !f.Finished || len(f.Unchecked) > 0 {
			t.Errorf("%+v", f)
		}
		b.write("notes.txt", []byte("x"))
		with(func(r *Record) error {
			_, notes, err := Refresh(r, "en")
			if len(notes) != 2 || notes[0] != "the page stays in its language, zh" || r.Run.Lang() != "zh" {
				t.Errorf("%s, %q", r.Run.Lang(), notes)
			}
			return err
		})
	})
}
