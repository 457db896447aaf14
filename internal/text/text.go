// Package text makes text fit to be read: foreign text on one line or on a terminal, numbers for people, and words
// for a shell.
package text

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// OneLine makes foreign text one line: printable, with single spaces, and no longer than so many runes.
func OneLine(s string, runes int) string {
	printable := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	return Shorten(strings.Join(strings.Fields(printable), " "), runes)
}

// Shorten cuts a text. The result is a copy, so that it does not keep a large text in memory.
func Shorten(s string, runes int) string {
	n := 0
	for at := range s {
		if n++; n > runes {
			return s[:at] + "…"
		}
	}
	return strings.Clone(s)
}

// Clean replaces what could move a terminal's cursor.
func Clean(s string) string { return strings.ReplaceAll(CleanLines(s), "\n", "\uFFFD") }

// CleanLines is Clean for a text of several lines.
func CleanLines(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// Count writes a number with thousands separated.
func Count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Things writes a number and a noun, such as 1 user or 2,000 users.
func Things(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(n) + " " + noun + "s"
}

// Are is Things with the verb: 1 user is, 2,000 users are.
func Are(n int, noun string) string {
	if n == 1 {
		return Things(n, noun) + " is"
	}
	return Things(n, noun) + " are"
}

// Of is what is said of some among all: 1 of 3 rows is invalid, 2 of 3 rows are invalid.
func Of(n, all int, noun, one, many string) string {
	if n == 1 {
		many = one
	}
	return Count(n) + " of " + Things(all, noun) + " " + many
}

// Clause is what is said of so many things, "" of none: 1 row is invalid, 2 rows are invalid.
func Clause(n int, noun, one, many string) string {
	switch n {
	case 0:
		return ""
	case 1:
		many = one
	}
	return Things(n, noun) + " " + many
}

// Clauses joins those that say something.
func Clauses(each ...string) string {
	return strings.Join(slices.DeleteFunc(each, func(s string) bool { return s == "" }), ", ")
}

// ShellWord quotes a text so that this system's shell takes it for one word: a POSIX shell, or cmd and PowerShell.
func ShellWord(s string) string {
	if runtime.GOOS == "windows" {
		return windowsWord(s)
	}
	return posixWord(s)
}

func posixWord(s string) string {
	if isPlain(s, "-_./+,:@%=") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// windowsWord quotes for both shells where there is a way to, else for PowerShell. Programs take a backslash before a
// quotation mark for part of that.
func windowsWord(s string) string {
	if isPlain(s, `-_./+:%=\`) {
		return s
	}
	if strings.ContainsAny(s, "\"$`") {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	end := strings.Repeat(`\`, len(s)-len(strings.TrimRight(s, `\`)))
	return `"` + s + end + `"`
}

func isPlain(s, also string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune(also, r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}
