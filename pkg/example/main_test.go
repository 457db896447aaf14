package main

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/client"
)

// The example deletes whom its list names, and nobody else.
func TestDeleteAll(t *testing.T) {
	id := func(i int) string { return fmt.Sprintf("64b0d1c2e3f405%010x", i) }
	api, err := sandbox.New(sandbox.Config{IDs: func(yield func(string) bool) {
		for i := range 80 {
			if !yield(id(i)) {
				return
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api)
	defer server.Close()
	list := "userId\nnobody's ID\n"
	for i := range 60 {
		list += id(i) + "\n"
	}
	var out strings.Builder
	config := client.Config{Host: server.URL, AccessKeyID: sandbox.AccessKeyID, AccessKeySecret: sandbox.AccessKeySecret}
	err = deleteAll(t.Context(), config, strings.NewReader(list), &out)
	if err != nil || api.Len() != 20 || !strings.Contains(out.String(), "chunk 2 users 10 requests 1 <nil>\n") ||
		!strings.Contains(out.String(), "line 2: ") {
		t.Errorf("%d users are left (%v):\n%s", api.Len(), err, &out)
	}
}
