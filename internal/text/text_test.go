package text

import (
	"strings"
	"testing"
)

func TestOneLine(t *testing.T) {
	for s, want := range map[string]string{
		"":                      "",
		"as it is":              "as it is",
		"two\nlines":            "two lines",
		" edges  and\tgaps ":    "edges and gaps",
		"\x1b[2Jescape":         "[2Jescape",
		"用户":                    "用户",
		"delete\x7f":            "delete",
		strings.Repeat("a", 20): strings.Repeat("a", 20),
		strings.Repeat("a", 21): strings.Repeat("a", 20) + "…",
		strings.Repeat("é", 21): strings.Repeat("é", 20) + "…",
	} {
		if got := OneLine(s, 20); got != want {
			t.Errorf("%q becomes %q, want %q", s, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	if got := Clean("a\x1b[1m\nb"); got != "a\uFFFD[1m\uFFFDb" {
		t.Errorf("%q", got)
	}
	if got := CleanLines("a\x1b\nb"); got != "a\uFFFD\nb" {
		t.Errorf("%q", got)
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{
		0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1: "-1", -100: "-100", -1000: "-1,000",
	} {
		if got := Count(n); got != want {
			t.Errorf("%d is written %s", n, got)
		}
	}
	for got, want := range map[string]string{
		Things(1, "user"): "1 user", Things(0, "user"): "0 users",
		Are(1, "row"): "1 row is", Are(2000, "row"): "2,000 rows are",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"a.bulkdelete": "a.bulkdelete", "": "''", "it's": `'it'\''s'`, "$(x)": "'$(x)'",
		"用户.bulkdelete": "用户.bulkdelete",
	} {
		if got := posixWord(word); got != want {
			t.Errorf("%q becomes %s, want %s", word, got, want)
		}
	}
	for word, want := range map[string]string{
		`C:\用户\a.bulkdelete`: `C:\用户\a.bulkdelete`, "": `""`, `C:\My Lists\`: `"C:\My Lists\\"`, "it's": `"it's"`,
		"email,name": `"email,name"`, "5%": "5%", "a&b|c": `"a&b|c"`, "it's $5": "'it''s $5'",
	} {
		if got := windowsWord(word); got != want {
			t.Errorf("%q becomes %s, want %s", word, got, want)
		}
	}
}
