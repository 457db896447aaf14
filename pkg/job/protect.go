package job

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bulkdelete/pkg/client"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
	"bulkdelete/pkg/who"
)

// Protected is somebody who must never be deleted.
type Protected struct {
	Kind, ID string   // as the list has it
	List     string   // its name
	Run      int      // on the folder, from 1: the first that was told
	UserIDs  []string // whom the pool has under the ID; nil: nobody, or who it is has not been looked up

	ids []string // of the input's kind, as the pool has them
}

// Protection are all who must never be deleted, in no order.
type Protection []Protected

// Planned gives the IDs of a kind that planning compares with the input's. Who was named later than the plan was made
// is looked up instead: the chunks stay what they were.
func (p Protection) Planned(idType string) (ids []string) {
	for _, person := range p {
		if person.planned(idType) {
			ids = append(ids, person.ID)
		}
	}
	return ids
}

// LooksUp says whether anybody has to be looked up, and so whoever is deleted.
func (p Protection) LooksUp(idType string) bool {
	return slices.ContainsFunc(p, func(person Protected) bool { return !person.planned(idType) })
}

func (p Protected) planned(idType string) bool { return p.Kind == idType && p.Run == 1 }

// Protect gives who is protected in a run on the folder that is given those: everybody whom earlier runs were given,
// and who is new. Adopt refuses a run that drops somebody, if it is the folder's run at all. Without a folder, nil, all
// are new.
func (f *Folder) Protect(given Protection) (Protection, error) {
	var all Protection
	run := 1
	if !f.unused() {
		var err error
		if all, err = readProtection(f.dir, f.Run); err != nil {
			return nil, auditError(f.dir, err)
		}
		run = len(f.Run.Runs) + 1
	}
	same := func(a Protected) func(Protected) bool {
		return func(b Protected) bool { return a.Kind == b.Kind && a.ID == b.ID }
	}
	for _, person := range all {
		if !slices.ContainsFunc(given, same(person)) {
			f.dropped++
		}
	}
	for _, person := range given {
		if !slices.ContainsFunc(all, same(person)) {
			person.Run = run
			all = append(all, person)
		}
	}
	return all, nil
}

// first gives the lists as those that a run was first given, if they are.
func (p Protection) first(run *report.Run) (Protection, error) {
	p = slices.Clone(p)
	for i := range p {
		p[i].Run = 1
	}
	if p != nil && p.Digest() != run.Asked.Protect {
		return nil, Fail(Guard, "give the lists that the run was given first",
			"--protect names other people than the run's lists did")
	}
	return p, nil
}

// LookUp finds the users of those whom planning does not compare by spelling. They keep the user_ids they had.
func (p Protection) LookUp(ctx context.Context, api *client.Client, idType string) error {
	ids, whose := map[string][]string{}, map[string][]*Protected{} // by kind
	for i := range p {
		person := &p[i]
		if person.planned(idType) {
			continue
		}
		for _, id := range spellings(person.Kind, person.ID) {
			ids[person.Kind] = append(ids[person.Kind], id)
			whose[person.Kind] = append(whose[person.Kind], person)
		}
	}
	for kind := range ids {
		found, _, err := api.Profiles(ctx, kind, ids[kind])
		if err != nil {
			return fmt.Errorf("the people of --protect cannot be looked up: %w", err)
		}
		for i, person := range whose[kind] {
			for _, profile := range found[i] {
				person.UserIDs = append(person.UserIDs, client.UserIDOf(profile))
				person.ids = append(person.ids, client.IDsOf(profile, idType)...)
			}
			slices.Sort(person.UserIDs)
			person.UserIDs = slices.Compact(person.UserIDs)
		}
	}
	return nil
}

// spellings are an ID as it stands and as the pool may have it: nobody is missed for a capital or a country's code.
func spellings(kind, id string) []string {
	all := append([]string{id}, who.Spellings(kind, id)...)
	slices.Sort(all)
	return slices.Compact(all)
}

// Spelled gives the list that protects an ID of the input's kind, by its spellings. looked: of the people who were
// looked up, else of those who are compared by spelling.
func (p Protection) Spelled(idType string, looked bool) map[string]string {
	lists := map[string]string{}
	for _, person := range p {
		ids := person.ids
		if person.planned(idType) {
			ids = []string{person.ID}
		}
		for _, id := range ids {
			for _, s := range who.Spellings(idType, id) {
				if person.planned(idType) != looked {
					lists[s] = person.List
				}
			}
		}
	}
	return lists
}

