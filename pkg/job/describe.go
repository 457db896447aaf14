package job

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/report"
)

// operator names who runs the program, for the auditor: user@machine, as far as the system knows.
func operator() string {
	who, where := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		where = h
	}
	return who + "@" + where
}

// Target is whose users a job deletes.
type Target struct {
	Host     string // API root, or "sandbox"
	UserPool string // its ID; "" while nobody has logged in
	TenantID string
	Backup   bool // save each user's profile before deleting the user
}

// optionBackup is an option that changes what a run leaves behind: one that goes on has to agree with it, lest the rest be
// deleted without a backup.
const optionBackup = "backup"

// Describe writes down what is asked for: the part of run.json that a run that goes on must agree with. protect names
// the files that plan.Options.Protect was read from.
func Describe(in *Input, plan *chunker.Plan, target Target, protect []string) *report.Run {
	run := &report.Run{
		Version:    1,
		PlanDigest: hex.EncodeToString(plan.Digest[:]),
		Rows:       plan.Rows, Accepted: plan.Accepted, Invalid: plan.Invalid,
		Duplicates: plan.Duplicates, Protected: plan.Protected,
		Chunks: plan.Chunks, ChunkSize: plan.Options.ChunkSize,
		Host: target.Host, UserPool: target.UserPool,
		CreatedAt: time.Now().UTC(), By: operator(),
		Options: map[string]string{},
	}
	run.Input.Name, run.Input.Path, run.Input.URL, run.Input.ETag = in.Name, in.Path, in.URL, in.ETag
	run.Input.Bytes, run.Input.SHA256 = plan.Bytes, hex.EncodeToString(plan.SHA256[:])
	o := plan.Options
	set := func(name, value string) {
		if value != "" {
			run.Options[name] = value
		}
	}
	set("id_type", o.IDType)
	set("column", o.Column)
	set("encoding", o.Encoding)
	set("chunk_size", strconv.Itoa(o.ChunkSize))
	set("tenant_id", target.TenantID)
	if o.Shards > 1 {
		set("shard", fmt.Sprintf("%d/%d", o.Shard, o.Shards))
	}
	set("protect", strings.Join(protect, "\n"))
	if o.Delimiter != 0 {
		set("delimiter", string(o.Delimiter))
	}
	if target.Backup {
		set(optionBackup, "true")
	}
	if o.NoHeader {
		set("no_header", "true")
	}
	if o.NoValidate {
		set("no_validate", "true")
	}
	return run
}

// Planned gives the options that a run was planned with and the files its protected IDs came from.
func Planned(run *report.Run) (o chunker.Options, protect []string) {
	get := run.Options
	o = chunker.Options{
		Column: get["column"], IDType: get["id_type"], Encoding: get["encoding"],
		NoHeader: get["no_header"] == "true", NoValidate: get["no_validate"] == "true", ChunkSize: run.ChunkSize,
	}
	fmt.Sscanf(get["shard"], "%d/%d", &o.Shard, &o.Shards) // "": not divided
	for _, r := range get["delimiter"] {
		o.Delimiter = r
	}
	if get["protect"] != "" {
		protect = strings.Split(get["protect"], "\n")
	}
	return o, protect
}

// differences names what two descriptions do not have in common, one line each. A user pool that nobody has asked for
// yet is not compared.
func differences(have, want *report.Run) []string {
	var diff []string
	compare := func(what, have, want string) {
		if have != want {
			diff = append(diff, fmt.Sprintf("%s: %s there, %s now", what, orNone(have), orNone(want)))
		}
	}
	compare("input's SHA-256", have.Input.SHA256, want.Input.SHA256)
	compare("accepted rows", strconv.Itoa(have.Accepted), strconv.Itoa(want.Accepted))
	compare("rejected rows", strconv.Itoa(have.Rows-have.Accepted), strconv.Itoa(want.Rows-want.Accepted))
	compare("host", have.Host, want.Host)
	if want.UserPool != "" {
		compare("user pool", have.UserPool, want.UserPool)
	}
	names := maps.Clone(have.Options)
	maps.Copy(names, want.Options)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		compare("--"+strings.ReplaceAll(name, "_", "-"), have.Options[name], want.Options[name])
	}
	if len(diff) == 0 && have.PlanDigest != want.PlanDigest {
		compare("plan's digest", have.PlanDigest, want.PlanDigest)
	}
	return diff
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return strings.ReplaceAll(s, "\n", ", ")
}

