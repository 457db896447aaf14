package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"
)

// The names of the files in a run's folder.
const (
	RunName       = "run.json"
	AuditName     = "audit.csv"
	DeletedName   = "deleted.csv"
	FailedName    = "failed.csv"
	RejectedName  = "rejected.csv"
	RemainingName = "remaining.csv"
	SummaryName   = "summary.json"
	PageName      = "report.html"
	BackupName    = "backup.jsonl.zst"
	LockName      = "lock"
)

// Run is run.json: what was asked, and what a run that goes on has to know besides the audit.
type Run struct {
	Version    int               `json:"version"` // of this file's form: 1
	Program    string            `json:"program"` // version of bulkdelete
	CreatedAt  time.Time         `json:"created_at"`
	By         string            `json:"by"` // the operating system's user and machine that planned it
	Input      Input             `json:"input"`
	Options    map[string]string `json:"options"` // those that change the result
	PlanDigest string            `json:"plan_digest"`
	Rows       int               `json:"rows"`
	Accepted   int               `json:"accepted"`
	Invalid    int               `json:"invalid"`
	Duplicates int               `json:"duplicates"`
	Protected  int               `json:"protected"`
	Chunks     int               `json:"chunks"`
	ChunkSize  int               `json:"chunk_size"`
	Host       string            `json:"host"`
	UserPool   string            `json:"user_pool"`
	Workers    int               `json:"workers"`  // the largest number of any run on this folder
	Open       bool              `json:"open"`     // a run is sending, or died doing so
	InDoubt    []int             `json:"in_doubt"` // chunks that a run which ended in order left without a settled answer
	Ended      *Ended            `json:"ended,omitempty"`
}

// Input is the file that a run deletes from.
type Input struct {
	Name   string `json:"name"`           // as it was given; a URL without its query
	Path   string `json:"path"`           // absolute
	URL    string `json:"url,omitempty"`  // where Path was copied from, without its query
	ETag   string `json:"etag,omitempty"` // what the object at URL had then
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Ended is how the last run on a folder ended.
type Ended struct {
	At       time.Time `json:"at"`
	ExitCode int       `json:"exit_code"`
	Reason   string    `json:"reason,omitempty"`
}

// maxRun bounds run.json and summary.json when they are read.
const maxRun = 16 << 20

// LoadRun reads run.json. The error wraps fs.ErrNotExist if there is none.
func LoadRun(dir string) (*Run, error) {
	var r Run
	if err := load(filepath.Join(dir, RunName), &r); err != nil {
		return nil, err
	}
	if r.Version != 1 {
		return nil, fmt.Errorf("%s has version %d: it was made by another version of bulkdelete", filepath.Join(dir, RunName), r.Version)
	}
	if r.ChunkSize < 1 || r.ChunkSize > 64 || r.Accepted < 0 || r.Chunks != (r.Accepted+r.ChunkSize-1)/r.ChunkSize {
		return nil, fmt.Errorf("%s contradicts itself: it was edited", filepath.Join(dir, RunName))
	}
	return &r, nil
}

func load(path string, into any) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > maxRun {
		return fmt.Errorf("%s is %d bytes long: that is no file of bulkdelete's", path, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s cannot be understood: %w", path, err)
	}
	return nil
}

// Save writes run.json whole: a crash leaves the old one or the new one.
func (r *Run) Save(dir string) error { return save(filepath.Join(dir, RunName), r) }

func save(path string, from any) error {
	text, err := json.MarshalIndent(from, "", "  ")
	if err != nil {
		return err
	}
	return renameio.WriteFile(path, append(text, '\n'), 0o600, renameio.WithStaticPermissions(0o600))
}

// MakeDir makes a run's folder, for its owner alone. One that is there is left as it is.
func MakeDir(dir string) error { return os.MkdirAll(dir, 0o700) }

// ErrInUse says that another run works on the folder. It comes wrapped, with the process that does.
var ErrInUse = errors.New("another run works on it")

// Lock holds a run's folder until unlock is called or the process ends, however it ends.
func Lock(dir string) (unlock func() error, err error) {
	path := filepath.Join(dir, LockName)
	l := flock.New(path, flock.SetPermissions(0o600))
	locked, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("cannot lock %s: %w", path, err)
	}
	if !locked {
		holder, _ := os.ReadFile(path) // whoever locked it may not have written it yet
		return nil, fmt.Errorf("%w: process %s", ErrInUse, strings.TrimSpace(string(holder)))
	}
	host, _ := os.Hostname()
	if err := os.WriteFile(path, fmt.Appendf(nil, "%d on %s\n", os.Getpid(), host), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot write %s: %w", path, err), l.Unlock())
	}
	return l.Unlock, nil
}
