package chunker

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// hexID makes the user ID number i.
func hexID(i int) string { return fmt.Sprintf("6319a1504f3b%012x", i) }

func scan1(t *testing.T, text string, o Options) (*Plan, []Row) {
	t.Helper()
	var rows []Row
	p, err := Scan(strings.NewReader(text), o, func(r Row) error {
		r.Raw = bytes.Clone(r.Raw)
		rows = append(rows, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, rows
}

func TestSmoke(t *testing.T) {
	text := "name,User ID\n"
	for i := range 120 {
		text += fmt.Sprintf("\"n \"\"%d\r\n\",%s\r\n", i, hexID(i%115))
	}
	p, rows := scan1(t, text, Options{})
	t.Logf("%+v", p)
	if p.Accepted != 115 || p.Duplicates != 5 || len(rows) != 120 || rows[1].Line != 4 || string(rows[0].Raw) != "\"n \"\"0\r\n\","+hexID(0) {
		t.Fatalf("%+v %q", rows[1], rows[0].Raw)
	}
	n := 0
	for c, err := range p.Split(strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		n += len(c.IDs)
	}
	if n != 115 {
		t.Fatal(n)
	}
	i := 0
	for r, err := range p.All(strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(r) != fmt.Sprint(rows[i]) {
			t.Fatalf("%+v %+v", r, rows[i])
		}
		i++
	}
}
