package chunker

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"
)

// hexID makes the user ID number i.
func hexID(i int) string { return fmt.Sprintf("6319a1504f3b%012x", i) }

var a, b, c = hexID(1), hexID(2), hexID(3)

// read plans a text and checks that the later passes agree with the first one.
func read(t testing.TB, text []byte, o Options) (*Plan, []Row, error) {
	t.Helper()
	collect := func(rows *[]Row) func(Row) error {
		return func(r Row) error {
			r.Raw = bytes.Clone(r.Raw)
			*rows = append(*rows, r)
			return nil
		}
	}
	var rows, again []Row
	p, err := Scan(bytes.NewReader(text), o, collect(&rows))
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
		if r.Reject == nil {
			accepted = append(accepted, r.ID)
		}
	}
	for chunk, err := range p.Split(bytes.NewReader(text)) {
		if err != nil {
			t.Fatalf("split: %v", err)
		}
		if want := len(split)/p.Options.ChunkSize + 1; chunk.Number != want || len(chunk.IDs) > p.Options.ChunkSize || len(chunk.Lines) != len(chunk.IDs) {
			t.Fatalf("chunk %d of %d IDs and %d lines, want number %d", chunk.Number, len(chunk.IDs), len(chunk.Lines), want)
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
		what := "ok"
		if r.Reject != nil {
			what = r.Reject.Code
		}
		s = append(s, fmt.Sprintf("%d %s", r.Line, what))
	}
	return strings.Join(s, ", ")
}

func TestInputAsPeopleHaveIt(t *testing.T) {
	zip := func(s string) string {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		z.Write([]byte(s))
		z.Close()
		return out.String()
	}
	zst := func(s string) string {
		z, _ := zstd.NewWriter(nil)
		return string(z.EncodeAll([]byte(s), nil))
	}
	encoded := func(s string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	gbk := func(s string) string { return encoded(simplifiedchinese.GBK.NewEncoder().String(s)) }
	gb18030 := func(s string) string { return encoded(simplifiedchinese.GB18030.NewEncoder().String(s)) }
	utf16 := func(s string) string {
		return encoded(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(s))
	}
	utf16be := func(s string) string {
		return encoded(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().String(s))
	}
	for _, x := range []struct {
		name, text, want string
		o                Options
	}{
		{"userId", "userId\n" + a + "\n", "2 ok", Options{}},
		{"User ID", "name,User ID\nx," + a + "\n", "2 ok", Options{}},
		{"user-id", "name;USER-ID\nx;" + a + "\n", "2 ok", Options{}},
		{"用户ID", "姓名\t用户ID\n张\t" + a + "\n", "2 ok", Options{}},
		{"full width", "ＵｓｅｒＩＤ|n\n" + a + "|x\n", "2 ok", Options{}},
		{"an exact name beats a synonym", "id,user_id\n1," + a + "\n", "2 ok", Options{}},
		{"a synonym", "id,n\n" + a + ",x\n", "2 ok", Options{}},
		{"one column of any name", "whatever\n" + a + "\n", "2 ok", Options{}},
		{"own columns do not count", "whatever,bulkdelete_line,bulkdelete_outcome\n" + a + ",1,failed\n", "2 ok", Options{}},
		{"column by name", "x,y\n" + a + "," + b + "\n", "2 ok", Options{Column: "Y"}},
		{"column by number", "x,y\n" + a + "," + b + "\n", "2 ok", Options{Column: "2"}},
		{"no header", a + "\n" + b + "\n", "1 ok, 2 ok", Options{}},
		{"no header, several columns", "x," + a + "\ny," + b + "\n", "1 ok, 2 ok", Options{}},
		{"no header, of another type", "ada@example.com\n" + a + "\n", "1 type, 2 ok", Options{}},
		{"no header, as told", "x\n" + a + "\n", "1 type, 2 ok", Options{NoHeader: true}},
		{"byte order mark", "\ufeffuserId\n" + a + "\n", "2 ok", Options{}},
		{"CRLF", "userId\r\n" + a + "\r\n" + b + "\r\n", "2 ok, 3 ok", Options{}},
		{"lone CR", "userId\r" + a + "\r" + b + "\r", "2 ok, 3 ok", Options{}},
		{"no line end at the end", "userId\n" + a, "2 ok", Options{}},
		{"sep=", "sep=;\r\nuserId;n\r\n" + a + ";x\r\n", "3 ok", Options{}},
		{"quoted newlines", "userId,n\n" + a + ",\"x\r\ny\n\"\n" + b + ",z\n", "2 ok, 5 ok", Options{}},
		{"quoted delimiters", "userId,n\n" + a + ",\"x,\"\"y\"\",;;;\"\n", "2 ok", Options{}},
		{"gzip", zip("userId\n" + a + "\n"), "2 ok", Options{}},
		{"zstd", zst("userId\n" + a + "\n"), "2 ok", Options{}},
		{"GBK", gbk("用户ID,姓名\n" + a + ",张三\n"), "2 ok", Options{Encoding: "gbk"}},
		{"GB18030", gb18030("用户ID,姓名\n" + a + ",张三€\n"), "2 ok", Options{Encoding: "gb18030"}},
		{"UTF-16", utf16("userId\tn\n" + a + "\t张三\n"), "2 ok", Options{}},
		{"UTF-16, big end first, no mark", utf16be("userId\tn\n" + a + "\tx\n"), "2 ok", Options{Encoding: "utf-16"}},
		{"a mark beats --encoding", "\ufeffuserId\n" + a + "\n", "2 ok", Options{Encoding: "gbk"}},
		{"empty lines are skipped", "userId\n\n" + a + "\n\r\n   \n" + b + "\n\n", "3 ok, 6 ok", Options{}},
		{"spaces are trimmed", "userId,n\n  " + a + "\u00a0,x\n\u3000" + b + "\t,y\n", "2 ok, 3 ok", Options{}},
		{"a duplicate", "userId\n" + a + "\n" + b + "\n" + a + "\n", "2 ok, 3 ok, 4 duplicate", Options{}},
		{"capitals are another text", "userId\n" + a + "\n" + strings.ToUpper(a) + "\n" + strings.ToUpper(a) + "\n", "2 ok, 3 ok, 4 duplicate", Options{}},
		{"e-mail addresses without case", "email\nAda@Example.com\nada@example.COM\n", "2 ok, 3 duplicate", Options{IDType: Email}},
		{"protected", "userId\n" + a + "\n" + b + "\n" + a + "\n", "2 protected, 3 ok, 4 protected", Options{Protect: []string{a}}},
		{"protected e-mail address", "email\nADA@example.com\n", "2 protected", Options{IDType: Email, Protect: []string{"ada@example.com"}}},
		{"an empty ID", "userId,n\n,x\n" + a + ",y\n", "2 empty, 3 ok", Options{}},
		{"wrong number of columns", "userId,n\n" + a + "\n" + b + ",x,y\n" + c + ",z\n", "2 columns, 3 columns, 4 ok", Options{}},
		{"control character", "userId\n" + a + "\x01\nx\u200b" + b + "\n" + c + "\n", "2 control, 3 control, 4 ok", Options{}},
		{"rounded", "phone\n1.38E+10\n1,38E+10\n", "2 spreadsheet, 3 columns", Options{IDType: Phone}},
		{"formula for text", "phone,n\n=\"123456\",x\n\"=\"\"123456\"\"\",y\n", "2 spreadsheet, 3 spreadsheet", Options{IDType: Phone}},
		{"apostrophe", "userId\n'" + a + "\n", "2 spreadsheet", Options{}},
		{"lost zeros", "userId\n12345678901234567890123\n", "2 spreadsheet", Options{}},
		{"no validation", "userId\nanything\n\nmore\n", "2 ok, 4 ok", Options{NoValidate: true}},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, rows, err := read(t, []byte(x.text), x.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := summary(rows); got != x.want {
				t.Errorf("rows are %q, want %q", got, x.want)
			}
		})
	}
}

