package job

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"bulkdelete/pkg/attest"
	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// View is a run's folder as a stranger reads it, and what verifying it came to: nothing in it is touched, and nobody
// else is kept out.
type View struct {
	Run  *report.Run   `json:"-"`
	Plan *chunker.Plan `json:"-"` // nil: the input is not at hand, see Unchecked

	Deed      report.Deed `json:"deed"`
	Finished  bool        `json:"finished"`  // every accepted row has an outcome, and the last run ended in order
	Whole     bool        `json:"whole"`     // there is no problem
	Unchecked []string    `json:"unchecked"` // what could not be checked, and why
	Problems  []string    `json:"problems"`  // what does not hold

	AuditRows   int                    `json:"audit_rows"`
	LastRowHash string                 `json:"last_row_hash"`
	Users       map[report.Outcome]int `json:"-"`
	Deleted     int                    `json:"deleted"`
	Suspended   int                    `json:"suspended"`
	Absent      int                    `json:"absent"`
	Spared      int                    `json:"spared"`
	Mismatched  int                    `json:"mismatched"` // of the spared: --match found somebody else
	Failed      int                    `json:"failed"`
	Unknown     int                    `json:"unknown"`
	Invalid     int                    `json:"invalid"`            // rows
	Remaining   int                    `json:"remaining"`          // accepted users without an outcome
	Torn        int                    `json:"torn"`               // half written rows at the audit's end
	Saved       *int                   `json:"saved,omitempty"`    // users in the backup
	Restored    *int                   `json:"restored,omitempty"` // and created again, or set back
	Living      *int                   `json:"living,omitempty"`   // with --live: who still exists, or is not suspended

	Redacted  []string `json:"redacted,omitempty"`   // lists of people that were erased
	SignedBy  string   `json:"signed_by,omitempty"`  // the seal: who, and the key's fingerprint
	StampedAt string   `json:"stamped_at,omitempty"` // the seal was there then, RFC 3339

	dir     *journal.Dir
	want    Expect
	seal    *report.Seal    // nil: there is none, or it cannot be read
	lost    error           // why it cannot be read
	audit   *report.Audit   // nil: the audit does not hold
	deed    Deed            // nil: who the audit and the files tell of is not known
	sum     *report.Summary // nil: it could not be made
	closers []func() error
}

func (v *View) problem(format string, args ...any) {
	v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
}
func (v *View) unchecked(format string, args ...any) {
	v.Unchecked = append(v.Unchecked, fmt.Sprintf(format, args...))
}

// Expect is what a folder is held to besides itself.
type Expect struct {
	Input   string     // where the input is now; "": where it was
	Protect Protection // the lists that the first run was given, where protect.csv was erased; nil: protect.csv
	Hash    string     // that the audit's last row has to have; "": not known
	Program string     // the version of bulkdelete that verifies

	Signers     *attest.Signers     // who may sign the seal; nil: not known
	Authorities *attest.Authorities // who may say when it was there; nil: not known
}

// Verify holds the folder in dir to everything that can be checked. An error means that there is no run's folder,
// or that it cannot be read; what does not hold is in the view. Close it after use.
func Verify(ctx context.Context, dir string, want Expect) (_ *View, err error) {
	v := &View{want: want}
	v.Unchecked, v.Problems, v.Users = []string{}, []string{}, map[report.Outcome]int{}
	if v.dir, err = journal.OpenDir(dir); err != nil {
		return nil, Fail(Usage, folderHint, "%s is not a run's folder: %w", dir, err)
	}
	v.closers = append(v.closers, v.dir.Close)
	defer onError(&err, v.Close)
	if v.Run, err = loadRun(v.dir); err != nil {
		return nil, err
	}
	if v.Run == nil {
		return nil, Fail(Usage, folderHint, "%s is not a run's folder: it has no %s", dir, report.RunName)
	}
	v.Deed = v.Run.Asked.Deed
	v.seal, v.lost = report.LoadSeal(v.dir)
	if v.seal.IsRedacted() {
		for _, was := range v.seal.Redacted {
			v.Redacted = append(v.Redacted, was.Name)
		}
	}
	// From what all else rests on to what is made from it.
	for _, check := range []func(context.Context) error{
		v.checkAudit, v.checkPlan, v.checkFiles, v.checkBackup, v.checkSeal,
	} {
		if err := check(ctx); err != nil {
			return nil, err
		}
	}
	v.Whole = len(v.Problems) == 0
	if v.seal.IsRedacted() && v.Run.Asked.Deed.Undoes() {
		v.Remaining = 0 // whom it was about stood in the backup; only finished ones are redacted
	}
	v.Finished = v.audit != nil && v.Remaining == 0 && v.Run.Begun() && !v.Run.Open
	return v, nil
}

// Close closes what Verify opened.
func (v *View) Close() error { return closeAll(v.closers) }

