package chunker

import (
	"bytes"
	"regexp"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// What to do with what people take for CSV.
const (
	exportIt  = "export it as CSV (UTF-8) and give that file"
	unpackIt  = "unpack it and give the CSV that is in it"
	queryIt   = "copy the IDs out of it, for example with "
	postgreIt = queryIt + `psql -c "\copy (SELECT user_id FROM users) TO 'users.csv' CSV HEADER"`
	mysqlIt   = queryIt + `mysql -B -e "SELECT user_id FROM users" > users.txt, which is read as it is`
)

// magics are what files of other formats begin with.
var magics = []struct{ magic, name, remedy string }{
	{"PK\x03\x04", "an Excel workbook or a zip archive", exportIt},
	{"\xd0\xcf\x11\xe0", "an old Excel workbook", exportIt},
	{"%PDF", "a PDF", exportIt},
	{"{\\rtf", "a text with formats (RTF)", "save it as plain text in UTF-8 and give that file"},
	{"BZh", "compressed with bzip2", unpackIt},
	{"\xfd7zXZ", "compressed with xz", unpackIt},
	{"7z\xbc\xaf", "a 7-Zip archive", unpackIt},
	{"Rar!", "a RAR archive", unpackIt},
	{"PAR1", "a Parquet file", queryIt + `duckdb -c "COPY (SELECT user_id FROM 'FILE') TO 'users.csv' (HEADER)"`},
	{"ARROW1", "an Arrow file", exportIt},
	{"ORC", "an ORC file", exportIt},
	{"Obj\x01", "an Avro file", exportIt},
	{"SQLite format 3\x00", "an SQLite database",
		queryIt + `sqlite3 -csv -header FILE "SELECT user_id FROM users" > users.csv`},
	{"PGDMP", "a dump of a PostgreSQL database", postgreIt},
}

// forms are what texts of other formats look like at their beginning.
var forms = []struct {
	form         *regexp.Regexp
	name, remedy string
}{
	{regexp.MustCompile(`^\{\s*"[^"\n]*"\s*:.*\}\s*\n\s*\{`), "JSON, an object a line",
		queryIt + `jq -r '[.userId] | @csv' FILE > users.csv`},
	{regexp.MustCompile(`^(\{\s*("[^"\n]*"\s*:|\}|$)|\[\s*([\[{"]|-?[0-9]+\s*[,\]]|$))`), "JSON",
		queryIt + `jq -r '.[] | [.userId] | @csv' FILE > users.csv`},
	{regexp.MustCompile(`(?i)^<(!doctype html|html|head|body|table)\b`), "a web page (HTML)",
		"open it in a spreadsheet, " + exportIt},
	{regexp.MustCompile(`^<(\?xml|!--|[A-Za-z][\w:.-]*(\s+[\w:.-]+="[^"]*")*\s*/?>\s*<)`), "XML", exportIt},
	{regexp.MustCompile(`^(--\s*\n)*-- PostgreSQL database`), "a dump of a PostgreSQL database", postgreIt},
	{regexp.MustCompile(`^(/\*M?!.*\n)?-- (MySQL|MariaDB) dump`), "a dump of a MySQL database", mysqlIt},
	{regexp.MustCompile("(?im)^(INSERT INTO|REPLACE INTO|CREATE TABLE) [`\"\\w.\\[]+.*(\\(|VALUES)"),
		"a dump of SQL", "copy the IDs out of it as CSV, with the database's own tool"},
	{regexp.MustCompile(`(?m)^COPY [\w."]+ \(.*\) FROM stdin;`), "a dump of a PostgreSQL database", postgreIt},
	{regexp.MustCompile(`(?i)^(version: 1\r?\n)?dn::? `), "a directory's export (LDIF)", exportIt},
	{regexp.MustCompile(`^[┌╭╔┏]`), "a table that is drawn for the screen", exportIt},
	{regexp.MustCompile(`^(-\[ RECORD 1 \]|\*{9,} 1\. row \*{9,})`), "a database's output with one field a line",
		"let its client write a row a line (psql --csv, mysql -B)"},
	{regexp.MustCompile(`(?i)^BEGIN:VCARD`), "an address book (vCard)", exportIt},
}

// foreign tells by an input's beginning that it is of another format than CSV, and what to do; "": it may be CSV.
func foreign(head []byte) (name, remedy string) {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.name, m.remedy
		}
	}
	if len(head) > 262 && string(head[257:262]) == "ustar" {
		return "a tar archive", unpackIt
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	for _, f := range forms {
		if f.form.Match(text) {
			return f.name, f.remedy
		}
	}
	return "", ""
}

// isUTF8 says whether a text has characters that are not ASCII, and all are UTF-8: of GBK that is so unlikely that
// whoever says GBK is mistaken.
func isUTF8(head []byte) bool {
	long, short := 0, 0
	for utf8.FullRune(head) { // the last character may go on behind the head: what is left of it counts too
		r, n := utf8.DecodeRune(head)
		switch {
		case r == utf8.RuneError && n == 1:
			return false
		case n > 2:
			long++
		case n == 2:
			short++
		}
		head = head[n:]
	}
	return long+len(head) > 1 || short > 3 // one or two may be a word of GBK
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
