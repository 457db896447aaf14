package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/client"
)

// Delete two users from an imitation of the API; against the real one only Host and the access key differ.
func Example() {
	ids := []string{"ada@example.com", "ben@example.com"}
	api, err := sandbox.New(sandbox.Config{IDType: "email", IDs: slices.Values(ids)})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(api)
	defer server.Close()

	c, err := client.New(client.Config{
		Host: server.URL, AccessKeyID: sandbox.AccessKeyID, AccessKeySecret: sandbox.AccessKeySecret,
		Retries: 8,
	})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	receipt, err := c.DeleteUsers(context.Background(), "email", ids)
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

// Ask who of a list is left. A host and an access key are all that a client needs.
func ExampleClient_Existing() {
	api, err := sandbox.New(sandbox.Config{IDType: "email", IDs: slices.Values([]string{"ada@example.com"})})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(api)
	defer server.Close()

	c, err := client.New(client.Config{
		Host: server.URL, AccessKeyID: sandbox.AccessKeyID, AccessKeySecret: sandbox.AccessKeySecret,
	})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	living, receipt, err := c.Existing(context.Background(), "email", []string{"ada@example.com", "ben@example.com"})
	if errors.Is(err, client.Blind) {
		panic("nobody was found, and nobody at all can be: that settles nothing")
	}
	fmt.Println(living, receipt.Attempts, err)
	// Output: [ada@example.com] 1 <nil>
}
