package chunker_test

import (
	"context"
	"fmt"
	"strings"

	"bulkdelete/pkg/chunker"
)

// Plan a file, then read it again in chunks of two.
func Example() {
	const file = "E-Mail;Name\nada@example.com;Ada\nben@example.com;Ben\nADA@example.com;Ada again\n" +
		"not an address;?\nchen@example.com;Chen\n"
	options := chunker.Options{IDType: chunker.Email, ChunkSize: 2}
	plan, err := chunker.Scan(context.Background(), strings.NewReader(file), options, func(row chunker.Row) error {
		if row.Code != "" {
			fmt.Printf("line %d: %s\n", row.Line, row.Reason)
		}
		return nil
	})
	if err != nil {
		panic(err) // nothing may be sent
	}
	fmt.Println(plan.Accepted, "accepted of", plan.Rows)
	for chunk, err := range plan.Split(strings.NewReader(file)) {
		if err != nil {
			panic(err) // the file is not what was planned
		}
		fmt.Println(chunk.Number, chunk.IDs)
	}
	// Output:
	// line 4: the same ID as in line 2
	// line 5: not an e-mail address (name@example.com): correct it from its source
	// 3 accepted of 5
	// 1 [ada@example.com ben@example.com]
	// 2 [chen@example.com]
}

// A list of people who must never be deleted, in whatever form it comes.
func ExampleList() {
	kinds, ids, err := chunker.List([]byte("\ufeffsep=;\r\nE-mail address;Role\r\nada@example.com;owner\r\n"), chunker.UserID)
	fmt.Println(kinds, ids, err)

	_, _, err = chunker.List([]byte("email\nada@example.com\nthe whole board\n"), chunker.UserID)
	fmt.Println(err) // nobody drops out of such a list in silence
	// Output:
	// [email] [ada@example.com] <nil>
	// line 3: not an e-mail address (name@example.com): correct it from its source (no row of such a list is passed over)
}
