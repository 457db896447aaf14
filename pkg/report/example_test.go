package report_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"bulkdelete/pkg/report"
)

// Record a chunk, and read the audit back with its chain checked.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	file, err := os.Create(filepath.Join(dir, report.AuditName))
	if err != nil {
		panic(err)
	}
	const seed = "e3b0c442" // the input's SHA-256
	audit, err := report.OpenAudit(file, seed, 16, func(report.Row) error { return nil })
	if err != nil {
		panic(err)
	}
	err = audit.Append(report.Row{
		Chunk: 1, From: 1, To: 2, FirstLine: 2, LastLine: 3, Users: 2, Outcome: report.Deleted, Attempts: 1, HTTPStatus: 200, StatusCode: 200,
		RequestIDs: []string{"r-1"}, StartedAt: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), Duration: 80 * time.Millisecond,
		IDsSHA256: report.IDsSHA256([]string{"ada", "ben"}),
	})
	if err != nil {
		panic(err) // nothing may be deleted any more
	}
	audit.Close()

	file, err = os.Open(filepath.Join(dir, report.AuditName))
	if err != nil {
		panic(err)
	}
	defer file.Close()
	for row, err := range report.ReadAudit(file, seed) {
		if err != nil {
			panic(err)
		}
		fmt.Println("chunk", row.Chunk, "users", row.Users, row.Outcome)
	}
	// Output: chunk 1 users 2 deleted
}
