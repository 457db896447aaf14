package report

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"bulkdelete/pkg/journal"
)

func TestRunComesBackAsItWas(t *testing.T) {
	dir := openDir(t, t.TempDir())
	if _, err := LoadRun(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("where there is none: %v", err)
	}
	run := planned(Delete, 3).begin(4).end(5, "5eed").begin(2)
	run.Asked.Reason, run.Asked.Host = "<T-1> & \u2028 \"é\"", "https://api.genauth.ai"
	must(t, run.Save(dir))
	back, err := LoadRun(dir)
	must(t, err)
	if back.Seed() != run.Seed() || back.Asked.Reason != run.Asked.Reason || back.lastHash() != "5eed" {
		t.Errorf("%+v", back.Asked)
	}
	if !back.Open || back.Workers != 4 || back.tail() != 4 {
		t.Errorf("%+v", back)
	}
	first := read(t, dir, RunName)
	must(t, back.Save(dir))
	if again := read(t, dir, RunName); again != first {
		t.Errorf("saved again it is\n%s, and was\n%s", again, first)
	}
	info, err := os.Stat(dir.Name(RunName))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// Attack 11: whatever is edited in what was asked, the audit's first row does not follow any more.
func TestNothingThatWasAskedCanBeEdited(t *testing.T) {
	run, rows := threeRows()
	fillIn(&run.Asked)
	dir := ended(t, folder(t, run, rows...), run, 0)
	text := read(t, dir, RunName)
	asked := text[strings.Index(text, `"asked"`):strings.Index(text, `"workers"`)]
	values := regexp.MustCompile(`: "([^"]*)"`).FindAllStringSubmatchIndex(asked, -1)
	if len(values) < 25 {
		t.Fatalf("only %d values in %s", len(values), asked)
	}
	for _, at := range values {
		for _, edited := range []string{asked[:at[3]] + "1" + asked[at[3]:], asked[:at[2]] + "0" + asked[at[2]:]} {
			write(t, dir, RunName, strings.Replace(text, asked, edited, 1))
			notBelieved(t, dir, edited[at[0]-20:at[3]+2])
		}
	}
	for _, edit := range [][2]string{
		{`"options": {`, `"options": {"more": "x",`}, {`"reason": "`, `"more": "x", "reason": "`},
		{`"by": "ann"`, `"By": "ann"`}, {`"plan": {`, `"plan": {"digest": "evil"}, "plan": {`},
		{`"options": {`, `"options": {"only": "evil"}, "options": {`},
		{`"asked": {`, `"asked": {"options": {"only": "evil"}}, "asked": {`},
		{`"asked": {`, `"Asked": {"options": {"only": "evil"}}, "asked": {`},
	} {
		edited := strings.Replace(text, edit[0], edit[1], 1)
		if edited == text {
			t.Fatalf("%s is not in run.json", edit[0])
		}
		write(t, dir, RunName, edited)
		notBelieved(t, dir, edit[1])
	}
}

// notBelieved opens a folder whose run.json was edited: either that is refused, or its audit, or the edit means
// nothing.
func notBelieved(t *testing.T, dir *journal.Dir, edit string) {
	t.Helper()
	run, err := LoadRun(dir)
	if err == nil {
		plain, _ := json.Marshal(run.Asked.Copy())
		if strings.Contains(edit, "evil") && !strings.Contains(string(plain), "evil") {
			return
		}
		_, err = ReadAudit(dir, run, nil)
	}
	if _, ok := errors.AsType[*journal.DamageError](err); !ok {
		t.Errorf("%s is believed: %v", edit, err)
	}
}

// fillIn leaves no value of what was asked empty.
func fillIn(a *Asked) {
	a.Protect, a.Backup, a.Host, a.UserPool, a.TenantID = "5eed", "true", "https://api.genauth.ai", "pool", "tenant"
	a.By, a.At, a.Reason, a.Input.URL, a.Input.ETag = "ann", "2026-11-23T08:00:00Z", "T-1", "s3://bucket/leavers.csv", "e1"
	a.Options["column"] = "userId"
}

func TestRunOfAnotherVersionIsRefusedWithItsVersion(t *testing.T) {
	for text, want := range map[string]string{
		`{"version":1,"program":"v1.0.0","accepted":120,"chunk_size":50,"chunks":3}`: "run.json has format 1, " +
			"and this version reads format 2: use bulkdelete v1.0.0, which made it",
		`{"version":1,"workers":"many"}`: "run.json has format 1, " +
			"and this version reads format 2: use bulkdelete , which made it",
		`{"format":3,"program":"v9.0.0"}`: "run.json has format 3, " +
			"and this version reads format 2: use bulkdelete v9.0.0, which made it",
		`{"format":3,"program":"v9.0.0","asked":"all of it","runs":{"a":1}}`: "run.json has format 3, " +
			"and this version reads format 2: use bulkdelete v9.0.0, which made it",
	} {
		dir := openDir(t, t.TempDir())
		write(t, dir, RunName, text)
		_, err := LoadRun(dir)
		if !errors.Is(err, ErrFormat) || err.Error() != want {
			t.Errorf("%s gives %v", text, err)
		}
	}
}

// What no version can have written is damage.
func TestRunThatContradictsItselfIsDamage(t *testing.T) {
	dir := openDir(t, t.TempDir())
	must(t, planned(Delete, 3).begin(4).end(5, "5eed").begin(2).Save(dir))
	text := read(t, dir, RunName)
	must(t, func() error { _, err := LoadRun(dir); return err }())
	for _, edit := range [][2]string{
		{text, ""}, {text, "{"}, {text, "null"}, {text, "{}"}, {text, `{"format":2}`}, {text, "[]"},
		{`"format": 2`, `"format": -2`}, {`"chunk_size": "2"`, `"chunk_size": "0"`},
		{`"chunk_size": "2"`, `"chunk_size": "65"`}, {`"chunks": "3"`, `"chunks": "1000000000"`},
		{`"chunks": "3"`, `"chunks": "2"`}, {`"accepted": "6"`, `"accepted": "-6"`},
		{`"accepted": "6"`, `"accepted": "7"`}, {`"open": true`, `"open": false`}, {`"ended": {`, `"end": {`},
		{`"rows": "6"`, `"rows": 6`}, {`"rows": "6"`, `"rows": "six"`}, {`"host": ""`, `"host": null`},
		{`"host": ""`, `"host": 1`}, {`"host": ""`, `"host": true`}, {`"host": ""`, `"host": []`},
		{`"host": ""`, `"host": {"a": 0.5}`}, {`"id_type": "user_id"`, `"id_type": 7`}, {`"asked"`, `"ask"`},
	} {
		edited := strings.Replace(text, edit[0], edit[1], 1)
		if edit[0] == `"ended": {` {
			edited = strings.Replace(edited, `"open": true`, `"open": false`, 1) // and neither of both runs has ended
		}
		if edited == text {
			t.Fatalf("%s is not in run.json", edit[0])
		}
		write(t, dir, RunName, edited)
		run, err := LoadRun(dir)
		if damage, ok := errors.AsType[*journal.DamageError](err); !ok || damage.File != RunName {
			t.Errorf("%s is taken: %+v, %v", edit[1], run, err)
		}
	}
}
