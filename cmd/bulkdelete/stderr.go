package main

import (
	"bytes"
	"io"
	"strings"
	"sync"

	"github.com/rs/zerolog"
)

// stderr is standard error. Asked for JSON, it makes a line of JSON of each line that is none, so that a program can
// read all of it. It may be used by any number of goroutines.
type stderr struct {
	io.Writer
	mu      sync.Mutex
	run     string // its ID, once JSON is asked for
	pending []byte // of a line that has not ended
}

// inJSON is for --log-format json. The lines get the run's ID.
func (s *stderr) inJSON(run string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run = run
}

// Write takes any text; of a line that has not ended it keeps the beginning.
func (s *stderr) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == "" {
		return s.Writer.Write(p)
	}
	s.pending = append(s.pending, p...)
	for {
		line, rest, ended := bytes.Cut(s.pending, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		s.pending = rest
		if err := s.line(string(line)); err != nil {
			return 0, err
		}
	}
}

// line writes one. Those of the log are JSON already.
func (s *stderr) line(line string) error {
	if strings.HasPrefix(line, "{") {
		_, err := io.WriteString(s.Writer, line+"\n")
		return err
	}
	level, message := zerolog.InfoLevel, strings.TrimSpace(line)
	if words, ok := strings.CutPrefix(message, "bulkdelete: "); ok {
		level, message = zerolog.ErrorLevel, words
	}
	if message != "" {
		log := zerolog.New(s.Writer).With().Timestamp().Str("run", s.run).Logger()
		log.WithLevel(level).Msg(message)
	}
	return nil
}
