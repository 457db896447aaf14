package job

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"bulkdelete/pkg/attest"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// savedPlan is plan.json: what a second person approves.
type savedPlan struct {
	Version   int         `json:"version"` // 2
	Program   string      `json:"program"`
	CreatedAt string      `json:"created_at"` // RFC 3339
	By        string      `json:"by"`
	Deed      report.Deed `json:"deed,omitempty"` // "": delete
	Input     struct {
		Name   string `json:"name"`
		Bytes  int64  `json:"bytes"`
		SHA256 string `json:"sha256"`
	} `json:"input"`
	Rows       int               `json:"rows"`
	Accepted   int               `json:"accepted"`
	Invalid    int               `json:"invalid"`
	Duplicates int               `json:"duplicates"`
	Protected  int               `json:"protected"`
	Calls      int               `json:"calls"`
	ChunkSize  int               `json:"chunk_size"`
	Options    map[string]string `json:"options"`
	Protect    string            `json:"protect"` // SHA-256 of the protected IDs
	Backup     string            `json:"backup"`
	Host       string            `json:"host"`
	UserPool   string            `json:"user_pool"`
	TenantID   string            `json:"tenant_id"`
	Reason     string            `json:"reason"`
	PlanDigest string            `json:"plan_digest"`
	Digest     string            `json:"digest"` // SHA-256 of this file's JSON with an empty digest
}

func (s savedPlan) digest() string {
	s.Digest = ""
	text, _ := json.Marshal(s) // strings, integers and a time: cannot fail
	return sha256Hex(text)
}

// MarshalPlan gives what run describes as the JSON of a plan, with its digest.
func MarshalPlan(run *report.Run) ([]byte, error) {
	a, p := run.Asked, run.Asked.Plan
	s := savedPlan{
		Version: 2, Program: run.Program, CreatedAt: a.At, By: a.By, Reason: a.Reason,
		Rows: p.Rows, Accepted: p.Accepted, Invalid: p.Invalid, Duplicates: p.Duplicates, Protected: p.Protected,
		Calls: p.Chunks, ChunkSize: p.ChunkSize, PlanDigest: p.Digest,
		Options: a.Options, Protect: a.Protect, Backup: a.Backup,
		Host: a.Host, UserPool: a.UserPool, TenantID: a.TenantID,
	}
	s.Input.Name, s.Input.Bytes, s.Input.SHA256 = a.Input.Name, a.Input.Bytes, a.Input.SHA256
	if a.Deed != report.Delete {
		s.Deed = a.Deed
	}
	s.Digest = s.digest()
	text, err := json.MarshalIndent(s, "", "  ")
	return append(text, '\n'), err
}

// run describes what was approved, as far as a run has to agree with it.
func (s savedPlan) run() *report.Run {
	return &report.Run{Asked: report.Asked{
		Deed: cmp.Or(s.Deed, report.Delete), Input: report.Input{SHA256: s.Input.SHA256},
		Plan: report.Plan{Digest: s.PlanDigest, Rows: s.Rows, Accepted: s.Accepted}, Options: s.Options,
		Protect: s.Protect, Backup: s.Backup, Host: s.Host, UserPool: s.UserPool, TenantID: s.TenantID,
	}}
}

// signed is what a plan's name and its signature's differ in.
const signed = ".sig"

// SavePlan writes what run describes to path, whole, for a second person to approve, and beside it who key says has
// approved it; nil: nobody yet.
func SavePlan(path string, run *report.Run, key *attest.Key) error {
	text, err := MarshalPlan(run)
	var signature []byte
	if err == nil && key != nil {
		signature, err = key.Sign(text)
	}
	var dir *journal.Dir
	if err == nil {
		dir, err = journal.OpenDir(filepath.Dir(path))
	}
	if err == nil {
		name := filepath.Base(path)
		err = errors.Join(dir.Remove(name+signed), dir.WriteFile(name, text))
		if err == nil && key != nil {
			err = dir.WriteFile(name+signed, signature)
		}
		err = errors.Join(err, dir.Close())
	}
	if err != nil {
		return Fail(Usage, "give a path that can be written with --save", "the plan cannot be saved: %w", err)
	}
	return nil
}

// CheckPlan refuses a run that is not what the plan at path says, and shows the difference. It gives who approved what:
// one of signers, where these are not nil, and somebody else than who runs it, whose key may be nil: not known.
func CheckPlan(path string, run *report.Run, signers *attest.Signers, runs *attest.Key) (*report.Approval, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, Fail(Usage, "", "the plan cannot be read: %w", err)
	}
	var s savedPlan
	if err := json.Unmarshal(text, &s); err != nil || s.Version != 2 {
		return nil, Fail(Usage, "make one with bulkdelete plan FILE --save plan.json",
			"%s is not a plan that this version can read (%v)", path, err)
	}
	if s.Digest != s.digest() {
		return nil, Fail(Guard, "have it approved again",
			"the plan %s has been edited since it was saved: its digest does not fit", path)
	}
	if diff := differences(s.run(), run); diff != "" {
		return nil, Fail(Guard, "plan again and have it approved, or give the input and options that were approved",
			"this run is not what the plan %s says:%s", path, diff)
	}
	by, err := signerOf(path, text, signers, runs)
	if err != nil {
		return nil, err
	}
	return &report.Approval{By: s.By, Digest: s.Digest, SignedBy: by}, nil
}

// signerOf says who signed a plan.
func signerOf(path string, plan []byte, signers *attest.Signers, runs *attest.Key) (by string, err error) {
	if signers == nil {
		return "", nil
	}
	const again = "have somebody else make it again: bulkdelete plan FILE --save plan.json --sign-key FILE"
	signature, err := os.ReadFile(path + signed)
	if err != nil {
		return "", Fail(Usage, again, "--allowed-signers asks for a signed plan: %w", err)
	}
	who, err := signers.Verify(plan, signature, time.Now())
	if err != nil {
		return "", Fail(Guard, again, "the signature of the plan %s does not hold: %w", path, err)
	}
	if runs != nil && (who.Key == runs.Fingerprint() || who.By == signers.NameOf(runs)) {
		return "", Fail(Guard, again, "%s signed the plan and runs it: a second pair of eyes is somebody else's", who)
	}
	return who.String(), nil
}
