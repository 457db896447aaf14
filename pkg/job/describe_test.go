package job

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"bulkdelete/pkg/chunker"
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
