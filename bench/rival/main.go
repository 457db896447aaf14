// Command rival is what a user would write or pick instead of bulkdelete, one way a verb:
//
//	rival bare FILE      the fastest that net/http can be: shared connections, answers hardly looked at, nothing recorded
//	rival loop FILE      a for-loop that makes a client for each call and tries once, as the vendor's Go SDK does
//	rival first FILE     the same, which returns at its first error
//	rival pool FILE      the same in as many goroutines as there are workers
//	rival csv FILE       only reads the file, with encoding/csv: what planning is compared with
//
// FILE has one user ID a line and a header. The API's root and the access key come from the environment, as the sandbox
// prints them. With -log FILE each batch gets a line: its number from 0, and ok or what went wrong.
package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "rival:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("rival", flag.ContinueOnError)
	workers := flags.Int("workers", 32, "goroutines of bare and pool")
	logTo := flags.String("log", "", "`FILE` for what became of each batch")
	if len(args) < 2 {
		return errors.New("give bare, loop, first, pool or csv, and a FILE")
	}
	verb := args[0]
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	file := flags.Arg(0)
	if verb == "csv" {
		return readCSV(file)
	}
	api, err := login()
	if err != nil {
		return fmt.Errorf("cannot log in: %w", err)
	}
	l, err := openLog(*logTo)
	if err != nil {
		return err
	}
	switch verb {
	case "bare":
		err = pool(*workers, batches(file), l, api.shared(*workers))
	case "pool":
		err = pool(*workers, batches(file), l, api.once)
	case "loop":
		err = loop(batches(file), l, api.once, false)
	case "first":
		err = loop(batches(file), l, api.once, true)
	default:
		err = fmt.Errorf("there is no %q: give bare, loop, first, pool or csv", verb)
	}
	return errors.Join(err, l.close())
}

// readCSV reads a file as people do who care for speed, and says how many rows it has.
func readCSV(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.ReuseRecord = true
	rows := -1 // the header
	for {
		_, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		rows++
	}
	fmt.Println(rows, "rows")
	return nil
}

// batch is what one call deletes.
type batch struct {
	number int // from 0
	ids    []string
}

// batches gives the file's IDs, 50 at a time. A file that cannot be read ends early with the error.
func batches(path string) iter.Seq2[batch, error] {
	return func(yield func(batch, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(batch{}, err)
			return
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Scan() // the header
		b := batch{}
		for lines.Scan() {
			if b.ids = append(b.ids, lines.Text()); len(b.ids) == 50 {
				if !yield(b, nil) {
					return
				}
				b = batch{number: b.number + 1}
			}
		}
		if len(b.ids) > 0 && !yield(b, nil) {
			return
		}
		if err := lines.Err(); err != nil {
			yield(batch{}, err)
		}
	}
}
