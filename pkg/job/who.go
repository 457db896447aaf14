package job

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/report"
	"bulkdelete/pkg/who"
)

// The options of asked that say who is deleted; several conditions stand on lines of their own.
const (
	matchOption = "match"
	onlyOption  = "only"
)

// AskWho writes down, among what is asked, whom the profile has to be: see who.ParseMatch and who.ParseOnly.
func AskWho(match string, only []string) map[string]string {
	asked := map[string]string{}
	if match != "" {
		asked[matchOption] = match
	}
	if len(only) > 0 {
		asked[onlyOption] = strings.Join(only, "\n")
	}
	return asked
}

// Rules reads what a run asks of its users. Ages count from the day on which it was first asked for. Errors are fit for
// exit code 2.
func Rules(asked report.Asked, plan *chunker.Plan) (r who.Rules, err error) {
	if r.Match, err = who.ParseMatch(asked.Options[matchOption]); err != nil {
		return r, fmt.Errorf("--match: %w", err)
	}
	for i := range r.Match {
		if err := findColumn(&r.Match[i], plan); err != nil {
			return r, fmt.Errorf("--match: %w", err)
		}
	}
	day, err := time.Parse(time.RFC3339, asked.At)
	if err != nil {
		return r, fmt.Errorf("when the run was asked for cannot be read: %w", err)
	}
	if asked.Options[onlyOption] == "" {
		return r, nil
	}
	for text := range strings.SplitSeq(asked.Options[onlyOption], "\n") {
		o, err := who.ParseOnly(text, day)
		if err != nil {
			return r, fmt.Errorf("--only %w", err)
		}
		r.Only = append(r.Only, o)
	}
	return r, nil
}

// findColumn finds the column of a rule: by the header that was given, in any case, or its number, else by what headers
// are usually called.
func findColumn(m *who.Match, plan *chunker.Plan) error {
	header, found := headers(plan), []int{}
	for i, name := range header {
		if m.Header != "" && strings.EqualFold(name, m.Header) || m.Header == "" && chunker.FieldOf(name) == m.Field {
			found = append(found, i)
		}
	}
	if n, err := strconv.Atoi(m.Header); err == nil && len(found) == 0 && n >= 1 && n <= plan.Columns {
		found = append(found, n-1)
	}
	columns := "; the columns are " + strings.Join(header, ", ")
	if len(header) == 0 {
		columns = fmt.Sprintf("; the file has no header and %d columns: give a number", plan.Columns)
	}
	switch {
	case len(found) > 1:
		return fmt.Errorf("%d columns could hold the %s: choose one with %[2]s=COLUMN%s", len(found), m.Field, columns)
	case len(found) == 0 && m.Header != "":
		return fmt.Errorf("there is no column %q for the %s%s", m.Header, m.Field, columns)
	case len(found) == 0:
		return fmt.Errorf("no column is named like the %s: name it with %[1]s=COLUMN%s", m.Field, columns)
	case found[0] == plan.Column-1:
		return fmt.Errorf("the %s is compared with the column of the IDs, which proves nothing: name another one", m.Field)
	}
	m.Column = found[0]
	return nil
}

// headers are the names of the input's columns; nil: it has none.
func headers(plan *chunker.Plan) []string {
	if plan.HeaderRaw == nil {
		return nil
	}
	return plan.Cells(string(plan.HeaderRaw))
}

// ComparableColumns are the columns that look like fields of a profile that tell people apart, but for the IDs' own: at
// most one for a field, for between two nobody can tell.
func ComparableColumns(plan *chunker.Plan) (columns []who.Match) {
	header := headers(plan)
	for _, f := range []string{who.Email, who.Name, who.Phone, who.Username, who.ExternalID} {
		m := who.Match{Field: f}
		if header != nil && findColumn(&m, plan) == nil {
			m.Header = header[m.Column]
			columns = append(columns, m)
		}
	}
	return columns
}
