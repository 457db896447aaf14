package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"bulkdelete/pkg/journal"
)

// The states of a run.
const (
	Running = "running"
	Paused  = "paused"
	Over    = "ended"
	Died    = "died"
)

// Status is how a run stands: status.json, which the run writes whole every second, and what bulkdelete status prints.
// It holds nobody's data, and no proof: it is not sealed.
type Status struct {
	State     string    `json:"state"`
	ExitCode  int       `json:"exit_code"` // that of the state
	PID       int       `json:"pid"`
	Host      string    `json:"host"` // the machine's name
	By        string    `json:"by"`
	StartedAt time.Time `json:"started_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Users     int       `json:"users"`   // accepted
	Done      int       `json:"done"`    // by all runs on the folder
	Left      int       `json:"left"`    //
	Pace      float64   `json:"pace"`    // calls a second, lately
	Ceiling   float64   `json:"ceiling"` // calls a second at the most at present
	HeldBy    string    `json:"held_by"` // what keeps it from being faster, in a sentence
	Retries   int       `json:"retries_60s"`
	Throttled int       `json:"throttled_60s"`
	LastError *Trouble  `json:"last_error"`         // nil: none
	Seconds   *int      `json:"seconds_left"`       // nil: nobody can say
	Obeyed    time.Time `json:"obeyed_at,omitzero"` // when what pace asked for last was asked; zero: nothing was
}

// Trouble is an attempt that failed.
type Trouble struct {
	Message   string    `json:"message"`
	RequestID string    `json:"request_id"`
	At        time.Time `json:"at"`
}

// PaceChange is what bulkdelete pace asks of a run: control.json, and what run.json keeps of it.
type PaceChange struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Rate string    `json:"rate"` // as --rate has it, or Pause or Resume
}

// What a pace can be besides a rate.
const (
	Pause  = "pause"
	Resume = "resume"
)

// Kept is what the changes of pace come to: the last rate, nil if none was given, and the pause that holds, nil if none
// does.
func (s *Session) Kept() (rate, pause *PaceChange) {
	for i := range s.Paces {
		switch c := &s.Paces[i]; c.Rate {
		case Pause:
			pause = c
		case Resume:
			pause = nil
		default:
			rate, pause = c, nil
		}
	}
	return rate, pause
}

// Save writes status.json whole.
func (s *Status) Save(dir *journal.Dir) error { return save(dir, StatusName, s) }

// Save writes control.json whole.
func (c *PaceChange) Save(dir *journal.Dir) error { return save(dir, ControlName, c) }

// LoadStatus reads status.json, nil if there is none.
func LoadStatus(dir *journal.Dir) (*Status, error) { return load[Status](dir, StatusName) }

// LoadControl reads control.json, nil if there is none.
func LoadControl(dir *journal.Dir) (*PaceChange, error) { return load[PaceChange](dir, ControlName) }

// load reads a file of JSON, nil if there is none.
func load[T any](dir *journal.Dir, name string) (*T, error) {
	text, err := dir.ReadFile(name, maxRun)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var of T
	if err == nil {
		err = json.Unmarshal(text, &of)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", dir.Name(name), err)
	}
	return &of, nil
}

// IsPassing says whether a file is about the present alone: it is neither sealed nor copied.
func IsPassing(name string) bool {
	return slices.Contains([]string{LockName, StatusName, ControlName, InputName}, name)
}
