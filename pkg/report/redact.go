package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"

	"bulkdelete/pkg/journal"
)

var anySeal = regexp.MustCompile(`^seal(\.\d+)?\.json(\.sig|\.tsr)?$`)

// outlives says whether a file of a run's folder stays when its lists of people are erased: it names nobody.
func outlives(name string) bool {
	kept := []string{RunName, AuditName, SummaryName, PageName, LockName}
	return slices.Contains(kept, name) || anySeal.MatchString(name)
}

// Lists are the files of a folder that name people, or may.
func Lists(dir *journal.Dir) (names []string, err error) {
	names, err = dir.Files()
	return slices.DeleteFunc(names, outlives), err
}

// Redact erases the lists of people in the folder of a run that has ended and was sealed. What stays is sealed anew,
// with what the erased files were; by is who erases them. A folder that died on the way is gone on with.
func Redact(dir *journal.Dir, run *Run, by string) (*Summary, error) {
	s, err := summaryAgain(dir, run)
	if err != nil {
		return nil, err
	}
	seal, err := LoadSeal(dir)
	if err == nil && seal == nil {
		err = &journal.DamageError{File: SealName, Err: errors.New("it is not there")}
	}
	if err != nil {
		return nil, err
	}
	if !seal.IsRedacted() {
		if err := sealRedacted(dir, run, s, by); err != nil {
			return nil, err
		}
	}
	names, err := Lists(dir)
	for _, name := range names {
		err = errors.Join(err, dir.Remove(name))
	}
	return s, errors.Join(err, dir.Sync())
}

// sealRedacted makes the page that names nobody and the seal that names the files to be erased.
func sealRedacted(dir *journal.Dir, run *Run, s *Summary, by string) error {
	seal := newSeal(run, s)
	seal.RedactedBy = by
	lists, err := Lists(dir)
	for _, name := range lists {
		if err == nil && (!IsPassing(name) || name == InputName) && !journal.IsTemporary(name) {
			var f SealedFile
			f, err = Sum(dir, name)
			seal.Redacted = append(seal.Redacted, f)
		}
	}
	if err != nil {
		return err
	}
	page, err := renderPage(run, s)
	if err == nil {
		err = dir.WriteFile(PageName, page)
	}
	if err != nil {
		return err
	}
	return seal.write(dir, outlives)
}

// summaryAgain reads a summary and, from the audit, what a page shows besides; people are left out.
func summaryAgain(dir *journal.Dir, run *Run) (*Summary, error) {
	text, err := dir.ReadFile(SummaryName, maxRun)
	if err != nil {
		return nil, err
	}
	var s Summary
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, &journal.DamageError{File: SummaryName, Err: err}
	}
	s.Shards = nil // a run's folder has none, whatever stands there
	s.stats.Redacted, s.stats.whole = true, run.Asked.Plan.ChunkSize
	index, err := ReadAudit(dir, run, func(r *Row) { s.stats.add(r) })
	if err != nil {
		return nil, err
	}
	return &s, index.Close()
}

// CompareRedacted is Compare for a folder whose input is not at hand: of what is made from the audit the page is left,
// and the summary is believed, which the seal knows.
func CompareRedacted(dir *journal.Dir, run *Run) (s *Summary, differ []string, err error) {
	if s, err = summaryAgain(dir, run); err != nil {
		return nil, nil, err
	}
	want, err := renderPage(run, s)
	if err != nil {
		return nil, nil, err
	}
	have, err := dir.ReadFile(PageName, int64(len(want)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) || !bytes.Equal(have, want) {
		differ = append(differ, fmt.Sprintf("%s is not what the audit and the summary make", PageName))
	}
	return s, differ, nil
}

// IsRedacted says whether the folder's lists of people were erased.
func (s *Seal) IsRedacted() bool { return s != nil && s.RedactedBy != "" }

// WasRedacted gives what an erased file was, nil if it is none.
func (s *Seal) WasRedacted(name string) *SealedFile {
	if s == nil {
		return nil
	}
	i := slices.IndexFunc(s.Redacted, func(f SealedFile) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Redacted[i]
}