func list(lines []string) string { return "\n  " + strings.Join(lines, "\n  ") }

// savedPlan is plan.json: what a second person approves.
type savedPlan struct {
	Version    int               `json:"version"`
	Program    string            `json:"program"`
	CreatedAt  time.Time         `json:"created_at"`
	Input      savedInput        `json:"input"`
	Rows       int               `json:"rows"`
	Accepted   int               `json:"accepted"`
	Invalid    int               `json:"invalid"`
	Duplicates int               `json:"duplicates"`
	Protected  int               `json:"protected"`
	Calls      int               `json:"calls"`
	ChunkSize  int               `json:"chunk_size"`
	Options    map[string]string `json:"options"`
	Host       string            `json:"host"`
	UserPool   string            `json:"user_pool"`
	PlanDigest string            `json:"plan_digest"`
	Digest     string            `json:"digest"` // SHA-256 of this file's JSON with an empty digest
}

type savedInput struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func (s savedPlan) digest() string {
	s.Digest = ""
	text, _ := json.Marshal(s) // strings, integers and a time: cannot fail
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// MarshalPlan gives what run describes as the JSON of a plan, with its digest.
func MarshalPlan(run *report.Run) ([]byte, error) {
	s := savedPlan{
		Version: 1, Program: run.Program, CreatedAt: run.CreatedAt,
		Input: savedInput{run.Input.Name, run.Input.Bytes, run.Input.SHA256},
		Rows:  run.Rows, Accepted: run.Accepted, Invalid: run.Invalid, Duplicates: run.Duplicates, Protected: run.Protected,
		Calls: run.Chunks, ChunkSize: run.ChunkSize, Options: run.Options,
		Host: run.Host, UserPool: run.UserPool, PlanDigest: run.PlanDigest,
	}
	s.Digest = s.digest()
	text, err := json.MarshalIndent(s, "", "  ")
	return append(text, '\n'), err
}

// SavePlan writes what run describes to path, whole, for a second person to approve.
func SavePlan(path string, run *report.Run) error {
	text, err := MarshalPlan(run)
	if err == nil {
		err = renameio.WriteFile(path, text, 0o600, renameio.WithStaticPermissions(0o600))
	}
	if err != nil {
		return Fail(Usage, "give a path that can be written with --save", "the plan cannot be saved: %w", err)
	}
	return nil
}

// CheckPlan refuses a run that is not what the plan at path says, and shows the difference.
func CheckPlan(path string, run *report.Run) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return Fail(Usage, "", "the plan cannot be read: %w", err)
	}
	var s savedPlan
	if err := json.Unmarshal(text, &s); err != nil || s.Version != 1 {
		return Fail(Usage, "make one with bulkdelete plan FILE --save plan.json", "%s is not a plan that this version can read (%v)", path, err)
	}
	if s.Digest != s.digest() {
		return Fail(Guard, "have it approved again", "the plan %s has been edited since it was saved: its digest does not fit", path)
	}
	have := &report.Run{Rows: s.Rows, Accepted: s.Accepted, Invalid: s.Invalid, Chunks: s.Calls, ChunkSize: s.ChunkSize,
		Options: s.Options, Host: s.Host, UserPool: s.UserPool, PlanDigest: s.PlanDigest}
	have.Input.SHA256 = s.Input.SHA256
	if diff := differences(have, run); len(diff) > 0 {
		return Fail(Guard, "plan again and have it approved, or give the input and options that were approved",
			"this run is not what the plan %s says:%s", path, list(diff))
	}
	return nil
}
