package job

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// What run.json keeps of the options of planning is all that planning again needs: every one of them comes back.
func TestOptionsComeBackFromRunJSON(t *testing.T) {
	fields := reflect.TypeFor[chunker.Options]()
	rapid.Check(t, func(rt *rapid.T) {
		o := chunker.Options{
			Column:     rapid.SampledFrom([]string{"", "2", "user_id", "用户ID", "a b"}).Draw(rt, "column"),
			IDType:     rapid.SampledFrom([]string{"", chunker.Email, chunker.Phone, chunker.Identity}).Draw(rt, "type"),
			Delimiter:  rapid.SampledFrom([]rune{0, ',', ';', '\t', '|'}).Draw(rt, "delimiter"),
			Encoding:   rapid.SampledFrom([]string{"", "utf-16", "gbk", "gb18030"}).Draw(rt, "encoding"),
			NoHeader:   rapid.Bool().Draw(rt, "no header"),
			NoValidate: rapid.Bool().Draw(rt, "no validate"),
			ChunkSize:  rapid.IntRange(1, chunker.MaxChunk).Draw(rt, "chunk size"),
		}
		if o.Shards = rapid.IntRange(0, 9).Draw(rt, "shards"); o.Shards == 1 {
			o.Shards = 0 // one shard is none
		}
		if o.Shards > 0 {
			o.Shard = rapid.IntRange(0, o.Shards-1).Draw(rt, "shard")
		}
		if back := planned(optionsToMap(o)); !reflect.DeepEqual(back, o) {
			rt.Fatalf("%+v comes back as %+v", o, back)
		}
	})
	if n := fields.NumField(); n != 11 { // Protect is in protect.csv, WholeRows follows from match
		t.Errorf("chunker.Options has %d fields: is the new one in optionsToMap, planned and this test?", n)
	}
}

// A protected ID that a spreadsheet would run as a formula comes back from protect.csv as it was, and so do all others.
func TestProtectedPeopleComeBackFromProtectCSV(t *testing.T) {
	var p Protection
	for _, id := range []string{"+8613800000001", "-1", "=2", "'3", "a,b", "@d", "user"} {
		p = append(p, Protected{Kind: "username", ID: id, List: "-keep.csv", Run: 1, UserIDs: []string{"1", "2"}})
	}
	dir, err := journal.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := dir.WriteFile(report.ProtectName, p.text()); err != nil {
		t.Fatal(err)
	}
	back, err := readProtection(dir, &report.Run{Asked: report.Asked{Protect: p.Digest()}})
	if err != nil || !bytes.Equal(back.text(), p.text()) || len(back) != len(p) || back.Digest() != p.Digest() {
		t.Errorf("%v comes back as %v, %v", p, back, err)
	}
	other := slices.Clone(p)
	other[0].ID = "+8613800000002"
	if other.Digest() == p.Digest() {
		t.Error("the digest is not about who is protected")
	}
	for _, person := range p {
		if !slices.ContainsFunc(back, func(b Protected) bool { return reflect.DeepEqual(b, person) }) {
			t.Errorf("%+v does not come back", person)
		}
	}
}
