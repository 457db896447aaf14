package report_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/report"
)

// Record a chunk, and read the audit back with its chain checked.
func Example() {
	path, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(path)
	dir, err := journal.OpenDir(path)
	if err != nil {
		panic(err)
	}
	defer dir.Close()

	run := &report.Run{Asked: report.Asked{Deed: report.Delete, Options: map[string]string{"id_type": "username"},
		Plan: report.Plan{Rows: 2, Accepted: 2, Chunks: 1, ChunkSize: 50}}}
	audit, err := report.OpenAudit(dir, run)
	if err != nil {
		panic(err)
	}
	err = audit.Append(report.Row{
		Chunk: 1, From: 1, To: 2, FirstLine: 2, LastLine: 3, Users: 2, Outcome: report.Deleted, Attempts: 1,
		HTTPStatus: 200, StatusCode: 200, RequestIDs: []string{"r-1"},
		StartedAt: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), Duration: 80 * time.Millisecond,
		IDsSHA256: report.IDsSHA256([]string{"ada", "ben"}),
	})
	if err != nil {
		panic(err) // nothing may be deleted any more
	}
	if err := audit.Close(); err != nil {
		panic(err)
	}

	index, err := report.ReadAudit(dir, run, func(row *report.Row) {
		fmt.Println("chunk", row.Chunk, "users", row.Users, row.Outcome)
	})
	if err != nil {
		panic(err)
	}
	defer index.Close()
	fmt.Println("left:", index.Left())
	// Output:
	// chunk 1 users 2 deleted
	// left: 0
}

// An audit in which one figure was changed is not believed, and the error names the line.
func ExampleReadAudit() {
	path, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(path)
	dir, err := journal.OpenDir(path)
	if err != nil {
		panic(err)
	}
	defer dir.Close()

	run := &report.Run{Asked: report.Asked{Deed: report.Delete, Plan: report.Plan{Accepted: 100, Chunks: 2, ChunkSize: 50}}}
	audit, err := report.OpenAudit(dir, run)
	if err != nil {
		panic(err)
	}
	for chunk, outcome := range []report.Outcome{report.Failed, report.Deleted} {
		row := report.Row{Chunk: chunk + 1, From: 1, To: 50, Users: 50, Outcome: outcome, Attempts: 1}
		if err := audit.Append(row); err != nil {
			panic(err)
		}
	}
	if err := audit.Close(); err != nil {
		panic(err)
	}

	text, err := os.ReadFile(dir.Name(report.AuditName))
	if err != nil {
		panic(err)
	}
	changed := strings.Replace(string(text), "failed", "absent", 1)
	if err := os.WriteFile(dir.Name(report.AuditName), []byte(changed), 0o600); err != nil {
		panic(err)
	}
	_, err = report.ReadAudit(dir, run, nil)
	damage, ok := errors.AsType[*journal.DamageError](err)
	fmt.Println(ok, damage.File, damage.Line)
	// Output: true audit.csv 2
}
