package chunker

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"
)

// located are the errors that have a line, and those of inputs that have none.
var located = regexp.MustCompile("^(line [1-9][0-9]*: |the input is empty|the (gzip|zstd) data |these bytes are )")

// FuzzOpen: whatever the bytes, never a panic, never a hang, and later passes that agree with the first.
func FuzzOpen(f *testing.F) {
	files, err := filepath.Glob("testdata/oddities/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, uint8(0))
	}
	f.Fuzz(func(t *testing.T, text []byte, pick uint8) {
		types := []string{UserID, Phone, Email, Username, ExternalID, Identity, SyncRelation, CustomField}
		o := Options{IDType: types[pick&7], NoHeader: pick&8 > 0, NoValidate: pick&16 > 0,
			Encoding: []string{"", "gbk", "utf-16", "gb18030"}[pick>>5&3]}
		_, _, err := read(t, text, o)
		if err != nil && !located.MatchString(err.Error()) {
			t.Errorf("%v has no line", err)
		}
	})
}

// FuzzRoundTrip: what encoding/csv writes is read as it was meant, in every dialect.
func FuzzRoundTrip(f *testing.F) { f.Fuzz(rapid.MakeFuzz(roundTrip)) }

func TestRoundTrip(t *testing.T) { rapid.Check(t, roundTrip) }

// roundTrip writes records in some dialect and reads them again.
func roundTrip(t *rapid.T) {
	delimiter := rapid.SampledFrom([]rune(delimiters)).Draw(t, "delimiter")
	cell := rapid.StringOfN(rapid.RuneFrom([]rune("aZ9 ,;|\"'=\t\n\u00e9\u5f20\U0001F600")), 0, 9, -1)
	extra := rapid.IntRange(0, 3).Draw(t, "extra columns")
	names := rapid.SliceOfN(rapid.SliceOfN(cell, extra, extra), 1, 120).Draw(t, "records")
	at := rapid.IntRange(0, extra).Draw(t, "column of the ID")
	end := rapid.SampledFrom([]string{"\n", "\r\n", "\r"}).Draw(t, "line end")

	header := slices.Insert(slices.Repeat([]string{"n"}, extra), at, "userId")
	records := [][]string{header}
	for i, cells := range names {
		records = append(records, slices.Insert(slices.Clone(cells), at, hexID(i)))
	}
	var text bytes.Buffer
	if rapid.Bool().Draw(t, "sep= line") {
		fmt.Fprintf(&text, "sep=%c%s", delimiter, end)
	}
	raws := make([]string, len(records))
	for i, r := range records {
		raws[i] = writeRecord(r, delimiter)
		if end == "\r" { // then a line feed inside a cell is a character like any other
			raws[i] = string(bytes.ReplaceAll([]byte(raws[i]), []byte("\n"), nil))
		}
		text.WriteString(raws[i] + end)
	}
	packed, encoding := dialect(t, text.Bytes())
	compare(t, packed, Options{Delimiter: delimiter, Encoding: encoding}, raws[1:])
}

// writeRecord writes a record without its line end.
func writeRecord(cells []string, delimiter rune) string {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Comma = delimiter
	w.Write(cells)
	w.Flush()
	return string(bytes.TrimSuffix(out.Bytes(), []byte("\n")))
}

// dialect encodes and compresses a text.
func dialect(t *rapid.T, text []byte) (packed []byte, encoding string) {
	must := func(out []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	switch rapid.SampledFrom([]string{"utf-8", "mark", "utf-16 little", "utf-16 big", "gb18030"}).Draw(t, "encoding") {
	case "mark":
		text = append([]byte("\ufeff"), text...)
	case "utf-16 little":
		text = must(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes(text))
	case "utf-16 big":
		text = must(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().Bytes(text))
	case "gb18030":
		text, encoding = must(simplifiedchinese.GB18030.NewEncoder().Bytes(text)), "gb18030"
	}
	switch rapid.SampledFrom([]string{"", "gzip", "zstd"}).Draw(t, "compression") {
	case "gzip":
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		must(nil, func() error { _, err := z.Write(text); return err }())
		must(nil, z.Close())
		return out.Bytes(), encoding
	case "zstd":
		z, err := zstd.NewWriter(nil)
		must(nil, err)
		return z.EncodeAll(text, nil), encoding
	}
	return text, encoding
}

// compare reads a text and finds the records in it as they were written.
func compare(t *rapid.T, text []byte, o Options, want []string) {
	i := 0
	_, err := Scan(context.Background(), bytes.NewReader(text), o, func(r Row) error {
		if i == len(want) || r.Code != "" || string(r.ID) != hexID(i) || string(r.Raw) != want[i] {
			return fmt.Errorf("row %d is %q, ID %s (%s)", i, r.Raw, r.ID, r.Reason)
		}
		i++
		return nil
	})
	if err != nil || i != len(want) {
		t.Fatalf("%d of %d rows of %q: %v", i, len(want), text, err)
	}
}