// checkAudit reads the chain.
func (v *View) checkAudit(context.Context) error {
	audit, err := report.ReadAudit(v.dir, v.Run, nil)
	switch {
	case isDamage(err):
		v.problem("the audit cannot be believed: %v", err)
		v.unchecked("whatever rests on the audit: it does not hold")
		return nil
	case err != nil:
		return Fail(Halted, diskHint, "the audit cannot be read: %w", err)
	}
	v.audit, v.closers = audit, append(v.closers, audit.Close)
	v.AuditRows, v.LastRowHash, v.Torn = audit.Rows, audit.Hash(), audit.Torn
	v.Users, v.Remaining, v.Invalid = audit.Users, audit.Left(), v.Run.Asked.Plan.Invalid
	v.Deleted, v.Suspended = v.Users[report.Deleted], v.Users[report.Suspended]
	v.Absent = v.Users[report.Absent]
	v.Spared, v.Mismatched = v.Users[report.Spared], audit.Mismatched
	v.Failed, v.Unknown = v.Users[report.Failed], v.Users[report.Unknown]
	if hash := v.want.Hash; hash != "" && hash != audit.Hash() {
		v.problem("the audit's last row has the hash %s, not %s", audit.Hash(), hash)
	}
	return nil
}

// checkPlan finds what the files are made from besides the audit, and holds the audit's rows to the users planned.
func (v *View) checkPlan(ctx context.Context) error {
	const behind = "the users behind the audit's rows, and the files made from them: %v"
	if v.audit == nil {
		return nil
	}
	if v.Run.Asked.Deed.Undoes() {
		if err := v.openRestore(); err != nil {
			v.unchecked(behind, err)
		}
		return nil
	}
	record, err := planAgain(ctx, v.dir, v.Run, v.want.Input, v.want.Protect)
	if damage, ok := errors.AsType[*journal.DamageError](err); ok {
		v.problem("%v", damage)
	} else if err != nil && v.want.Input != "" {
		v.problem("%v", err)
	}
	if err != nil {
		v.unchecked(behind, err)
		return nil
	}
	v.deed, v.Plan, v.closers = record, record.Plan, append(v.closers, record.Input.Close)
	for err := range record.contradictions(v.audit) {
		if !isDamage(err) {
			return Fail(Halted, rerunHint, "the audit cannot be held to the plan: %w", err)
		}
		v.problem("%v", err)
	}
	return nil
}

// openRestore finds the backup that a restore is from, in the folder around.
func (v *View) openRestore() error {
	path := filepath.Dir(filepath.Clean(v.dir.Path))
	around, err := journal.OpenDir(path)
	if err != nil {
		return err
	}
	r := &Restore{closers: []func() error{around.Close}}
	v.closers = append(v.closers, r.Close)
	of, err := loadRun(around)
	if err == nil && of == nil {
		err = fmt.Errorf("%s has no %s: %w", path, report.RunName, fs.ErrNotExist)
	}
	if err == nil {
		err = r.read(around, of)
	}
	if err != nil {
		return err
	}
	if sum, err := report.Sum(around, report.BackupName); err != nil || sum.SHA256 != v.Run.Asked.Input.SHA256 {
		return errors.Join(err, fmt.Errorf("%s is not the backup that was restored", around.Name(report.BackupName)))
	}
	v.deed = r
	v.audit.LeaveOut(r.places)
	v.Remaining = v.audit.Left()
	return nil
}

// checkFiles compares what was made from the audit with what would be made now. In a redacted folder that is as much
// as can be made without the input.
func (v *View) checkFiles(context.Context) (err error) {
	var differ []string
	switch {
	case v.deed == nil && v.seal.IsRedacted():
		v.sum, differ, err = report.CompareRedacted(v.dir, v.Run)
	case v.deed == nil: // said already
		return nil
	case v.Run.Open:
		v.unchecked("the files made from the audit: a run is open, or died; bulkdelete report makes them again")
		return nil
	case !v.Run.Begun():
		return nil
	default:
		v.sum, differ, err = report.Compare(v.dir, v.Run, v.deed.layout(), v.deed.lines(v.dir, v.Run))
	}
	if err != nil {
		v.sum = nil
		v.problem("the files made from the audit cannot be made again: %v", err)
		return nil
	}
	for _, d := range differ {
		if name, _, _ := strings.Cut(d, " "); v.sealDecides(name) {
			v.unchecked("%s: version %s made it, and this is %s; it is what was sealed", name, v.Run.Program, v.want.Program)
		} else {
			v.problem("%s", d)
		}
	}
	return nil
}

// sealDecides says whether another version made a page or a summary, as far as is known, and it is what was sealed
// then.
func (v *View) sealDecides(name string) bool {
	other := v.Run.Program != v.want.Program || v.want.Program == Unversioned
	if !other || name != report.PageName && name != report.SummaryName {
		return false
	}
	is, err := report.Sum(v.dir, name)
	return err == nil && v.seal != nil && slices.Contains(v.seal.Files, is)
}

