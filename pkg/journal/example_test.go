package journal_test

import (
	"errors"
	"fmt"
	"os"

	"bulkdelete/pkg/journal"
)

// Append records, and let another process go on after a crash.
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

	work := func(records ...string) {
		f, err := dir.OpenFile("records", os.O_RDWR|os.O_CREATE)
		if err != nil {
			panic(err)
		}
		r := journal.NewReader("records", f, journal.Frames{}, "what the first record follows")
		for r.Next() {
			fmt.Printf("found %s\n", r.Record)
		}
		const writers = 1 // that may have died while writing
		torn, err := r.End(writers)
		if err != nil {
			panic(err) // the file is damaged, or cannot be read: it is left as it is
		}
		fmt.Println("torn:", torn)
		j, err := journal.Continue(f, r, writers)
		if err != nil {
			panic(err)
		}
		for _, record := range records {
			if err := j.Append([]byte(record)); err != nil {
				panic(err) // nothing may be done that could not be recorded
			}
		}
		if err := j.Close(); err != nil {
			panic(err)
		}
	}

	work("one", "two")
	if err := os.Truncate(dir.Name("records"), 70); err != nil { // the power goes while "two" is written
		panic(err)
	}
	work("three")
	work()
	// Output:
	// torn: 0
	// found one
	// torn: 1
	// found one
	// found three
	// torn: 0
}

// A file is written whole, in a folder that one process at a time holds.
func ExampleDir_Lock() {
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

	release, err := dir.Lock("lock")
	if err != nil {
		panic(err) // journal.ErrInUse: somebody else is at work
	}
	defer release()
	if _, err := dir.Lock("lock"); errors.Is(err, journal.ErrInUse) {
		fmt.Println("held")
	}
	if err := dir.WriteFile("state.json", []byte("{}")); err != nil { // a crash leaves the old one or this one
		panic(err)
	}
	names, err := dir.Names()
	fmt.Println(names, err)
	// Output:
	// held
	// [lock state.json] <nil>
}
