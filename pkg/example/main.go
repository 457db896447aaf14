// Command example deletes the users of a list with the packages chunker and client alone: a beginning for programs of
// your own. It has no audit, so after a crash it has to begin anew, and nothing proves what it did; pkg/job has
// all of that.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
)

func main() {
	list, err := os.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	config := client.Config{Host: os.Getenv("GENAUTH_HOST"), AccessKeyID: os.Getenv("GENAUTH_ACCESS_KEY_ID"),
		AccessKeySecret: client.Secret(os.Getenv("GENAUTH_ACCESS_KEY_SECRET")), Retries: 8}
	if err := deleteAll(context.Background(), config, list, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func deleteAll(ctx context.Context, config client.Config, list io.ReadSeeker, out io.Writer) error {
	api, err := client.New(config)
	if err != nil {
		return err
	}
	defer api.Close()
	// First the whole list is read and checked, and only then, in a second reading, anybody is deleted.
	plan, err := chunker.Scan(ctx, list, chunker.Options{IDType: chunker.UserID}, func(row chunker.Row) error {
		if row.Code != "" {
			fmt.Fprintf(out, "line %d: %s\n", row.Line, row.Reason)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := list.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for chunk, err := range plan.Split(list) {
		if err != nil {
			return err // the list has changed meanwhile
		}
		receipt, err := api.DeleteUsers(ctx, chunker.UserID, chunk.IDs)
		if err != nil && !errors.Is(err, client.NotFound) {
			return fmt.Errorf("chunk %d: %w", chunk.Number, err)
		}
		fmt.Fprintln(out, "chunk", chunk.Number, "users", len(chunk.IDs), "requests", len(receipt.RequestIDs), err)
	}
	return nil
}
