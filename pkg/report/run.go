package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bulkdelete/pkg/journal"
)

// The names of the files in a run's folder.
const (
	RunName       = "run.json"
	AuditName     = "audit.csv"
	DeletedName   = "deleted.csv"
	SuspendedName = "suspended.csv"
	RestoredName  = "restored.csv"
	FailedName    = "failed.csv"
	RejectedName  = "rejected.csv"
	SparedName    = "spared.csv"
	RemainingName = "remaining.csv"
	SummaryName   = "summary.json"
	PageName      = "report.html"
	BackupName    = "backup.jsonl.zst"
	CreatedName   = "created.jsonl.zst" // of a restore: the users as they are now, in the form of the backup
	ProtectName   = "protect.csv"
	SealName      = "seal.json"
	SignatureName = "seal.json.sig"
	StampName     = "seal.json.tsr"
	InputName     = "input" // the copy of an input that is no file
	LockName      = "lock"
	StatusName    = "status.json"
	ControlName   = "control.json"
	RestoreName   = "restore" // a folder of its own, with the same files
)

// Deed is what a run does to users.
type Deed string

// The deeds.
const (
	Delete    Deed = "delete"
	Suspend   Deed = "suspend"
	Restore   Deed = "restore"   // what Delete did: the users are created again
	Reinstate Deed = "reinstate" // what Suspend did: they get the status that they had
)

// Undoes says whether the deed undoes another run's, in a folder inside of that one's.
func (d Deed) Undoes() bool { return d == Restore || d == Reinstate }

// Past is what has happened to users whom the deed was done to, such as deleted.
func (d Deed) Past() string { return d.words().past }

// Run is run.json: what was asked, which never changes, and what a run that goes on has to know besides the audit.
type Run struct {
	Format  int       `json:"format"`  // of the folder: RunFormat
	Program string    `json:"program"` // the version of bulkdelete that wrote this file last
	Asked   Asked     `json:"asked"`
	Workers int       `json:"workers"` // the largest number of any run on this folder
	Open    bool      `json:"open"`    // a run is sending, or died doing so
	Runs    []Session `json:"runs"`    // on this folder, that sent something or found nothing left to send
}

// RunFormat is the format that this version reads and writes.
const RunFormat = 2

// Asked is what every run on a folder has to agree with, and who asked for it first. The chain of the audit's rows
// begins with its SHA-256, so none of it can be changed later without being seen. All its values are strings in
// JSON.
type Asked struct {
	Deed     Deed              `json:"deed"`
	Input    Input             `json:"input"`
	Plan     Plan              `json:"plan"`
	Options  map[string]string `json:"options"` // of planning
	Protect  string            `json:"protect"` // SHA-256 of protect.csv; "": nobody is protected
	Backup   string            `json:"backup"`  // "true" or ""
	Host     string            `json:"host"`
	UserPool string            `json:"user_pool"`
	TenantID string            `json:"tenant_id"`
	By       string            `json:"by"` // the operating system's user and machine
	At       string            `json:"at"` // RFC 3339, UTC
	Reason   string            `json:"reason"`

	raw json.RawMessage // as run.json has it
}

// Copy gives the same, to be changed into what is asked of another run.
func (a Asked) Copy() Asked {
	a.raw = nil
	return a
}

// Input is the file whose users a run is about.
type Input struct {
	Name   string `json:"name"` // as it was given; a URL without its query
	Path   string `json:"path"` // absolute
	URL    string `json:"url"`  // where Path was copied from, without its query
	ETag   string `json:"etag"` // what the object at URL had then
	Bytes  int64  `json:"bytes,string"`
	SHA256 string `json:"sha256"`
}

// Plan is what planning the input came to.
type Plan struct {
	Digest     string `json:"digest"` // of its chunks
	Rows       int    `json:"rows,string"`
	Accepted   int    `json:"accepted,string"`
	Invalid    int    `json:"invalid,string"`
	Duplicates int    `json:"duplicates,string"`
	Protected  int    `json:"protected,string"`
	Chunks     int    `json:"chunks,string"`
	ChunkSize  int    `json:"chunk_size,string"`
}