func TestIDTypes(t *testing.T) {
	for idType, ids := range map[string]struct{ good, bad []string }{
		UserID:       {[]string{a, strings.ToUpper(a)}, []string{a[1:], a + "0", "g" + a[1:], "x"}},
		Phone:        {[]string{"13800138000", "+8613800138000", "12345"}, []string{"1234", "138-0013-8000", "abc", "+", "1234567890123456"}},
		Email:        {[]string{"a@b.co", "张三@例子.中国", "a+b@x-y.example.com"}, []string{"a", "a@", "@b.c", "a@b", "a b@c.de", "a@b@c.de"}},
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
				if err != nil || len(rows) != 1 || (rows[0].Reject == nil) != list.ok {
					t.Errorf("%s %q: %v %v", idType, id, rows, err)
				}
			}
		}
	}
}

// What cannot be read at all is refused with the line.
func TestInputThatCannotBeRead(t *testing.T) {
	for name, x := range map[string]struct {
		text string
		line int
		o    Options
	}{
		"empty":             {"", 0, Options{}},
		"only a mark":       {"\ufeff", 0, Options{}},
		"only empty lines":  {"\n\r\n\n", 0, Options{}},
		"unclosed quote":    {"userId,n\n" + a + ",x\n" + b + ",\"y\n" + c + ",z\n", 3, Options{}},
		"bare quote":        {"userId,n\n" + a + ",x\"y\n", 2, Options{}},
		"field above 1 MiB": {"userId,n\n" + a + "," + strings.Repeat("x", maxField+1) + "\n", 2, Options{}},
		"endless line":      {"userId,n\n" + a + "," + strings.Repeat("x", 2*maxRecord), 2, Options{}},
		"endless quote":     {"userId,n\n" + a + ",\"" + strings.Repeat("x\n", maxRecord), 2, Options{}},
		"not UTF-8":         {"userId,n\n" + a + ",ok\n" + b + ",\xff\xfe\n", 3, Options{}},
		"not GBK":           {"userId,n\n" + a + ",\xff\n", 2, Options{Encoding: "gbk"}},
		"NUL":               {"userId,n\n" + a + ",\x00\n", 2, Options{}},
		"gzip cut off":      {"\x1f\x8b\x08\x00\x00\x00\x00\x00", 0, Options{}},
		"no such column":    {"x,y\n1,2\n", 1, Options{}},
		"two such columns":  {"userId,User ID\n1,2\n", 1, Options{}},
		"column 3 of 2":     {"x,y\n1,2\n", 1, Options{Column: "3"}},
	} {
		_, err := Scan(strings.NewReader(x.text), x.o, nil)
		var e *Error
		if !errors.As(err, &e) || x.line > 0 && e.Line != x.line {
			t.Errorf("%s: %v, want line %d", name, err, x.line)
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
		_, rows, err := read(t, []byte(text), Options{IDType: map[string]string{"userId": UserID, "email": Email, "phone": Phone}[name]})
		if err != nil {
			t.Fatal(err)
		}
		if last := rows[len(rows)-1]; last.Reject == nil || !strings.Contains(last.Reject.Reason, want) {
			t.Errorf("%q: %v, want %q", text, last.Reject, want)
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
		p, err := Scan(bytes.NewReader(text.Bytes()), Options{ChunkSize: size}, nil)
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

// Promise 8: the duplicate check takes at most 24 bytes an ID at its peak, growth included.
func TestIDsOfAProtectFile(t *testing.T) {
	for text, want := range map[string]string{
		"userId,why\n" + a + ",x\n" + b + ",y\n": a + " " + b,
		a + "\n" + b + "\n":                      a + " " + b,
		"sep=;\nUser ID;n\n" + a + ";x\n":        a,
	} {
		ids, err := IDs(strings.NewReader(text), Options{})
		if got := strings.Join(ids, " "); err != nil || got != want {
			t.Errorf("%q: %q (%v)", text, got, err)
		}
	}
	for _, text := range []string{"", "userId\n", "userId\n" + a + "\nbad\n", "userId,n\n" + a + "\n"} {
		if ids, err := IDs(strings.NewReader(text), Options{}); err == nil {
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
	ids, err := IDs(bytes.NewReader(protect), Options{})
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

// FuzzOpen: whatever the bytes, never a panic, never a hang, and later passes that agree with the first.
func FuzzOpen(f *testing.F) {
	for _, text := range []string{"", "userId\n" + a + "\n", "sep=;\n\"x\ny\";userId\n1;=\"2\"\n", "\xff\xfeu\x00", "\x1f\x8b\x08", "a\rb\r", "\"", "x,\"y\"z\n", "用户ID\n"} {
		f.Add([]byte(text), uint8(0))
	}
	f.Fuzz(func(t *testing.T, text []byte, pick uint8) {
		types := []string{UserID, Phone, Email, Username, ExternalID, Identity, SyncRelation, CustomField}
		o := Options{IDType: types[pick&7], NoHeader: pick&8 > 0, NoValidate: pick&16 > 0, Encoding: []string{"", "gbk", "utf-16", "gb18030"}[pick>>5&3]}
		_, _, err := read(t, text, o)
		if e := (*Error)(nil); err != nil && !errors.As(err, &e) {
			t.Errorf("%v is no *Error", err)
		}
	})
}

// What encoding/csv writes is read as it was meant, in every dialect.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		delimiter := rapid.SampledFrom([]rune(delimiters)).Draw(rt, "delimiter")
		names := rapid.SliceOfN(rapid.StringMatching(`[^\x00\x{FFFD}]{0,9}`), 1, 20).Draw(rt, "names")
		var text bytes.Buffer
		w := csv.NewWriter(&text)
		w.Comma, w.UseCRLF = delimiter, rapid.Bool().Draw(rt, "crlf")
		w.Write([]string{"n", "userId"})
		for i, name := range names {
			if !utf8.ValidString(name) {
				rt.Skip("not text")
			}
			w.Write([]string{name, hexID(i)})
		}
		w.Flush()
		var ids []string
		p, err := Scan(bytes.NewReader(text.Bytes()), Options{Delimiter: delimiter}, func(r Row) error { ids = append(ids, r.ID); return nil })
		if err != nil {
			rt.Fatalf("%q: %v", text.String(), err)
		}
		if p.Accepted != len(names) || ids[len(ids)-1] != hexID(len(names)-1) {
			rt.Fatalf("%q: %d of %d rows accepted", text.String(), p.Accepted, len(names))
		}
	})
}
