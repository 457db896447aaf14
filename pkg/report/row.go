package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Outcome is what became of users.
type Outcome string

// The outcomes of an audit row.
const (
	Deleted Outcome = "deleted" // the API said that it deleted them
	Absent  Outcome = "absent"  // the API says that no such user exists: never was, or gone already
	Failed  Outcome = "failed"  // the API refused for good
	Unknown Outcome = "unknown" // the last attempt ended without an answer and reading back could not settle it

	// Of a restore's audit, besides failed and unknown.
	Restored Outcome = "restored" // created again
	Exists   Outcome = "exists"   // not created: a user with the same ID is there
)

// Row is one row of audit.csv: what became of some neighbouring users of one chunk.
type Row struct {
	Chunk               int // from 1
	From, To            int // places inside the chunk, from 1, both included
	FirstLine, LastLine int // of the input
	Users               int
	Outcome             Outcome
	Attempts            int // of all calls on the way to this outcome
	HTTPStatus          int // of the last answer; 0: none
	StatusCode          int // of the last answer's body; 0: none
	APICode             int
	Message             string
	RequestIDs          []string
	StartedAt           time.Time
	Duration            time.Duration
	IDsSHA256           string // hexadecimal; see IDsSHA256
	Hash                string // hexadecimal; the audit fills it in
}

// IDsSHA256 is the SHA-256 of the IDs, each followed by a newline, in hexadecimal.
func IDsSHA256(ids []string) string {
	var text []byte
	for _, id := range ids {
		if text == nil {
			text = make([]byte, 0, len(ids)*(len(id)+1)) // IDs of one kind are about as long
		}
		text = append(append(text, id...), '\n')
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

var columns = []string{"chunk", "part", "first_line", "last_line", "users", "outcome", "attempts", "http_status", "status_code", "api_code",
	"message", "request_ids", "started_at", "duration_ms", "ids_sha256", "row_hash"}

// header is the first line of every audit.
var header = []byte(strings.Join(columns, ",") + "\n")

const (
	timeLayout = "2006-01-02T15:04:05.000Z07:00"
	maxMessage = 500 // runes
)

// appendFields appends the row's fields but for its hash, as they stand in the file, each followed by a newline. No field
// holds one.
func (r *Row) appendFields(b []byte) []byte {
	number := func(n int) { b = append(strconv.AppendInt(b, int64(n), 10), '\n') }
	code := func(n int) { // 0: there is none
		if n == 0 {
			b = append(b, '\n')
		} else {
			number(n)
		}
	}
	text := func(s string) { b = append(append(b, s...), '\n') }
	number(r.Chunk)
	b = append(strconv.AppendInt(b, int64(r.From), 10), '-')
	number(r.To)
	number(r.FirstLine)
	number(r.LastLine)
	number(r.Users)
	text(string(r.Outcome))
	number(r.Attempts)
	code(r.HTTPStatus)
	code(r.StatusCode)
	code(r.APICode)
	text(Harmless(oneLine(r.Message)))
	text(Harmless(oneLine(strings.Join(r.RequestIDs, " "))))
	text(r.StartedAt.UTC().Format(timeLayout))
	number(int(r.Duration.Milliseconds()))
	text(r.IDsSHA256)
	return b
}

// rowHash chains a row to the one before: the SHA-256 of that one's hash and of this row's other fields, each followed by
// a newline. fields has them that way.
func rowHash(before string, fields []byte) string {
	text := make([]byte, 0, 1<<10) // few rows are longer
	text = append(append(text, before...), '\n')
	sum := sha256.Sum256(append(text, fields...))
	return hex.EncodeToString(sum[:])
}

// appendRow writes the row as one line, chained to the row before, and gives its hash. Every worker waits here for its
// turn in the chain, so the fields become text once, for the hash and the line alike.
func appendRow(b []byte, r Row, before string) (line []byte, hash string) {
	fields := r.appendFields(make([]byte, 0, 1<<10))
	hash = rowHash(before, fields)
	if bytes.IndexByte(fields, ',') < 0 && bytes.IndexByte(fields, '"') < 0 { // nothing to quote
		start := len(b)
		b = append(b, fields...)
		for i := range b[start:] {
			if b[start+i] == '\n' {
				b[start+i] = ','
			}
		}
		return append(append(b, hash...), '\n'), hash
	}
	buf := bytes.NewBuffer(b)
	w := csv.NewWriter(buf)
	w.Write(append(strings.Split(string(fields[:len(fields)-1]), "\n"), hash)) //nolint:errcheck // a buffer takes everything
	w.Flush()
	return buf.Bytes(), hash
}

var errHash = errors.New("the row's hash does not follow from the row before")

// parseRow reads a line without its end and checks its hash.
func parseRow(line []byte, before string) (Row, error) {
	f, err := splitRow(line)
	if err != nil {
		return Row{}, err
	}
	last := len(f) - 1
	text := make([]byte, 0, 1<<10)
	for _, field := range f[:last] {
		text = append(append(text, field...), '\n')
	}
	if f[last] != rowHash(before, text) {
		return Row{}, errHash
	}
	return fromFields(f)
}

// splitRow takes a line apart. Few have a quote, and for all others a csv.Reader would cost most of the reading: a buffer
// of 4 KiB for each.
func splitRow(line []byte) ([]string, error) {
	if bytes.IndexByte(line, '"') >= 0 {
		c := csv.NewReader(bytes.NewReader(line))
		c.FieldsPerRecord = len(columns)
		return c.Read()
	}
	f := strings.Split(string(line), ",")
	if len(f) != len(columns) {
		return nil, csv.ErrFieldCount
	}
	return f, nil
}

func fromFields(f []string) (r Row, err error) {
	number := func(s string) int {
		if s == "" {
			return 0
		}
		n, e := strconv.Atoi(s)
		if e != nil && err == nil {
			err = e
		}
		return n
	}
	from, to, _ := strings.Cut(f[1], "-")
	r = Row{Chunk: number(f[0]), From: number(from), To: number(to), FirstLine: number(f[2]), LastLine: number(f[3]), Users: number(f[4]),
		Outcome: Outcome(f[5]), Attempts: number(f[6]), HTTPStatus: number(f[7]), StatusCode: number(f[8]), APICode: number(f[9]),
		Message: f[10], RequestIDs: strings.Fields(f[11]), Duration: time.Duration(number(f[13])) * time.Millisecond, IDsSHA256: f[14], Hash: f[15]}
	at, e := time.Parse(timeLayout, f[12])
	if e != nil && err == nil {
		err = e
	}
	r.StartedAt = at
	if err == nil && (r.Users != r.To-r.From+1 || !slices.Contains([]Outcome{Deleted, Absent, Failed, Unknown, Restored, Exists}, r.Outcome)) {
		err = errors.New("the row contradicts itself")
	}
	return r, err
}

// oneLine makes foreign text fit a cell: one line, printable, bounded.
func oneLine(s string) string {
	if isOneLine(s) {
		return s
	}
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)), " ")
	if r := []rune(s); len(r) > maxMessage {
		return string(r[:maxMessage]) + "…"
	}
	return s
}

// isOneLine says whether a text fits as it is, as nearly all do.
func isOneLine(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == ' ' && (i == 0 || i == len(s)-1 || s[i+1] == ' ') {
			return false
		}
	}
	return len(s) <= maxMessage
}

// Harmless keeps a spreadsheet from running a cell as a formula.
func Harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
