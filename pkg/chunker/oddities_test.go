package chunker

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

// testdata/oddities holds one file for each oddity that people have met, named after what it shows. This is what
// becomes of their rows.
func TestOddities(t *testing.T) {
	for name, x := range map[string]struct {
		want string
		o    Options
	}{
		"camel-case-header":             {"2 ok", Options{}},
		"header-with-a-space":           {"2 ok", Options{}},
		"header-with-a-hyphen":          {"2 ok", Options{}},
		"chinese-header":                {"2 ok", Options{}},
		"full-width-header":             {"2 ok", Options{}},
		"an-exact-name-beats-a-synonym": {"2 ok", Options{}},
		"synonym-for-the-header":        {"2 ok", Options{}},
		"one-column-of-any-name":        {"2 ok", Options{}},
		"failed-csv-fed-back":           {"2 ok", Options{}},
		"column-by-name":                {"2 ok", Options{Column: "Y"}},
		"column-by-number":              {"2 ok", Options{Column: "2"}},
		"no-header":                     {"1 ok, 2 ok", Options{}},
		"no-header-several-columns":     {"1 ok, 2 ok", Options{}},
		"no-header-of-another-type":     {"1 type, 2 ok", Options{}},
		"no-header-as-told":             {"1 type, 2 ok", Options{NoHeader: true}},
		"byte-order-mark":               {"2 ok", Options{}},
		"crlf":                          {"2 ok, 3 ok", Options{}},
		"lone-cr":                       {"2 ok, 3 ok", Options{}},
		"no-line-end-at-the-end":        {"2 ok", Options{}},
		"excel-sep-line":                {"3 ok", Options{}},
		"quoted-newlines":               {"2 ok, 5 ok", Options{}},
		"quoted-delimiters":             {"2 ok", Options{}},
		"a-quote-beside-the-id":         {"2 ok, 3 ok", Options{}},
		"gzip":                          {"2 ok", Options{}},
		"zstd":                          {"2 ok", Options{}},
		"gbk":                           {"2 ok", Options{Encoding: "gbk"}},
		"gb18030":                       {"2 ok", Options{Encoding: "gb18030"}},
		"utf-16":                        {"2 ok", Options{}},
		"utf-16-big-end-first-no-mark":  {"2 ok", Options{Encoding: "utf-16"}},
		"mark-beats-encoding":           {"2 ok", Options{Encoding: "gbk"}},
		"empty-lines-are-skipped":       {"3 ok, 6 ok", Options{}},
		"spaces-are-trimmed":            {"2 ok, 3 ok", Options{}},
		"duplicate":                     {"2 ok, 3 ok, 4 duplicate", Options{}},
		"capitals-are-another-text":     {"2 ok, 3 ok, 4 duplicate", Options{}},
		"e-mail-addresses-without-case": {"2 ok, 3 duplicate", Options{IDType: Email}},
		"protected-id":                  {"2 protected, 3 ok, 4 protected", Options{Protect: []string{a}}},
		"protected-e-mail-address":      {"2 protected", Options{IDType: Email, Protect: []string{"ada@example.com"}}},
		"empty-id":                      {"2 empty, 3 ok", Options{}},
		"wrong-number-of-columns":       {"2 columns, 3 columns, 4 ok", Options{}},
		"control-character":             {"2 control, 3 control, 4 ok", Options{}},
		"rounded-phone":                 {"2 spreadsheet, 3 columns", Options{IDType: Phone}},
		"formula-for-text":              {"2 spreadsheet, 3 spreadsheet", Options{IDType: Phone}},
		"leading-apostrophe":            {"2 spreadsheet", Options{}},
		"lost-zeros":                    {"2 spreadsheet", Options{}},
		"no-validation":                 {"2 ok, 4 ok", Options{NoValidate: true}},
	} {
		t.Run(name, func(t *testing.T) {
			_, rows, err := read(t, oddity(t, name), x.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := summary(rows); got != x.want {
				t.Errorf("rows are %q, want %q", got, x.want)
			}
		})
	}
}

func oddity(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/oddities/" + name + ".csv")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The files named refused- cannot be read at all: nothing of them is sent, and the error names the line.
func TestRefusedOddities(t *testing.T) {
	for name, x := range map[string]struct {
		line int
		o    Options
	}{
		"refused-empty":            {0, Options{}},
		"refused-only-a-mark":      {0, Options{}},
		"refused-only-empty-lines": {0, Options{}},
		"refused-unclosed-quote":   {3, Options{}},
		"refused-bare-quote":       {2, Options{}},
		"refused-not-utf-8":        {3, Options{}},
		"refused-not-gbk":          {2, Options{Encoding: "gbk"}},
		"refused-nul":              {2, Options{}},
		"refused-gzip-cut-off":     {0, Options{}},
		"refused-no-such-column":   {1, Options{}},
		"refused-two-such-columns": {1, Options{}},
		"refused-column-3-of-2":    {1, Options{Column: "3"}},
	} {
		refused(t, name, oddity(t, name), x.line, x.o)
	}
}

func refused(t *testing.T, name string, text []byte, line int, o Options) {
	t.Helper()
	_, err := Scan(t.Context(), bytes.NewReader(text), o, nil)
	at := "" // some have no line
	if line > 0 {
		at = fmt.Sprintf("line %d: ", line)
	}
	if err == nil || !strings.HasPrefix(err.Error(), at) {
		t.Errorf("%s: %v, want line %d", name, err, line)
	}
}

// What is too large for a file of its own.
func TestRefusedGiants(t *testing.T) {
	for name, text := range map[string]string{
		"field above 1 MiB": "userId,n\n" + a + "," + strings.Repeat("x", maxField+1) + "\n",
		"endless line":      "userId,n\n" + a + "," + strings.Repeat("x", 2*maxRecord),
		"million commas":    "userId,n\n" + strings.Repeat(",", 1_000_000) + "\n",
		"early bare quote":  "userId,n\n\"" + a + "\"b,d\n" + strings.Repeat(a+",x\n", maxRecord/20) + "\xff",
		"endless quote":     "userId,n\n" + a + ",\"" + strings.Repeat("x\n", maxRecord),
	} {
		refused(t, name, []byte(text), 2, Options{})
	}
}

// No file lies there that nobody looks at.
func TestEveryOddityIsLookedAt(t *testing.T) {
	source, err := os.ReadFile("oddities_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir("testdata/oddities")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(f.Name(), ".csv"); !bytes.Contains(source, []byte(`"`+name+`":`)) {
			t.Errorf("%s is in no table", f.Name())
		}
	}
}