// Session is one run on a folder: what may differ from one to the next.
type Session struct {
	StartedAt  time.Time         `json:"started_at"`
	Program    string            `json:"program"` // version of bulkdelete
	By         string            `json:"by"`      // the operating system's user and machine
	PID        int               `json:"pid"`
	Dir        string            `json:"dir"`                // the folder, as it was given
	WorkDir    string            `json:"work_dir,omitempty"` // where it was given
	Approved   string            `json:"approved"`           // typed, or --yes
	Signer     string            `json:"signer,omitempty"`   // whose key signs the seal: fingerprint, name if known
	Plan       *Approval         `json:"plan,omitempty"`
	Reason     string            `json:"reason,omitempty"`
	Guards     map[string]string `json:"guards,omitempty"` // flags that could have refused or stopped it
	Workers    int               `json:"workers"`
	Rate       string            `json:"rate,omitempty"`
	Paces      []PaceChange      `json:"paces,omitempty"`       // asked of it while it ran, or of the run before and kept
	Resume     string            `json:"resume"`                // the command that goes on with it
	Lang       string            `json:"lang,omitempty"`        // of the page: en, or zh beside it
	Torn       int               `json:"torn,omitempty"`        // rows of a run that died that were cut off
	Sample     *Sample           `json:"sample,omitempty"`      // of the users, looked up before
	PoolBefore *int              `json:"pool_before,omitempty"` // users in the pool, where they could be counted
	Ended      *Ended            `json:"ended,omitempty"`       // nil: it runs, or died
}

// Sample is what looking up some rows' users came to before a run.
type Sample struct {
	Rows   int            `json:"rows"` // whose users were looked up
	Exist  int            `json:"exist"`
	Differ map[string]int `json:"differ,omitempty"` // users whose row and profile differ, by field
}

// Approval is the plan that a second person approved.
type Approval struct {
	By       string `json:"by"` // who saved it: the operating system's user and machine
	Digest   string `json:"digest"`
	SignedBy string `json:"signed_by,omitempty"` // a name on the list of --allowed-signers, and the key's fingerprint
}

// Ended is how a run ended.
type Ended struct {
	At        time.Time `json:"at"`
	ExitCode  int       `json:"exit_code"`
	Reason    string    `json:"reason,omitempty"`
	LastHash  string    `json:"last_hash"`          // of the audit's last row
	InDoubt   []int     `json:"in_doubt,omitempty"` // chunks without a row that a call may have been carried out for
	PoolAfter *int      `json:"pool_after,omitempty"`
}

// maxRun bounds run.json and other files of JSON when they are read.
const maxRun = 16 << 20

// ErrFormat says that another version of bulkdelete made a run.json.
var ErrFormat = fmt.Errorf("this version reads format %d", RunFormat)

// LoadRun reads run.json. The error wraps fs.ErrNotExist if there is none, and ErrFormat if another version of
// bulkdelete made it.
func LoadRun(dir *journal.Dir) (*Run, error) {
	text, err := dir.ReadFile(RunName, maxRun)
	if err != nil {
		return nil, err
	}
	var by struct {
		Version int // of the first format
		Format  int
		Program string
	}
	_ = json.Unmarshal(text, &by) // what else it cannot be is found below
	if format := cmp.Or(by.Format, by.Version); format > 0 && format != RunFormat {
		return nil, fmt.Errorf("%s has format %d, and %w: use bulkdelete %s, which made it",
			RunName, format, ErrFormat, by.Program)
	}
	var r Run
	if err = json.Unmarshal(text, &r); err == nil {
		err = r.check()
	}
	if err != nil {
		return nil, &journal.DamageError{File: RunName, Err: err}
	}
	return &r, nil
}

