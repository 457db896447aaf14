package chunker

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever stands above the table and beside the people's IDs, such as the admin's address or the managers', nobody is
// accepted but the people who are meant: else the file is refused.
func TestNobodyIsDeletedByAGuess(t *testing.T) {
	refused, taken := 0, 0
	for range 10 {
		rapid.Check(t, func(t *rapid.T) {
			if guess(t) {
				taken++
			} else {
				refused++
			}
		})
	}
	if some := (taken + refused) / 8; taken < some || refused < some {
		t.Errorf("%d files were taken and %d refused: one of them proves little", taken, refused)
	}
}

// guess makes a file, and says whether it was read.
func guess(t *rapid.T) bool {
	idType := rapid.SampledFrom([]string{UserID, Email, Phone}).Draw(t, "type")
	id := map[string]func(i int) string{UserID: hexID, Phone: func(i int) string { return fmt.Sprintf("138%08d", i) },
		Email: func(i int) string { return fmt.Sprintf("a%d@x.com", i) }}[idType]
	names := map[string][]string{UserID: {"userId", "User ID*", "id", "users.id"}, Phone: {"mobile", "手机号（必填）", "Tel."},
		Email: {"email", "E-Mail", "邮箱", "mail"}}[idType]
	others := []string{"name", "dept", "email (manager)", "manager.id", "boss", "Kennung", names[0]}

	columns := rapid.IntRange(1, 4).Draw(t, "columns")
	at := rapid.IntRange(0, columns-1).Draw(t, "column of the people")
	named := rapid.Bool().Draw(t, "header")
	header := make([]string, columns)
	kinds := make([]int, columns) // of cells: words, or other people's IDs
	for c := range columns {
		header[c] = rapid.SampledFrom(others).Draw(t, "name")
		kinds[c] = rapid.IntRange(0, 1).Draw(t, "kind")
	}
	header[at] = rapid.SampledFrom(names).Draw(t, "name of the IDs")

	var rows [][]string
	if named {
		titles := []string{"Leavers", "Exported by", "", id(900), "2025-11-01", "Email", "total"}
		if columns > 1 { // of one column it is a list that was put together
			titles = append(titles, header[at])
		}
		for range rapid.IntRange(0, 3).Draw(t, "titles") {
			rows = append(rows, rapid.SliceOfN(rapid.SampledFrom(titles), 1, columns).Draw(t, "title"))
		}
		rows = append(rows, header)
	}
	meant := map[string]bool{}
	for i := range rapid.IntRange(2, 6).Draw(t, "people") {
		row := make([]string, columns)
		for c := range row {
			row[c] = []string{"word", id(500 + i)}[kinds[c]]
		}
		row[at] = rapid.SampledFrom([]string{id(i), id(i), id(i), "NULL", "broken"}).Draw(t, "cell")
		meant[row[at]] = true
		rows = append(rows, row)
	}
	if !slices.ContainsFunc(rows, func(row []string) bool { return len(row) == columns && row[at] == id(0) }) {
		return false // nobody can tell the column
	}
	var text bytes.Buffer
	for _, row := range rows {
		text.WriteString(strings.Join(row, ";") + "\n")
	}
	_, err := Scan(context.Background(), bytes.NewReader(text.Bytes()), Options{IDType: idType}, func(r Row) error {
		if r.Code == "" && !meant[string(r.ID)] {
			t.Fatalf("%s is deleted by a guess:\n%s", r.ID, text.Bytes())
		}
		return nil
	})
	return err == nil
}