// users gives the list that protects a user, by the user_id's spelling.
func (p Protection) users(idType string) map[string]string {
	lists := map[string]string{}
	for _, person := range p {
		if person.planned(idType) {
			continue
		}
		ids := person.UserIDs
		if person.Kind == who.UserID {
			ids = append(slices.Clone(ids), person.ID)
		}
		for _, id := range ids {
			lists[who.Spellings(who.UserID, id)[0]] = person.List
		}
	}
	return lists
}

// Digest is what asked says of the people whom the first run was given: it does not depend on who the pool says they
// are. "": nobody.
func (p Protection) Digest() string {
	var lines []string
	for _, person := range p {
		if person.Run == 1 {
			lines = append(lines, person.Kind+" "+person.ID+"\n")
		}
	}
	if lines == nil {
		return ""
	}
	slices.Sort(lines)
	return sha256Hex([]byte(strings.Join(slices.Compact(lines), "")))
}

const protectHeader = "id_type,id,list,run,user_ids"

// text is protect.csv: who is never deleted, so that a proof does not hang on a file elsewhere. nil: there is nobody.
func (p Protection) text() []byte {
	if len(p) == 0 {
		return nil
	}
	var lines []string
	for _, person := range p {
		lines = append(lines, string(report.CSVRow(person.Kind, person.ID, person.List, strconv.Itoa(person.Run),
			strings.Join(person.UserIDs, " ")))+"\n")
	}
	slices.Sort(lines)
	return []byte(protectHeader + "\n" + strings.Join(lines, ""))
}

// readProtection reads protect.csv and holds those whom the first run was given to what was asked.
func readProtection(dir *journal.Dir, run *report.Run) (Protection, error) {
	if run.Asked.Protect == "" && !dir.Has(report.ProtectName) {
		return nil, nil
	}
	const most = 1 << 30
	text, err := dir.ReadFile(report.ProtectName, most)
	if err != nil {
		return nil, fmt.Errorf("the list of protected people cannot be read: %w", err)
	}
	p, err := parseProtection(text)
	switch {
	case run.Asked.Protect == "" && err != nil:
		return nil, nil //nolint:nilerr // it is not ours: nobody was protected
	case err == nil && p.Digest() != run.Asked.Protect:
		err = errors.New("it is not the list that the run was planned with")
	}
	if err != nil {
		return nil, &journal.DamageError{File: report.ProtectName, Err: err}
	}
	return p, nil
}

func parseProtection(text []byte) (p Protection, err error) {
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) < 2 || strings.Join(rows[0], ",") != protectHeader {
		return nil, errors.New("it has no people, or other columns")
	}
	for _, row := range rows[1:] {
		person := Protected{Kind: row[0], ID: harmed(row[1]), List: harmed(row[2]), UserIDs: strings.Fields(row[4])}
		if person.Run, err = strconv.Atoi(row[3]); err != nil {
			return nil, err
		}
		p = append(p, person)
	}
	return p, nil
}

// harmed gives the cell that report.Harmless made a cell of.
func harmed(cell string) string {
	if bare := strings.TrimPrefix(cell, "'"); report.Harmless(bare) == cell {
		return bare
	}
	return cell
}

// ProtectList is what is known of a list.
type ProtectList struct {
	People   int
	LookedUp int // of them, because the input has another kind of ID
	Missing  int // of those looked up, whom the pool does not have
}

// Lists says of each list, by its name, how many people it names, and whom of them the pool does not have. A list in
// which an ID may be of two kinds has its people once.
func (p Protection) Lists(idType string) map[string]ProtectList {
	planned, found := map[[2]string]bool{}, map[[2]string]bool{}
	for _, person := range p {
		key := [2]string{person.List, person.ID}
		planned[key] = planned[key] || person.planned(idType)
		found[key] = found[key] || len(person.UserIDs) > 0
	}
	lists := map[string]ProtectList{}
	for key := range planned {
		l := lists[key[0]]
		l.People++
		if !planned[key] {
			l.LookedUp++
			if !found[key] {
				l.Missing++
			}
		}
		lists[key[0]] = l
	}
	return lists
}
