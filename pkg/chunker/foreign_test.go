package chunker

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// Files that are not CSV are named for what they are, with what to do.
func TestForeignFormats(t *testing.T) {
	tar := "users.csv" + strings.Repeat("\x00", 248) + "ustar\x0000"
	for text, want := range map[string]string{
		"PK\x03\x04xx": "Excel workbook or a zip", "\xd0\xcf\x11\xe0\xa1": "old Excel workbook", "%PDF-1.7\n": "PDF",
		"{\\rtf1\\ansi ada\n": "RTF", "PAR1\x15\x04": "Parquet duckdb",
		"SQLite format 3\x00": "SQLite sqlite3", tar: "tar archive unpack",
		"[{\"userId\": \"1\"}]\n":                "JSON jq",
		"[\n  {\n":                               "JSON jq",
		"{\"users\":[{\"userId\":\"1\"}]}\n":     "JSON jq",
		"\ufeff{\n  \"list\": []\n}":             "JSON jq",
		"[\"" + a + "\"]\n":                      "JSON",
		"{\"userId\":\"1\"}\n{\"userId\":\"2\"}": "JSON, an object a line",
		"<?xml version=\"1.0\"?>\n<users>":       "XML", "<users><user id=\"1\"/></users>": "XML",
		"<!DOCTYPE html>\n<html>": "HTML", "\n<table><tr><td>userId</td></tr></table>": "HTML", "<HTML><body>": "HTML",
		"-- MySQL dump 10.13  Distrib 8.0\n--\n":                              "MySQL mysql -B",
		"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n":  "MySQL",
		"--\n-- PostgreSQL database dump\n--\n":                               "PostgreSQL psql",
		"PGDMP\x01\x0e":                                                       "PostgreSQL psql",
		"INSERT INTO `users` VALUES (1,'" + a + "'),(2,'x');\n":               "dump of SQL",
		"SET x;\nCREATE TABLE users (\n":                                      "dump of SQL",
		"SET x = 0;\n\nCOPY public.users (id, name) FROM stdin;\n1\tx\n\\.\n": "PostgreSQL",
		"dn: uid=ada,ou=people\n":                                             "LDIF", "BEGIN:VCARD\n": "vCard",
	} {
		_, err := Scan(t.Context(), strings.NewReader(text), Options{IDType: Username}, nil)
		for word := range strings.FieldsSeq(want) {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%.40q: %v, want the word %s", text, err, word)
			}
		}
	}
	for _, text := range []string{"[NULL]\n", "<NA>\nada\n", "{" + a + "}\n", "[" + a + "]\n",
		"-- userId\n" + a + "\n", "dn,x\n1,2\n",
		"Order,PK\n", "ORCID\nx\n"[0:0] + "OBJ\nx\n", "<nil>\n", "[login]\nada\n", "<ada@x.com>\n"} {
		if name, _ := foreign([]byte(text)); name != "" {
			t.Errorf("%q is taken for %s", text, name)
		}
	}
}

// An encoding is named only if it really decodes, and one that was given is refused if the bytes say otherwise.
func TestWrongEncodings(t *testing.T) {
	const chinese = "用户ID,姓名\n{},张三\n{},欧阳娜娜\n"
	must := func(b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	latin := charmap.Windows1252.NewEncoder()
	gbk := must(simplifiedchinese.GBK.NewEncoder().Bytes([]byte(chinese)))
	for name, x := range map[string]struct {
		text       []byte
		encoding   string
		want, lack string
	}{
		"GBK": {gbk, "", "is it --encoding gbk?", ""},
		"Big5": {must(traditionalchinese.Big5.NewEncoder().Bytes([]byte("使用者ID,姓名\nx,張三\nx,歐陽\n"))),
			"", "save the file as UTF-8", "gbk"},
		"Latin-1": {must(latin.Bytes([]byte("userId,name\nx,André\nx,Zoéta\n"))), "", "save the file", "gbk"},
		"Latin-1 inside a word": {must(latin.Bytes([]byte("userId,name\nx,Hélène\n"))), "",
			"save the file", "gbk"},
		"UTF-8 as GBK":     {[]byte(chinese), "gbk", "these bytes are utf-8", ""},
		"UTF-8 as GB18030": {[]byte(chinese), "gb18030", "these bytes are utf-8", ""},
		"a header garbled": {append(must(simplifiedchinese.GBK.NewDecoder().Bytes([]byte("用户ID,姓名\n"))), "1,2\n"...),
			"", "UTF-8 that was read as GBK", ""},
	} {
		_, err := Scan(t.Context(), bytes.NewReader(x.text), Options{Encoding: x.encoding}, nil)
		if err == nil || !strings.Contains(err.Error(), x.want) || x.lack != "" && strings.Contains(err.Error(), x.lack) {
			t.Errorf("%s: %v, want %s and not %s", name, err, x.want, x.lack)
		}
	}
	p, _, err := read(t, bytes.ReplaceAll(gbk, []byte("{}"), []byte(a)), Options{Encoding: "gbk"})
	if err != nil || p.Accepted != 1 {
		t.Errorf("GBK that is GBK: %v", err)
	}
	garbled := must(simplifiedchinese.GB18030.NewDecoder().Bytes([]byte("\n" + a + ",张三丰先\n" + b + ",欧阳娜娜\n")))
	p, _, err = read(t, append([]byte("userId,n"), garbled...), Options{})
	if err != nil || !strings.Contains(strings.Join(p.Notes, "\n"), "read as GBK") {
		t.Errorf("garbled names: %v", err)
	}
}
