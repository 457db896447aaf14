package chunker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A list of people is read by the kind of ID that its header names, and refused where that cannot be told.
func TestList(t *testing.T) {
	const a, b = "6319a150f38b2ffc80a4df5a", "6319a1756bad6be28e7aa6e9"
	for name, c := range map[string]struct{ list, idType, want string }{
		"the input's own kind":         {"email\na@corp.com\n", Email, "[email] [a@corp.com]"},
		"own kind before others":       {"userId,email\n" + a + ",a@corp.com\n", Email, "[email] [a@corp.com]"},
		"another kind":                 {"E-Mail,Name\na@corp.com,Ada\n", UserID, "[email] [a@corp.com]"},
		"usernames for user_ids":       {"login\nadmin\n", UserID, "[username] [admin]"},
		"an ID that is a number":       {"ID,E-Mail\n17,a@corp.com\n", Username, "[email] [a@corp.com]"},
		"no header":                    {a + "\n" + b + "\n", Email, "[user_id] [" + a + " " + b + "]"},
		"no header, of any text":       {"a@corp.com\nb@corp.com\n", Username, "[email username] [a@corp.com b@corp.com]"},
		"no header, names":             {"admin\nroot\n", Username, "[username] [admin root]"},
		"no header, numbers":           {"10017\n10018\n", ExternalID, "[external_id] [10017 10018]"},
		"a broken row":                 {"email\na@corp.com\nnobody\n", UserID, "line 3"},
		"a header without people":      {"email\n", UserID, "no ID"},
		"nothing that could be an ID":  {"department,city\nIT,Rome\n", UserID, "choose one"},
		"empty":                        {"", UserID, "empty"},
		"headerless and not all alike": {"a@corp.com\nadmin\n", Email, "line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			kinds, ids, err := List([]byte(c.list), c.idType)
			got := fmt.Sprint(kinds, " ", ids)
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// A protected ID is never accepted, however it is written.
func TestProtectionIsGenerous(t *testing.T) {
	for _, c := range []struct{ idType, protected, row string }{
		{UserID, "6319A150F38B2FFC80A4DF5A", "6319a150f38b2ffc80a4df5a"},
		{Username, "Admin", "admin"},
		{Email, "Admin@bücher.example", "admin@xn--bcher-kva.example"},
		{Phone, "+8613800138000", "13800138000"},
		{ExternalID, "0017", "17"},
	} {
		plan, err := Scan(context.Background(), strings.NewReader(c.idType+"\n"+c.row+"\n"),
			Options{IDType: c.idType, Protect: []string{c.protected}}, nil)
		if err != nil || plan.Protected != 1 {
			t.Errorf("%s %s does not protect %s: %v", c.idType, c.protected, c.row, err)
		}
	}
}

// Whole rows come with the chunks, and are held to the plan.
func TestWholeRows(t *testing.T) {
	const text = "userId,name\n6319a150f38b2ffc80a4df5a,\"Khan, Dana\"\n6319a1756bad6be28e7aa6e9, Tariq \n"
	plan, err := Scan(context.Background(), strings.NewReader(text), Options{WholeRows: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%q", plan.Cells(string(plan.HeaderRaw))); got != `["userId" "name"]` {
		t.Error(got)
	}
	for chunk, err := range plan.Split(strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%q %q", plan.Cells(chunk.Raw[0])[1], plan.Cells(chunk.Raw[1])[1])
		if got != `"Khan, Dana" "Tariq"` {
			t.Error(got)
		}
	}
}

// A row that is planned whole and has another name by now is never given, though the ID is what it was.
func TestWholeRowsAreHeldToThePlan(t *testing.T) {
	text := "userId,name\n"
	for i := range 200 {
		text += fmt.Sprintf("%024x,Tariq\n", i)
	}
	plan, err := Scan(context.Background(), strings.NewReader(text), Options{WholeRows: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for chunk, err := range plan.Split(strings.NewReader(strings.Replace(text, "Tariq", "Peter", 1))) {
		if !errors.Is(err, ErrChanged) {
			t.Fatalf("chunk %d is given: %v", chunk.Number, err)
		}
	}
}
