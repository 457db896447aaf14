package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/journal/journaltest"
)

// Anyone can read it with zstd and a JSON parser.
func TestBackupIsZstdAndJSONLines(t *testing.T) {
	run := planned(Delete, 9).begin(1)
	data, _ := journals()[2].written(t, run, 2)
	z, err := zstd.NewReader(bytes.NewReader(data))
	must(t, err)
	defer z.Close()
	text, err := io.ReadAll(z)
	want := `{"chunk":1,"place":1,"line":2,"id":"a<b>","user":{"userId":"1"`
	if err != nil || strings.Count(string(text), "\n") != 4 || !strings.HasPrefix(string(text), want) {
		t.Errorf("%s (%v)", text, err)
	}
	d := journaltest.New(data)
	b := newBackup(run, BackupName)
	must(t, b.readOn(d, run))
	for chunk := 1; chunk <= 2; chunk++ {
		got, err := b.Chunk(chunk)
		users := testUsers(chunk)
		want := map[int][]Saved{1: users[:1], 2: users[1:]}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("chunk %d: %v (%v)", chunk, got, err)
		}
	}
	if got, err := b.Chunk(3); err != nil || len(got) > 0 || b.Users != 4 || b.Places(2) != 3 || b.Places(3) != 0 {
		t.Errorf("chunk 3: %v (%v); %d users", got, err, b.Users)
	}
}

// A user who is read again has the newer profile, and is counted once; an ID of two users has both.
func TestBackupGivesTheNewerProfile(t *testing.T) {
	d, run := journaltest.New(nil), planned(Delete, 9).begin(1)
	b := newBackup(run, BackupName)
	must(t, b.readOn(d, run))
	saved := func(place int, name string) Saved {
		return Saved{Chunk: 4, Place: place, ID: "a", User: json.RawMessage(`"` + name + `"`)}
	}
	must(t, b.Append([]Saved{saved(1, "old"), saved(2, "other")}))
	must(t, b.Append(nil))
	must(t, b.Append([]Saved{saved(1, "new"), saved(1, "twin")}))
	p := newBackup(run, BackupName)
	must(t, p.readOn(d.Reopen(), run))
	got, err := p.Chunk(4)
	want := map[int][]Saved{1: {saved(1, "new"), saved(1, "twin")}, 2: {saved(2, "other")}}
	if err != nil || p.Users != 2 || p.Places(4) != 3 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, %d users (%v)", got, p.Users, err)
	}
}

// A backup of users whom the plan does not have is another run's, even if its chain holds.
func TestBackupThatContradictsThePlanIsDamage(t *testing.T) {
	for name, users := range map[string][]Saved{
		"a chunk too many": {{Chunk: 10, Place: 1}}, "no chunk": {{Chunk: 0, Place: 1}}, "no place": {{Chunk: 1}},
		"a place too many": {{Chunk: 1, Place: 3}}, "two chunks": {{Chunk: 1, Place: 1}, {Chunk: 2, Place: 1}},
	} {
		d, run := journaltest.New(nil), planned(Delete, 9).begin(1)
		b := newBackup(run, BackupName)
		must(t, b.readOn(d, run))
		for i := range users {
			users[i].User = json.RawMessage("null")
		}
		must(t, b.Append(users))
		err := newBackup(run, BackupName).readOn(d.Reopen(), run)
		if damage, ok := errors.AsType[*journal.DamageError](err); !ok || damage.File != BackupName {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// ReadBackup reads what OpenBackup wrote, and a backup that is not there has nobody.
func TestBackupIsReadFromTheFolder(t *testing.T) {
	run := planned(Delete, 9)
	dir := openDir(t, t.TempDir())
	p, err := ReadBackup(dir, run, BackupName)
	if err != nil || p.Users != 0 || p.Places(9) != 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	must(t, p.Close())
	b, err := OpenBackup(dir, run, BackupName)
	must(t, err)
	must(t, b.Append(testUsers(9)))
	must(t, b.Close())
	p, err = ReadBackup(dir, run.begin(1).end(0, run.Seed()), BackupName)
	must(t, err)
	if got, err := p.Chunk(9); err != nil || len(got) != 2 || b.Torn != 0 {
		t.Errorf("%v, %v", got, err)
	}
	must(t, p.Close())
	text := read(t, dir, BackupName)
	must(t, dir.Remove(BackupName))
	_, err = ReadBackup(dir, run, BackupName)
	if damage, ok := errors.AsType[*journal.DamageError](err); !ok || damage.File != BackupName {
		t.Errorf("a backup that is gone: %v", err)
	}
	write(t, dir, BackupName, text[:len(text)-1])
	if _, err := ReadBackup(dir, run, BackupName); err == nil {
		t.Error("a torn backup of a run that ended is believed")
	}
}
