package chunker

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// hexID makes the user ID number i.
func hexID(i int) string { return fmt.Sprintf("6319a1504f3b%012x", i) }

var a, b = hexID(1), hexID(2)

// read plans a text and checks that the later passes agree with the first one.
func read(t testing.TB, text []byte, o Options) (*Plan, []Row, error) {
	t.Helper()
	collect := func(rows *[]Row) func(Row) error {
		return func(r Row) error {
			r.Raw, r.ID = bytes.Clone(r.Raw), bytes.Clone(r.ID)
			*rows = append(*rows, r)
			return nil
		}
	}
	var rows, again []Row
	p, err := Scan(t.Context(), bytes.NewReader(text), o, collect(&rows))
	if err != nil {
		return nil, nil, err
	}
	for r, err := range p.All(bytes.NewReader(text)) {
		if err != nil {
			t.Fatalf("second pass: %v", err)
		}
		collect(&again)(r) //nolint:errcheck // never fails
	}
	if fmt.Sprint(rows) != fmt.Sprint(again) {
		t.Fatalf("the second pass differs:\n%v\n%v", rows, again)
	}
	var accepted, split []string
	for _, r := range rows {
		if r.Code == "" {
			accepted = append(accepted, string(r.ID))
		}
	}
	for chunk, err := range p.Split(bytes.NewReader(text)) {
		if err != nil {
			t.Fatalf("split: %v", err)
		}
		want := len(split)/p.Options.ChunkSize + 1
		if chunk.Number != want || len(chunk.IDs) > p.Options.ChunkSize || len(chunk.Lines) != len(chunk.IDs) {
			t.Fatalf("chunk %d of %d IDs and %d lines, want number %d",
				chunk.Number, len(chunk.IDs), len(chunk.Lines), want)
		}
		split = append(split, chunk.IDs...)
	}
	if !slices.Equal(accepted, split) {
		t.Fatalf("accepted %v, split %v", accepted, split)
	}
	if p.Rows != p.Accepted+p.Invalid+p.Duplicates+p.Protected || p.Rows != len(rows) {
		t.Fatalf("the counts do not add up: %+v", p)
	}
	return p, rows, nil
}

// summary is what became of each row: its line and "ok" or the code of its rejection.
func summary(rows []Row) string {
	var s []string
	for _, r := range rows {
		s = append(s, fmt.Sprintf("%d %s", r.Line, cmp.Or(r.Code, "ok")))
	}
	return strings.Join(s, ", ")
}

func TestIDTypes(t *testing.T) {
	for idType, ids := range map[string]struct{ good, bad []string }{
		UserID: {[]string{a, strings.ToUpper(a)}, []string{a[1:], a + "0", "g" + a[1:], "x"}},
		Phone: {[]string{"13800138000", "+8613800138000", "12345"},
			[]string{"1234", "138-0013-8000", "abc", "+", "1234567890123456"}},
		Email: {[]string{"a@b.co", "张三@例子.中国", "a+b@x-y.example.com"},
			[]string{"a", "a@", "@b.c", "a@b", "a b@c.de", "a@b@c.de"}},
		Username:     {[]string{"ada", "张三", "a@b.co"}, []string{"null"}},
		ExternalID:   {[]string{"7", "E-7"}, []string{"NULL"}},
		Identity:     {[]string{a + ":x", "idp:7"}, []string{"x", ":x", "x:"}},
		SyncRelation: {[]string{"lark:ou_1"}, []string{"lark", "lark:"}},
		CustomField:  {[]string{"employeeNo:7"}, []string{"none"}},
	} {
		for _, list := range []struct {
			ids []string
			ok  bool
		}{{ids.good, true}, {ids.bad, false}} {
			for _, id := range list.ids {
				_, rows, err := read(t, []byte(idType+"\n"+id+"\n"), Options{IDType: idType})
				if err != nil || len(rows) != 1 || (rows[0].Code == "") != list.ok {
					t.Errorf("%s %q: %v %v", idType, id, rows, err)
				}
			}
		}
	}
}

// Reasons say how to mend the row; duplicates name the line of the first.
func TestReasonsSayHowToMend(t *testing.T) {
	for text, want := range map[string]string{
		"userId\n" + a + "\n\n" + a + "\n":     "line 2",
		"userId\nada@example.com\n":            "--id-type email?",
		"email\n" + a + "\n":                   "--id-type user_id?",
		"phone\n138-0013-8000\n":               "write 13800138000",
		"phone\n=\"13800138000\"\n":            "write 13800138000",
		"userId\n\"" + a + "\u200b\u200b9\"\n": "U+200B",
	} {
		name, _, _ := strings.Cut(text, "\n")
		idType := map[string]string{"userId": UserID, "email": Email, "phone": Phone}[name]
		_, rows, err := read(t, []byte(text), Options{IDType: idType})
		if err != nil {
			t.Fatal(err)
		}
		if last := rows[len(rows)-1]; !strings.Contains(last.Reason, want) {
			t.Errorf("%q: %v, want %q", text, last.Reason, want)
		}
	}
}

