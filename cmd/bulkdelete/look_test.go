package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulkdelete/internal/sandbox"
)

// peopleList are users 1 to n with an e-mail address and a Chinese name; a list shifts the addresses of the first few.
func peopleList(n, shifted int) (list string, change func(*sandbox.Config)) {
	row := func(i, email int) string { return fmt.Sprintf("%s,p%d@example.com,张伟%d\n", userID(i), email, i) }
	list = "userId,email,name\n"
	for i := 1; i <= n; i++ {
		if i <= shifted {
			list += row(i, i+1)
		} else {
			list += row(i, i)
		}
	}
	return list, func(c *sandbox.Config) {
		c.Members, c.Users = []string{"email", "name"}, func(yield func(string, []string) bool) {
			for i := 1; i <= n; i++ {
				if !yield(userID(i), []string{fmt.Sprintf("p%d@example.com", i), fmt.Sprintf("张伟%d", i)}) {
					return
				}
			}
		}
	}
}

// On a terminal a person sees rows beside profiles, those that differ first and marked, in lines that fit; and is told
// before the question where nobody could be looked up.
func TestSampleOnATerminal(t *testing.T) {
	list, change := peopleList(60, 5)
	p, dir := newPool(t, 0, "", change), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "all.csv"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	term := openTerminal(t, p.command(dir, "run", "all.csv", "--rate", "5000"), 80)
	term.wait(t, "anything else to leave: ")
	for _, line := range []string{"60 of 60 rows looked up exist", `"email" differs from the profile for 5 of them`,
		"  ! 2        张伟1       p2@example.com     | 张伟1       p1@example.com",
		"    7        张伟6       p6@example.com     | 张伟6       p6@example.com"} {
		if !strings.Contains(term.String(), line) {
			t.Errorf("%q is not shown:\n%s", line, term)
		}
	}
	term.write(t, "no\r")
	if code := term.end(t); code != 3 || p.sent() > 0 {
		t.Errorf("exit code %d, %d calls", code, p.sent())
	}

	denied := newPool(t, 0, "", change, func(c *sandbox.Config) { c.ReadDenied = true })
	term = openTerminal(t, denied.command(dir, "run", "all.csv", "--rate", "5000"), 80)
	term.wait(t, "anything else to leave: ")
	if !strings.Contains(term.String(), "nobody was looked up: ") {
		t.Errorf("it is not said that nobody was looked up:\n%s", term)
	}
	term.write(t, "60\r")
	if code := term.end(t); code != 0 || denied.Len() != 0 {
		t.Errorf("exit code %d, %d users are left", code, denied.Len())
	}
}
