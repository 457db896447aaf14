package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/rs/zerolog"
	"golang.org/x/term"
)

// output is standard output or standard error. What nobody reads any more, as behind head, it drops. On a terminal its
// last line may be one that is drawn again and again: whatever is written goes above that. Asked for JSON, it makes a
// line of JSON of each line that is none, so that a program can read all of it. It may be used by any number of
// goroutines.
type output struct {
	w io.Writer

	mu      sync.Mutex
	drawn   bool   // there is a line that is drawn again and again
	run     string // its ID, once JSON is asked for
	pending []byte // of a line that has not ended
}

// under is the file that a stream leads to in the end, nil if it leads to none.
func under(stream any) *os.File {
	if o, ok := stream.(*output); ok {
		stream = o.w
	}
	f, _ := stream.(*os.File)
	return f
}

// isTerminal says whether a person reads a stream.
func isTerminal(stream any) bool {
	f := under(stream)
	return f != nil && term.IsTerminal(int(f.Fd()))
}

// width is how many columns a stream's terminal has, 80 where that is not known.
func width(stream any) int {
	if f := under(stream); f != nil {
		if wide, _, err := term.GetSize(int(f.Fd())); err == nil && wide > 0 {
			return wide
		}
	}
	return 80
}

// draw draws the last line; "" takes it away.
func (o *output) draw(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.put(line)
}

func (o *output) put(line string) {
	if line != "" || o.drawn {
		fmt.Fprintf(o.w, "\r%s\x1b[K", line)
	}
	o.drawn = line != ""
}

// inJSON is for --log-format json. The lines get the run's ID.
func (o *output) inJSON(run string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.run = run
}

// Write takes any text; of a line of JSON that has not ended it keeps the beginning.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.put("")
	if o.run == "" {
		n, err := o.w.Write(p)
		if isClosedPipe(err) {
			return len(p), nil
		}
		return n, err
	}
	o.pending = append(o.pending, p...)
	for {
		line, rest, ended := bytes.Cut(o.pending, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		o.pending = rest
		if err := o.line(string(line)); err != nil {
			return 0, err
		}
	}
}

// line writes one. Those of the log are JSON already.
func (o *output) line(line string) error {
	if strings.HasPrefix(line, "{") {
		_, err := io.WriteString(o.w, line+"\n")
		return err
	}
	level, message := zerolog.InfoLevel, strings.TrimSpace(line)
	if words, ok := strings.CutPrefix(message, "bulkdelete: "); ok {
		level, message = zerolog.ErrorLevel, words
	}
	if message != "" {
		log := zerolog.New(o.w).With().Timestamp().Str("run", o.run).Logger()
		log.WithLevel(level).Msg(message)
	}
	return nil
}