// checkBackup reads what was saved, and verifies the restore from it.
func (v *View) checkBackup(ctx context.Context) error {
	name := saves(v.Run)
	switch erased := v.seal.IsRedacted(); {
	case name == "", v.audit == nil && !erased:
		return nil
	case !erased:
		err := v.readSaved(name)
		if isDamage(err) {
			v.problem("the backup cannot be believed: %v", err)
			return nil
		}
		if err != nil {
			return Fail(Halted, diskHint, "the backup cannot be read: %w", err)
		}
	}
	if name != report.BackupName {
		return nil
	}
	return v.checkRestored(ctx)
}

// readSaved reads who was saved, and holds a backup to the audit: everybody deleted is in it.
func (v *View) readSaved(name string) error {
	if name != report.BackupName {
		created, err := report.ReadBackup(v.dir, v.Run, name)
		if err != nil {
			return err
		}
		return created.Close()
	}
	r := &Restore{}
	defer r.Close() //nolint:errcheck // it was only read
	if err := r.read(v.dir, v.Run); err != nil {
		return err
	}
	if v.Saved = new(r.backup.Users); r.Unsaved > 0 {
		v.problem("%d users were %s and are not in the backup", r.Unsaved, v.Run.Asked.Deed.Past())
	}
	return nil
}

// checkRestored verifies the restore that a folder holds.
func (v *View) checkRestored(ctx context.Context) error {
	v.Restored = new(int)
	if !v.dir.Has(report.RestoreName) {
		return nil
	}
	path := v.dir.Name(report.RestoreName)
	sub, err := Verify(ctx, path, Expect{Program: v.Run.Program, Signers: v.want.Signers, Authorities: v.want.Authorities})
	if err != nil {
		v.unchecked("%s: %v", path, err)
		return nil //nolint:nilerr // said in the view
	}
	*v.Restored = sub.Users[report.Restored]
	for _, p := range sub.Problems {
		v.problem("%s: %s", report.RestoreName, p)
	}
	for _, u := range sub.Unchecked {
		v.unchecked("%s: %s", report.RestoreName, u)
	}
	return sub.Close()
}

// checkSeal holds the folder's files to the seal. While a run is open its last seal is about what was before.
func (v *View) checkSeal(context.Context) error {
	seal := v.seal
	switch {
	case v.lost != nil:
		v.problem("the seal cannot be believed: %v", v.lost)
		return nil
	case v.Run.Open:
		v.unchecked("the seal: a run is open, or died, and seals when it ends")
		return nil
	case seal == nil && v.Run.Begun():
		v.problem("%s is missing: the run did not come to its end; run the same command again, or bulkdelete report",
			report.SealName)
		return nil
	case seal == nil:
		return nil
	}
	x := v.audit
	if x != nil && (seal.LastHash != x.Hash() || seal.FirstHash != v.Run.Seed() || seal.Rows != x.Rows) {
		v.problem("%s is about another audit: its last row has the hash %s", report.SealName, seal.LastHash)
	}
	if v.sum != nil && !seal.Tells(v.Run, v.sum) {
		v.problem("%s does not tell what the run and its audit do", report.SealName)
	}
	wrong, err := seal.Check(v.dir)
	if err != nil {
		return Fail(Halted, rerunHint, "the folder cannot be read: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		v.problem("%s %s", name, wrong[name])
	}
	return v.checkVouched()
}

// FindLiving asks the API for every accepted user, workers calls at a time, and calls found, one at a time, for each
// who exists (and is not suspended, where that was the deed), with what the audit says of them, "" where that is
// nothing yet. read counts who were asked about. Nothing in the folder is touched.
func (v *View) FindLiving(ctx context.Context, api *client.Client, workers int, read *atomic.Int64,
	found func(line int, id string, said report.Outcome)) error {
	pool, ctx := errgroup.WithContext(ctx)
	pool.SetLimit(workers)
	var turn sync.Mutex // of found, and of the audit
	for chunk, err := range v.deed.chunks() {
		if err != nil {
			return errors.Join(err, pool.Wait())
		}
		if ctx.Err() != nil {
			break // the pool knows why
		}
		pool.Go(func() error {
			living, err := v.living(ctx, api, chunk.IDs)
			if err != nil {
				return fmt.Errorf("chunk %d: %w", chunk.Number, err)
			}
			read.Add(int64(len(chunk.IDs)))
			turn.Lock()
			defer turn.Unlock()
			rows, err := v.audit.Chunk(chunk.Number)
			for i, id := range chunk.IDs {
				var said report.Outcome
				for _, r := range rows {
					if r.From <= i+1 && i+1 <= r.To {
						said = r.Outcome
					}
				}
				if slices.Contains(living, id) {
					found(chunk.Lines[i], id, said)
				}
			}
			return err
		})
	}
	return pool.Wait()
}
