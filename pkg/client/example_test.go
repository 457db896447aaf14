package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"time"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/client"
)

// Delete two users from an imitation of the API; against the real one only Host and the access key differ.
func Example() {
	api, err := sandbox.New(sandbox.Config{IDType: "email", IDs: slices.Values([]string{"ada@example.com", "ben@example.com"})})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(api)
	defer server.Close()

	c, err := client.New(client.Config{
		Host: server.URL, AccessKeyID: sandbox.AccessKeyID, AccessKeySecret: sandbox.AccessKeySecret,
		Rate: 20, Workers: 16, Retries: 8, Timeout: 30 * time.Second, Version: "example",
	})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	receipt, err := c.DeleteUsers(context.Background(), "email", []string{"ada@example.com", "ben@example.com"})
	switch {
	case err == nil:
		fmt.Println("deleted with", receipt.Attempts, "attempt")
	case errors.Is(err, client.NotFound):
		fmt.Println("one of them does not exist")
	default:
		fmt.Println(err)
	}
	// Output: deleted with 1 attempt
}
