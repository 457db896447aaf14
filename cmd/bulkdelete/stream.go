package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/job"
)

// isStdin says whether a name is standard input's.
func isStdin(name string) bool {
	return slices.Contains([]string{"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"}, name)
}

// isStream says whether what a name leads to can be read once only, as standard input, a FIFO and a shell's <(...) can.
func isStream(name string) bool {
	if isStdin(name) || strings.HasPrefix(name, "/dev/fd/") || strings.HasPrefix(name, "/proc/self/fd/") {
		return true
	}
	info, err := os.Stat(name)
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}

// stream reads what can be read once only, and hears ctx: a FIFO without a writer is not even opened.
func (d *deletion) stream(ctx context.Context) io.Reader {
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(context.Cause(ctx)) })
	in := &job.Meter{Reader: d.console.in}
	stop := d.console.watch(func() string {
		if in.Count() == 0 {
			return "waiting for whoever writes to " + d.given
		}
		return fmt.Sprintf("reading %s: %s bytes so far", d.given, text.Count(int(in.Count())))
	})
	go func() { // nothing interrupts the opening of a FIFO, or a read from it: then this ends with the process
		defer stop()
		if !isStdin(d.given) {
			file, err := os.Open(d.given)
			if err != nil {
				w.CloseWithError(fmt.Errorf("cannot open the input: %w", err))
				return
			}
			defer file.Close()
			in.Reader = file
		}
		_, err := io.Copy(w, in)
		w.CloseWithError(err)
	}()
	return r
}
