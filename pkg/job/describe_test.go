package job

import (
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
	if n := fields.NumField(); n != 10 { // Protect is in protect.csv
		t.Errorf("chunker.Options has %d fields: is the new one in optionsToMap, planned and this test?", n)
	}
}

// A protected ID that a spreadsheet would run as a formula comes back from protect.csv as it was.
func TestProtectedIDsComeBackFromProtectCSV(t *testing.T) {
	ids := []string{"+8613800000001", "-1", "=2", "'3", "a,b", "@d", "user"}
	slices.Sort(ids)
	list := protectList(chunker.Options{Protect: ids})
	dir, err := journal.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := dir.WriteFile(report.ProtectName, list); err != nil {
		t.Fatal(err)
	}
	back, err := readProtectList(dir, &report.Run{Asked: report.Asked{Protect: sha256Hex(list)}})
	if err != nil || !slices.Equal(back, ids) {
		t.Errorf("%q come back as %q, %v", ids, back, err)
	}
}
