package job_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"time"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

// The whole way: an input becomes a plan, the plan a run, and the run a folder.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	check(err)
	defer os.RemoveAll(dir)
	users := filepath.Join(dir, "users.csv")
	check(os.WriteFile(users, []byte("email\nada@example.com\nben@example.com\nnot an address\n"), 0o600))

	accounts, err := sandbox.New(sandbox.Config{IDType: "email",
		IDs: slices.Values([]string{"ada@example.com", "ben@example.com"})})
	check(err)
	server := httptest.NewServer(accounts)
	defer server.Close()

	input, err := job.OpenInput(users)
	check(err)
	plan, err := chunker.Scan(context.Background(), input.Reader(), chunker.Options{IDType: "email"}, nil)
	check(err)
	folder, err := job.Claim(context.Background(), filepath.Join(dir, "users.bulkdelete"), nil)
	check(err)
	api, err := client.New(client.Config{Host: server.URL, AccessKeyID: sandbox.AccessKeyID,
		AccessKeySecret: sandbox.AccessKeySecret,
		Rate:            client.PerSecond(20), Workers: 16, Retries: 8, Timeout: 30 * time.Second, Version: "example"})
	check(err)
	pool, err := api.Login(context.Background())
	check(err)
	record, err := folder.Adopt(job.Describe(input, plan, report.Asked{Host: server.URL, UserPool: pool}), plan, input, nil)
	check(err)
	defer record.Close()
	j := &job.Job{Deed: record, Client: api, Workers: 16}
	check(j.Run(context.Background()))
	summary, err := job.WriteFiles(record)
	check(err)
	fmt.Println(summary.Deleted, "deleted,", summary.Invalid, "invalid, exit code", summary.ExitCode)
	// Output: 2 deleted, 1 invalid, exit code 1
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
