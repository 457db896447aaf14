package main

import (
	"bufio"
	"errors"
	"fmt"
	"iter"
	"os"
	"sync"
)

// loop deletes one batch after another. A batch that fails is noted and the next one tried, unless first is set: then
// the error is returned, as Go code does by habit.
func loop(batches iter.Seq2[batch, error], l *log, del deletion, first bool) error {
	for b, err := range batches {
		if err != nil {
			return err
		}
		err = del(b.ids)
		l.note(b, err)
		if err != nil && first {
			return nil // noted; the exit code is not what is measured
		}
	}
	return nil
}

// pool deletes with as many goroutines as there are workers.
func pool(workers int, batches iter.Seq2[batch, error], l *log, del deletion) error {
	queue := make(chan batch)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for b := range queue {
				l.note(b, del(b.ids))
			}
		})
	}
	var failed error
	for b, err := range batches {
		if err != nil {
			failed = err
			break
		}
		queue <- b
	}
	close(queue)
	all.Wait()
	return failed
}

// log is what such programs leave behind: a line a batch, in no file at all if none was named.
type log struct {
	mu   sync.Mutex
	file *os.File
	w    *bufio.Writer
	bad  int
}

func openLog(path string) (*log, error) {
	l := &log{}
	if path == "" {
		return l, nil
	}
	var err error
	if l.file, err = os.Create(path); err != nil {
		return nil, err
	}
	l.w = bufio.NewWriter(l.file)
	return l, nil
}

func (l *log) note(b batch, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	result := "ok"
	if err != nil {
		l.bad++
		result = err.Error()
	}
	if l.w != nil {
		fmt.Fprintf(l.w, "%d %s\n", b.number, result)
	}
}

func (l *log) close() error {
	fmt.Println(l.bad, "batches failed")
	if l.file == nil {
		return nil
	}
	return errors.Join(l.w.Flush(), l.file.Close())
}