// Rejected or accepted, the record's bytes stay as they are.
func TestRawBytesStay(t *testing.T) {
	records := []string{a + `,"x ""y"", z"`, ` ` + b + ` , spaces `, `bad,"two` + "\r\n" + `lines"`, `,`}
	_, rows, err := read(t, []byte("userId,n\r\n"+strings.Join(records, "\r\n")+"\r\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		if string(r.Raw) != records[i] {
			t.Errorf("record %d is %q, want %q", i, r.Raw, records[i])
		}
	}
}

// Promise 2: an input that changed by a single bit gives ErrChanged, and never an ID that was not planned.
func TestChangedInput(t *testing.T) {
	var text bytes.Buffer
	text.WriteString("userId,n\n")
	planned := map[string]bool{}
	for i := range 170 {
		fmt.Fprintf(&text, "%s,User %d\n", hexID(i%160), i)
		planned[hexID(i%160)] = true
	}
	for _, size := range []int{50, 7} {
		p, err := Scan(t.Context(), bytes.NewReader(text.Bytes()), Options{ChunkSize: size}, nil)
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, changed []byte) {
			t.Helper()
			var last error
			for chunk, err := range p.Split(bytes.NewReader(changed)) {
				last = err
				for _, id := range chunk.IDs {
					if !planned[id] {
						t.Fatalf("%s: %s is given and was not planned", what, id)
					}
				}
			}
			if !errors.Is(last, ErrChanged) {
				t.Fatalf("%s: ended with %v", what, last)
			}
			for _, err := range p.All(bytes.NewReader(changed)) {
				last = err
			}
			if !errors.Is(last, ErrChanged) {
				t.Fatalf("%s: all rows ended with %v", what, last)
			}
		}
		for i := 0; i < text.Len(); i += 3 {
			changed := bytes.Clone(text.Bytes())
			changed[i] ^= 1
			check(fmt.Sprintf("bit flipped at %d", i), changed)
		}
		check("appended", append(bytes.Clone(text.Bytes()), hexID(999)+",x\n"...))
		check("cut", text.Bytes()[:text.Len()-40])
		check("replaced", []byte("userId,n\n"+hexID(999)+",x\n"))
		check("emptied", nil)
	}
}

func TestIDsOfAProtectFile(t *testing.T) {
	for text, want := range map[string]string{
		"userId,why\n" + a + ",x\n" + b + ",y\n": a + " " + b,
		a + "\n" + b + "\n":                      a + " " + b,
		"sep=;\nUser ID;n\n" + a + ";x\n":        a,
	} {
		_, ids, err := List([]byte(text), UserID)
		if got := strings.Join(ids, " "); err != nil || got != want {
			t.Errorf("%q: %q (%v)", text, got, err)
		}
	}
	for _, text := range []string{"", "userId\n", "userId\n" + a + "\nbad\n", "userId,n\n" + a + "\n"} {
		if _, ids, err := List([]byte(text), UserID); err == nil {
			t.Errorf("%q: a protection is dropped in silence: %q", text, ids)
		}
	}
}

// samples/README.md says what comes of each sample.
func TestSamples(t *testing.T) {
	protect, err := os.ReadFile("../../samples/protected.csv")
	if err != nil {
		t.Fatal(err)
	}
	_, ids, err := List(protect, UserID)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		o    Options
		want [4]int // accepted, invalid, duplicate, protected
	}{
		"offboarding.csv":              {Options{}, [4]int{3000, 0, 0, 0}},
		"emails.csv":                   {Options{IDType: Email}, [4]int{7, 2, 1, 0}},
		"excel-semicolon.csv":          {Options{}, [4]int{8, 0, 0, 0}},
		"chinese-gbk.csv":              {Options{Encoding: "gbk"}, [4]int{6, 0, 0, 0}},
		"utf16-tabs.txt":               {Options{}, [4]int{6, 0, 0, 0}},
		"no-header.csv":                {Options{}, [4]int{12, 0, 0, 0}},
		"compressed.csv.gz":            {Options{}, [4]int{25, 0, 0, 0}},
		"spreadsheet-disaster.csv":     {Options{IDType: Phone}, [4]int{2, 6, 0, 0}},
		"duplicates-and-protected.csv": {Options{Protect: ids}, [4]int{4, 0, 2, 2}},
		"broken-rows.csv":              {Options{}, [4]int{2, 5, 0, 0}},
		"titled.csv":                   {Options{}, [4]int{4, 2, 0, 0}},
		"exported-by.csv":              {Options{IDType: Email, Column: "Email"}, [4]int{3, 0, 0, 0}},
		"nobody.csv":                   {Options{IDType: Username}, [4]int{2, 10, 0, 0}},
		"open-quote.csv":               {Options{}, [4]int{2, 1, 0, 0}},
	} {
		text, err := os.ReadFile("../../samples/" + name)
		if err != nil {
			t.Fatal(err)
		}
		p, _, err := read(t, text, x.o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := [4]int{p.Accepted, p.Invalid, p.Duplicates, p.Protected}; got != x.want {
			t.Errorf("%s: %v, want %v", name, got, x.want)
		}
	}
}