// UnmarshalJSON reads the canonical form, which the audit is bound to, and nothing that a name given twice could add
// to it.
func (a *Asked) UnmarshalJSON(raw []byte) error {
	text, err := canonical(raw)
	if err != nil {
		return err
	}
	type plain Asked
	*a = Asked{}
	err = json.Unmarshal(text, (*plain)(a))
	a.raw = bytes.Clone(raw)
	return err
}

// check refuses what no version can have written.
func (r *Run) check() error {
	p := r.Asked.Plan
	sound := r.Format == RunFormat && p.ChunkSize >= 1 && p.ChunkSize <= 64 && p.Accepted >= 0
	if !sound || p.Chunks != (p.Accepted+p.ChunkSize-1)/p.ChunkSize {
		return errors.New("it contradicts itself")
	}
	if last := r.Last(); r.Open != (last != nil && last.Ended == nil) {
		return errors.New("it contradicts itself about whether a run is open")
	}
	return nil
}

// Begun says whether a run on the folder has begun, so that something may have been sent.
func (r *Run) Begun() bool { return len(r.Runs) > 0 }

// Last is the latest run on the folder, nil if there is none.
func (r *Run) Last() *Session {
	if len(r.Runs) == 0 {
		return nil
	}
	return &r.Runs[len(r.Runs)-1]
}

// Lang is the language that the page is in: en, or zh beside it.
func (r *Run) Lang() string {
	if last := r.Last(); last != nil {
		return cmp.Or(last.Lang, "en")
	}
	return "en"
}

// LastEnd is how the latest run that ended did, nil if none has.
func (r *Run) LastEnd() *Ended {
	for _, s := range slices.Backward(r.Runs) {
		if s.Ended != nil {
			return s.Ended
		}
	}
	return nil
}

// lastHash is that of the audit's last row when a run last ended, "" if none has.
func (r *Run) lastHash() string {
	if e := r.LastEnd(); e != nil {
		return e.LastHash
	}
	return ""
}

// tail is how many rows a crash can have torn at the end of the audit: none unless a run is open.
func (r *Run) tail() int {
	if !r.Open {
		return 0
	}
	return max(1, r.Workers)
}

// Seed is what the audit's first row follows: the SHA-256, in hexadecimal, of asked in its canonical form.
func (r *Run) Seed() string {
	raw, _ := r.Asked.MarshalJSON() // strings and integers: cannot fail
	text, _ := canonical(raw)       // nor can what was read so
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Save writes run.json whole: a crash leaves the old one or the new one.
func (r *Run) Save(dir *journal.Dir) error { return save(dir, RunName, r) }

// MarshalJSON keeps what was read as it was.
func (a Asked) MarshalJSON() ([]byte, error) {
	if a.raw != nil {
		return a.raw, nil
	}
	type plain Asked
	return marshal(plain(a), "")
}

func save(dir *journal.Dir, name string, from any) error {
	text, err := marshal(from, indent)
	if err != nil {
		return err
	}
	return dir.WriteFile(name, text)
}

const indent = "  " // of all files of JSON

// marshal leaves <, > and & as they are.
func marshal(from any, indent string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	err := enc.Encode(from)
	return b.Bytes(), err
}

// canonical gives JSON whose values are all strings as Python's json.dumps(asked, sort_keys=True, separators=(",",
// ":"), ensure_ascii=False) writes it.
func canonical(raw json.RawMessage) ([]byte, error) {
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil, err
	}
	if err := allText(value); err != nil {
		return nil, err
	}
	text, err := marshal(value, "")
	// Go escapes two characters that Python does not. An escaped backslash is passed over: what follows it is text.
	plain := strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029")
	return []byte(plain.Replace(strings.TrimSuffix(string(text), "\n"))), err
}

func allText(value any) error {
	switch v := value.(type) {
	case string:
		return nil
	case map[string]any:
		for _, inner := range v {
			if err := allText(inner); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("asked holds %v, which is no text", value)
}
