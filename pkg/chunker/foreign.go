package chunker

import (
	"bytes"
	"regexp"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// format is something that people take for CSV.
type format struct{ name, remedy string }

const (
	exportIt  = "export it as CSV (UTF-8) and give that file"
	unpackIt  = "unpack it and give the CSV that is in it"
	queryIt   = "copy the IDs out of it, for example with "
	postgreIt = queryIt + `psql -c "\copy (SELECT user_id FROM users) TO 'users.csv' CSV HEADER"`
	mysqlIt   = queryIt + `mysql -B -e "SELECT user_id FROM users" > users.txt, which is read as it is`
)

// magics are what files of other formats begin with.
var magics = []struct {
	magic string
	format
}{
	{"PK\x03\x04", format{"an Excel workbook or a zip archive", exportIt}},
	{"\xd0\xcf\x11\xe0", format{"an old Excel workbook", exportIt}},
	{"%PDF", format{"a PDF", exportIt}},
	{"{\\rtf", format{"a text with formats (RTF)", "save it as plain text in UTF-8 and give that file"}},
	{"BZh", format{"compressed with bzip2", unpackIt}},
	{"\xfd7zXZ", format{"compressed with xz", unpackIt}},
	{"7z\xbc\xaf", format{"a 7-Zip archive", unpackIt}},
	{"Rar!", format{"a RAR archive", unpackIt}},
	{"PAR1", format{"a Parquet file", queryIt + `duckdb -c "COPY (SELECT user_id FROM 'FILE') TO 'users.csv' (HEADER)"`}},
	{"ARROW1", format{"an Arrow file", exportIt}},
	{"ORC", format{"an ORC file", exportIt}},
	{"Obj\x01", format{"an Avro file", exportIt}},
	{"SQLite format 3\x00", format{"an SQLite database",
		queryIt + `sqlite3 -csv -header FILE "SELECT user_id FROM users" > users.csv`}},
	{"PGDMP", format{"a dump of a PostgreSQL database", postgreIt}},
}

// forms are what texts of other formats look like at their beginning.
var forms = []struct {
	form *regexp.Regexp
	format
}{
	{regexp.MustCompile(`^\{\s*"[^"\n]*"\s*:.*\}\s*\n\s*\{`), format{"JSON, an object a line",
		queryIt + `jq -r '[.userId] | @csv' FILE > users.csv`}},
	{regexp.MustCompile(`^(\{\s*("[^"\n]*"\s*:|\}|$)|\[\s*([\[{"]|-?[0-9]+\s*[,\]]|$))`), format{"JSON",
		queryIt + `jq -r '.[] | [.userId] | @csv' FILE > users.csv`}},
	{regexp.MustCompile(`(?i)^<(!doctype html|html|head|body|table)\b`), format{"a web page (HTML)",
		"open it in a spreadsheet, " + exportIt}},
	{regexp.MustCompile(`^<(\?xml|!--|[A-Za-z][\w:.-]*(\s+[\w:.-]+="[^"]*")*\s*/?>\s*<)`), format{"XML", exportIt}},
	{regexp.MustCompile(`^(--\s*\n)*-- PostgreSQL database`), format{"a dump of a PostgreSQL database", postgreIt}},
	{regexp.MustCompile(`^(/\*M?!.*\n)?-- (MySQL|MariaDB) dump`), format{"a dump of a MySQL database", mysqlIt}},
	{regexp.MustCompile("(?im)^(INSERT INTO|REPLACE INTO|CREATE TABLE) [`\"\\w.\\[]+.*(\\(|VALUES)"),
		format{"a dump of SQL", "copy the IDs out of it as CSV, with the database's own tool"}},
	{regexp.MustCompile(`(?m)^COPY [\w."]+ \(.*\) FROM stdin;`), format{"a dump of a PostgreSQL database", postgreIt}},
	{regexp.MustCompile(`(?i)^(version: 1\r?\n)?dn::? `), format{"a directory's export (LDIF)", exportIt}},
	{regexp.MustCompile(`^[┌╭╔┏]`), format{"a table that is drawn for the screen", exportIt}},
	{regexp.MustCompile(`^(-\[ RECORD 1 \]|\*{9,} 1\. row \*{9,})`), format{"a database's output with one field a line",
		"let its client write a row a line (psql --csv, mysql -B)"}},
	{regexp.MustCompile(`(?i)^BEGIN:VCARD`), format{"an address book (vCard)", exportIt}},
}

// foreign tells by an input's beginning that it is of another format than CSV; nil: it may be CSV.
func foreign(head []byte) *format {
	for i, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return &magics[i].format
		}
	}
	if len(head) > 262 && string(head[257:262]) == "ustar" {
		return &format{"a tar archive", unpackIt}
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	for i, f := range forms {
		if f.form.Match(text) {
			return &forms[i].format
		}
	}
	return nil
}

// isUTF8 says whether a text has characters that are not ASCII, and all are UTF-8: of GBK that is so unlikely that
// whoever says GBK is mistaken.
func isUTF8(head []byte) bool {
	if !utf8.Valid(head[:len(head)-tornEnd(head)]) {
		return false
	}
	long, short := 0, 0
	for _, r := range string(head) {
		switch n := utf8.RuneLen(r); {
		case n > 2:
			long++
		case n == 2:
			short++
		}
	}
	return long > 1 || short > 3 // one or two may be a word of GBK
}

// tornEnd is how many bytes at a text's end begin a character that goes on behind it.
func tornEnd(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if b := text[len(text)-n]; utf8.RuneStart(b) {
			if utf8.FullRune(text[len(text)-n:]) {
				return 0
			}
			return n
		}
	}
	return 0
}

// isGBK says whether a text is Chinese in GBK beyond doubt: it really decodes, and nearly all characters are among the
// common ones. Words of other encodings decode too, but to characters that nobody uses.
func isGBK(text []byte) bool {
	if decoded, err := decoderFor("gb18030", nil).Bytes(text); err != nil || bytes.Contains(decoded, replacement) {
		return false
	}
	common, all := 0, 0
	for i := 0; i+1 < len(text); i++ {
		if text[i] < 0x80 {
			continue
		}
		if all++; text[i] >= 0xa1 && text[i] <= 0xf7 && text[i+1] >= 0xa1 {
			common++
		}
		i++
	}
	return all > 0 && common*10 >= all*9
}

// isGarbled says whether a text begins with Chinese in UTF-8 that some program took for GBK.
func isGarbled(text string) bool {
	if text == "" || text[0] < utf8.RuneSelf {
		return false
	}
	b, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(text))
	for n := 0; err == nil && n < 2; n++ {
		r, size := utf8.DecodeRune(b)
		if !unicode.Is(unicode.Han, r) {
			return false
		}
		b = b[size:]
	}
	return err == nil
}
