package job

import (
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/report"
	"bulkdelete/pkg/who"
)

// person is what the pool and a list say of somebody.
type person struct{ id, email, name, status, lastLogin string }

func personOf(n int) person {
	names := []string{"Ada Adler", "Ben Bauer", "Cem Can", "Dana Diaz", "Eve Ek", "Fay Fox", "Gus Gil"} // shared by many
	return person{id(n), fmt.Sprintf("p%05d@corp.com", n), names[n%len(names)], "Suspended", "2025-01-01T00:00:00Z"}
}

var personMembers = []string{"email", "name", "status", "lastLogin"}

func pool(people []person) iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		for _, p := range people {
			if !yield(p.id, []string{p.email, p.name, p.status, p.lastLogin}) {
				return
			}
		}
	}
}

func peopleTo(n int) (all []person) {
	for i := 1; i <= n; i++ {
		all = append(all, personOf(i))
	}
	return all
}

func listOf(people []person) string {
	var b strings.Builder
	b.WriteString("user_id,E-Mail,Full Name\n")
	for _, p := range people {
		fmt.Fprintf(&b, "%s,%s,%s\n", p.id, strings.ToUpper(p.email), p.name)
	}
	return b.String()
}

// newPeople makes a fixture whose pool are people, and whose input names those listed.
func newPeople(t *testing.T, cfg sandbox.Config, people, listed []person) *fixture {
	t.Helper()
	b := newFixture(t, cfg, 0, 0)
	cfg.Users, cfg.Members = pool(people), personMembers
	cfg.Observe = func(c sandbox.Call) {
		for _, id := range c.IDs {
			if c.Name == "delete-users-batch" {
				b.named[id]++
			}
		}
	}
	var err error
	if b.api, err = sandbox.New(cfg); err != nil {
		t.Fatal(err)
	}
	b.cfg.Transport = wire{b.api}
	if err := os.WriteFile(b.input, []byte(listOf(listed)), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

// wantCounts holds a summary to deleted, spared, absent and mismatched users, and to its exit code.
func wantCounts(t *testing.T, s *report.Summary, err error, deleted, spared, absent, mismatched, code int) {
	t.Helper()
	if err != nil || s.Deleted != deleted || s.Spared != spared || s.Absent != absent || s.Mismatched != mismatched ||
		s.ExitCode != code {
		t.Errorf("%v: %d deleted, %d spared, %d absent, %d mismatched, exit %d; want %d, %d, %d, %d, %d", err,
			s.Deleted, s.Spared, s.Absent, s.Mismatched, s.ExitCode, deleted, spared, absent, mismatched, code)
	}
}

// Whose row describes somebody else is spared, with a row of the audit for each part, and lives.
func TestMatch(t *testing.T) {
	inBubble(t, "match", func(t *testing.T) {
		listed := peopleTo(120)
		for i := 20; i < 30; i++ {
			listed[i].email = personOf(i + 2).email // a column that was sorted
		}
		listed[40].name = "Somebody Else"
		listed[60].email, listed[60].name = "", ""
		b := newPeople(t, sandbox.Config{}, peopleTo(115), listed)
		b.match = "email,name=full name"
		s, err := b.run(t.Context())
		wantCounts(t, s, err, 103, 12, 5, 12, 1)
		if n := s.SparedBy["match: the row and the profile differ in email"] +
			s.SparedBy["match: the row and the profile differ in email, name"]; n != 10 {
			t.Errorf("spared are %v", s.SparedBy)
		}
		for _, row := range b.rows("spared.csv") {
			named := row["bulkdelete_reason"] == "match: the row and the profile differ in name"
			if (row["Full Name"] == "Somebody Else") != named || row["bulkdelete_line"] == "" {
				t.Errorf("%v", row)
			}
		}
		if f := b.verified(Expect{}); !f.Whole || !f.Finished || f.Spared != 12 || f.Mismatched != 12 {
			t.Errorf("%+v", f)
		}
		before := b.api.Len()
		if s, err = b.run(t.Context()); err != nil || b.api.Len() != before || s.Spared != 12 {
			t.Errorf("running it again: %v", err)
		}
	})
}

// Who does not fulfil a condition is spared as asked: that is no failure. Conditions count from the first day.
func TestOnly(t *testing.T) {
	inBubble(t, "only", func(t *testing.T) {
		people := peopleTo(100)
		for i := range people {
			switch i % 4 {
			case 1:
				people[i].status = "Activated"
			case 2:
				people[i].lastLogin = "" // null
			case 3:
				people[i].lastLogin = "1999-12-02T00:00:00Z" // the bubble's clock begins with 2000
			}
		}
		b := newPeople(t, sandbox.Config{}, people, people)
		b.only = []string{"status=Suspended", "last-login<30d-ago"}
		s, err := b.run(t.Context())
		wantCounts(t, s, err, 0, 100, 0, 0, 0)
		for i := range people {
			people[i].lastLogin = "1999-11-01T00:00:00Z"
		}
		b = newPeople(t, sandbox.Config{}, people, people)
		b.only = []string{"status=Suspended", "last-login<30d-ago"}
		s, err = b.run(t.Context())
		wantCounts(t, s, err, 75, 25, 0, 0, 0)
	})
}

// Ages count from the day of the first run, on every resume.
func TestAgesCountFromTheFirstDay(t *testing.T) {
	asked := report.Asked{At: "2026-03-10T23:59:00Z", Options: AskWho("", []string{"created<10d-ago"})}
	rules, err := Rules(asked, &chunker.Plan{})
	if err != nil {
		t.Fatal(err)
	}
	for created, want := range map[string]who.Decision{"2026-02-27T23:59:59Z": who.Send, "2026-02-28T00:00:00Z": who.Spare} {
		if d, _ := rules.Decide(nil, []who.Person{{CreatedAt: created}}); d != want {
			t.Errorf("created %s: %d", created, d)
		}
	}
}

// People on a list of another kind of ID are looked up once, found by user_id and spared. A resume may add people and
// never drops one; who is added is spared even if the list has the input's own kind of ID.
func TestProtectByPerson(t *testing.T) {
	inBubble(t, "protect", func(t *testing.T) {
		people := peopleTo(150) // the sandbox makes phones such as 13900000011 for the twelfth
		b := newPeople(t, sandbox.Config{}, people, people)
		admins := Protection{{Kind: "email", ID: "P00007@Corp.com", List: "admins.csv"},
			{Kind: "email", ID: "nobody@corp.com", List: "admins.csv"},
			{Kind: "user_id", ID: strings.ToUpper(id(9)), List: "keep.csv"},
			{Kind: "phone", ID: "+8613900000011", List: "phones.csv"}}
		b.protect = admins
		b.adjust = func(j *Job) { j.StopAfter = 50 }
		s, err := b.run(t.Context())
		if codeOf(err) != Interrupted || s.Spared != 2 || s.Protected != 1 || s.Rejected != 1 {
			t.Errorf("%v: %d spared, %d protected", err, s.Spared, s.Protected)
		}
		b.protect = admins[1:]
		if _, err := b.run(t.Context()); codeOf(err) != Guard || !strings.Contains(err.Error(), "protects 1 people") {
			t.Errorf("a resume that drops somebody: %v", err)
		}
		b.protect = append(slices.Clone(admins), Protected{Kind: "user_id", ID: id(140), List: "more.csv"})
		b.adjust = nil
		s, err = b.run(t.Context())
		wantCounts(t, s, err, 146, 3, 0, 0, 0)
		for _, n := range []int{7, 9, 12, 140} {
			if !b.api.Has("user_id", id(n)) {
				t.Errorf("%s is protected and gone", id(n))
			}
		}
		text, _ := os.ReadFile(b.dir + "/protect.csv")
		for _, line := range []string{"email,P00007@Corp.com,admins.csv,1," + id(7), "email,nobody@corp.com,admins.csv,1,\n",
			"user_id," + id(140) + ",more.csv,2," + id(140)} {
			if !strings.Contains(string(text), line) {
				t.Errorf("protect.csv lacks %q:\n%s", line, text)
			}
		}
		if f := b.verified(Expect{}); !f.Whole || !f.Finished {
			t.Errorf("%+v", f.Problems)
		}
		if lists := b.protect.Lists("user_id"); lists["admins.csv"].People != 2 {
			t.Errorf("%+v", lists)
		}
	})
}

// What nobody can look at is not deleted: a key that may not read stops the run before anything is sent.
func TestNobodyIsDeletedUnseen(t *testing.T) {
	inBubble(t, "denied", func(t *testing.T) {
		people := peopleTo(60)
		b := newPeople(t, sandbox.Config{ReadDenied: true}, people, people)
		b.only = []string{"status=Suspended"}
		if _, err := b.run(t.Context()); codeOf(err) != Halted || b.api.Len() != 60 {
			t.Errorf("%v, %d are left", err, b.api.Len())
		}
	})
}

// With a backup, nobody who is spared is saved, and so nobody of them can be created again.
func TestOnlyWhoIsSentIsSaved(t *testing.T) {
	inBubble(t, "backup", func(t *testing.T) {
		people := peopleTo(100)
		people[3].status = "Activated"
		b := newPeople(t, sandbox.Config{}, people, people)
		b.backup, b.only = true, []string{"status=Suspended"}
		s, err := b.run(t.Context())
		wantCounts(t, s, err, 99, 1, 0, 0, 0)
		if f := b.verified(Expect{}); *f.Saved != 99 || !f.Whole {
			t.Errorf("%d are saved; %v", *f.Saved, f.Problems)
		}
	})
}

// Where a column is to be found for a rule.
func TestMatchColumns(t *testing.T) {
	for _, c := range []struct{ header, match, want string }{
		{"user_id,E-Mail", "email", "1"},
		{"user_id,Mail,E-Mail", "email", "choose one"},
		{"user_id,Mail,E-Mail", "email=mail", "1"},
		{"user_id,Mail,E-Mail", "email=3", "2"},
		{"user_id,city", "email", "name it with email=COLUMN"},
		{"user_id,city", "email=town", `no column "town"`},
		{"user_id,email", "user_id", "proves nothing"},
		{"user_id,姓名（必填）", "name", "1"}, // as templates of consoles write them
		{"user_id,Name [displayName] Required", "name", "1"},
		{"user_id,First Name [Required]", "given_name", "1"},
		{"user_id,profile.lastName", "family_name", "1"},
		{"user_id,manager.name", "name", "name it with name=COLUMN"},
	} {
		text := c.header + "\n" + id(1) + strings.Repeat(",x", strings.Count(c.header, ",")) + "\n"
		plan, err := chunker.Scan(t.Context(), strings.NewReader(text), chunker.Options{WholeRows: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		rules, err := Rules(report.Asked{At: "2026-03-10T00:00:00Z", Options: AskWho(c.match, nil)}, plan)
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprint(rules.Match[0].Column)
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s in %s: %s, want %s", c.match, c.header, got, c.want)
		}
	}
}

// A reading that fails because of one user holds up nobody else, and leaves no words in the rows of those who are spared:
// these begin with the rule, by which a mismatch is known.
func TestOneWhoCannotBeLookedAt(t *testing.T) {
	inBubble(t, "one", func(t *testing.T) {
		listed := peopleTo(100)
		listed[9].email, listed[60].email = personOf(30).email, personOf(30).email
		b := newPeople(t, sandbox.Config{}, peopleTo(100), listed)
		b.match = "email"
		api := b.cfg.Transport.(wire).Handler
		b.cfg.Transport = wire{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "get-user-batch") && strings.Contains(r.URL.RawQuery, id(8)) {
				io.WriteString(w, `{"statusCode":400,"message":"oops"}`)
				return
			}
			api.ServeHTTP(w, r)
		})}
		s, err := b.run(t.Context())
		wantCounts(t, s, err, 97, 2, 0, 2, 1)
		if rows := b.rows("failed.csv"); len(rows) != 1 || rows[0]["user_id"] != id(8) ||
			!strings.Contains(rows[0]["bulkdelete_reason"], "could not be looked at, so not deleted") {
			t.Errorf("failed: %v", rows)
		}
		if rows := b.rows("spared.csv"); len(rows) != 2 ||
			rows[0]["bulkdelete_reason"] != "match: the row and the profile differ in email" {
			t.Errorf("spared: %v", rows)
		}
	})
}

// Who was saved by a run that could not delete, and is spared by the next one, is not created again.
func TestWhoIsSparedDoesNotComeBack(t *testing.T) {
	inBubble(t, "spared", func(t *testing.T) {
		people := peopleTo(60)
		b := newPeople(t, sandbox.Config{}, people, people)
		b.backup, b.only = true, []string{"status=Suspended"}
		api := b.cfg.Transport.(wire).Handler
		b.cfg.Transport = wire{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "delete-users-batch") {
				io.WriteString(w, `{"statusCode":403,"message":"no"}`)
				return
			}
			api.ServeHTTP(w, r)
		})}
		if _, err := b.run(t.Context()); codeOf(err) != Halted {
			t.Fatal(err)
		}
		back := slices.Clone(people)
		back[54].status = "Activated"
		b.api = newPeople(t, sandbox.Config{}, back, nil).api
		b.cfg.Transport = wire{b.api}
		s, err := b.run(t.Context())
		wantCounts(t, s, err, 59, 1, 0, 0, 0)
		r, err := OpenRestore(t.Context(), b.dir)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if r.Users != 59 {
			t.Errorf("%d users can come back", r.Users)
		}
	})
}
