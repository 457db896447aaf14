package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"time"

	"bulkdelete/pkg/journal"
)

// Seal is seal.json, which ends a run: what every other file of the folder is, by its hash.
type Seal struct {
	Format    int            `json:"format"` // 1
	Program   string         `json:"program"`
	SealedAt  time.Time      `json:"sealed_at"`
	Deed      Deed           `json:"deed"`
	State     string         `json:"state"`
	ExitCode  int            `json:"exit_code"`
	Counts    map[string]int `json:"counts"`     // users by outcome, and remaining; rows by why they were rejected
	Runs      int            `json:"runs"`       // on the folder, this one included
	FirstHash string         `json:"first_hash"` // what the audit's first row follows
	LastHash  string         `json:"last_hash"`  // of the audit's last row
	Rows      int            `json:"rows"`       // of the audit
	Host      string         `json:"host"`
	UserPool  string         `json:"user_pool"`
	TenantID  string         `json:"tenant_id,omitempty"`
	By        string         `json:"by"` // the operating system's user and machine of the last run
	Approved  string         `json:"approved,omitempty"`
	Signer    string         `json:"signer,omitempty"` // whose key was to sign this
	Plan      *Approval      `json:"plan,omitempty"`
	Reason    string         `json:"reason,omitempty"`
	Files     []SealedFile   `json:"files"`
	Replaces  *SealedFile    `json:"replaces,omitempty"` // the seal before

	Redacted   []SealedFile `json:"redacted,omitempty"`    // lists of people that were erased
	RedactedBy string       `json:"redacted_by,omitempty"` // the operating system's user and machine
}

// SealedFile is a file of the folder as it was.
type SealedFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// ReadSeal gives the bytes of seal.json, or of one of the files that vouch for it, nil if there is none.
func ReadSeal(dir *journal.Dir, name string) ([]byte, error) {
	text, err := dir.ReadFile(name, maxRun)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// LoadSeal reads seal.json, nil if there is none.
func LoadSeal(dir *journal.Dir) (*Seal, error) {
	s, err := load[Seal](dir, SealName)
	if s != nil && s.Format != 1 {
		return nil, fmt.Errorf("%s has format %d: it was made by another version of bulkdelete, or edited",
			SealName, s.Format)
	}
	return s, err
}

// WriteSeal seals a run that has ended and whose files are made. A seal that is there becomes seal.N.json.
func WriteSeal(dir *journal.Dir, run *Run, s *Summary) error {
	return newSeal(run, s).write(dir, func(string) bool { return true })
}

// write seals those files of a folder that stay.
func (seal *Seal) write(dir *journal.Dir, stays func(name string) bool) (err error) {
	if seal.Replaces, err = setAside(dir); err != nil {
		return err
	}
	if seal.Files, err = sums(dir); err != nil {
		return err
	}
	seal.Files = slices.DeleteFunc(seal.Files, func(f SealedFile) bool { return !stays(f.Name) })
	for _, name := range SealNames()[1:] {
		if err := dir.Remove(name); err != nil {
			return err
		}
	}
	return save(dir, SealName, seal)
}

func newSeal(run *Run, s *Summary) *Seal {
	last, a := run.Last(), run.Asked
	seal := &Seal{Format: 1, Program: run.Program, SealedAt: time.Now().UTC(), Deed: a.Deed, State: s.State,
		ExitCode: s.ExitCode, Runs: len(run.Runs), FirstHash: run.Seed(), LastHash: s.LastRowHash, Rows: s.AuditRows,
		Host: a.Host, UserPool: a.UserPool, TenantID: a.TenantID,
		By: last.By, Approved: last.Approved, Signer: last.Signer, Plan: last.Plan, Reason: a.Reason,
		Counts: map[string]int{"invalid": s.Invalid, "duplicates": s.Duplicates, "protected": s.Protected,
			"remaining": s.Remaining}}
	for _, o := range outcomes {
		if n := *s.of(o.Outcome); n > 0 {
			seal.Counts[string(o.Outcome)] = n
		}
	}
	return seal
}

// setAside gives the seal that is there, with its signature and its timestamp, a name of its own. It is copied, so that
// there is one whatever happens; a run that died here before has done so already.
func setAside(dir *journal.Dir) (*SealedFile, error) {
	text, err := ReadSeal(dir, SealName)
	if text == nil {
		return nil, err
	}
	for n := 1; ; n++ {
		name := fmt.Sprintf("seal.%d.json", n)
		there, err := ReadSeal(dir, name)
		if err != nil {
			return nil, err
		}
		if there != nil && !bytes.Equal(there, text) {
			continue
		}
		if err := copySeal(dir, name); err != nil {
			return nil, err
		}
		f, err := Sum(dir, name)
		return &f, err
	}
}

// copySeal copies the seal, and what vouches for it.
func copySeal(dir *journal.Dir, name string) error {
	for _, from := range SealNames() {
		text, err := ReadSeal(dir, from)
		if text != nil {
			err = dir.WriteFile(name+strings.TrimPrefix(from, SealName), text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Unseal sets the seal aside, with what vouches for it, for a folder that is about to be changed.
func Unseal(dir *journal.Dir) error {
	_, err := setAside(dir)
	for _, name := range SealNames() {
		if err == nil {
			err = dir.Remove(name)
		}
	}
	return err
}

// SealNames are the seal and the files that vouch for it, which it cannot be about.
func SealNames() []string { return []string{SealName, SignatureName, StampName} }

// sums describes the files that a seal is about. What is no regular file is there without a hash, and an error.
func sums(dir *journal.Dir) (files []SealedFile, err error) {
	names, err := dir.Files()
	for _, name := range names {
		if IsPassing(name) || slices.Contains(SealNames(), name) || journal.IsTemporary(name) {
			continue
		}
		f, failed := Sum(dir, name)
		if failed != nil && !errors.Is(failed, journal.ErrNotRegular) {
			return nil, failed
		}
		files, err = append(files, f), cmp.Or(err, failed)
	}
	return files, err
}

// Sum describes a file of a folder as it is now.
func Sum(dir *journal.Dir, name string) (SealedFile, error) {
	f, err := dir.Open(name)
	if err != nil {
		return SealedFile{Name: name}, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return SealedFile{name, n, hex.EncodeToString(sum.Sum(nil))}, err
}

// Check gives the files that are not what was sealed, and what is wrong with each.
func (s *Seal) Check(dir *journal.Dir) (wrong map[string]string, err error) {
	now, err := sums(dir)
	if err != nil && !errors.Is(err, journal.ErrNotRegular) {
		return nil, err
	}
	wrong = map[string]string{}
	for _, f := range now {
		wrong[f.Name] = "is not in the seal"
	}
	for _, f := range s.Redacted {
		if delete(wrong, f.Name); dir.Has(f.Name) {
			wrong[f.Name] = "is redacted, and still there"
		}
	}
	for _, f := range s.Files {
		switch _, there := wrong[f.Name]; {
		case !there:
			wrong[f.Name] = "is sealed and missing"
		case slices.Contains(now, f):
			delete(wrong, f.Name)
		default:
			wrong[f.Name] = "is not the file that was sealed"
		}
	}
	return wrong, nil
}

// Tells says whether what the seal says of a run is so.
func (s *Seal) Tells(run *Run, sum *Summary) bool {
	is := *s
	is.SealedAt, is.Files, is.Replaces, is.Redacted, is.RedactedBy = time.Time{}, nil, nil, nil, ""
	should := newSeal(run, sum)
	should.SealedAt = time.Time{}
	return reflect.DeepEqual(&is, should)
}
