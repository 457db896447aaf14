package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
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
	h := sha256.New()
	for _, id := range ids {
		h.Write([]byte(id))
		h.Write([]byte{'\n'})
	}
	return hex.EncodeToString(h.Sum(nil))
}

var columns = []string{"chunk", "part", "first_line", "last_line", "users", "outcome", "attempts", "http_status", "status_code", "api_code",
	"message", "request_ids", "started_at", "duration_ms", "ids_sha256", "row_hash"}

// header is the first line of every audit.
var header = []byte(strings.Join(columns, ",") + "\n")

const (
	timeLayout = "2006-01-02T15:04:05.000Z07:00"
	maxMessage = 500 // runes
)

// fields gives the row's fields but for its hash, as they stand in the file.
func (r Row) fields() []string {
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	return []string{
		strconv.Itoa(r.Chunk), fmt.Sprintf("%d-%d", r.From, r.To), strconv.Itoa(r.FirstLine), strconv.Itoa(r.LastLine), strconv.Itoa(r.Users),
		string(r.Outcome), strconv.Itoa(r.Attempts), number(r.HTTPStatus), number(r.StatusCode), number(r.APICode),
		Harmless(oneLine(r.Message)), Harmless(oneLine(strings.Join(r.RequestIDs, " "))),
		r.StartedAt.UTC().Format(timeLayout), strconv.FormatInt(r.Duration.Milliseconds(), 10), r.IDsSHA256,
	}
}

// rowHash chains a row to the one before: the SHA-256 of that one's hash and of this row's other fields, each followed by
// a newline.
func rowHash(before string, fields []string) string {
	h := sha256.New()
	h.Write([]byte(before + "\n"))
	for _, f := range fields {
		h.Write([]byte(f + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// appendRow writes the row as one line, chained to the row before, and gives its hash.
func appendRow(b []byte, r Row, before string) (line []byte, hash string) {
	fields := r.fields()
	hash = rowHash(before, fields)
	buf := bytes.NewBuffer(b)
	w := csv.NewWriter(buf)
	w.Write(append(fields, hash)) //nolint:errcheck // a buffer takes everything
	w.Flush()
	return buf.Bytes(), hash
}

var errHash = errors.New("the row's hash does not follow from the row before")

// parseRow reads a line without its end and checks its hash.
func parseRow(line []byte, before string) (Row, error) {
	c := csv.NewReader(bytes.NewReader(line))
	c.FieldsPerRecord = len(columns)
	f, err := c.Read()
	if err != nil {
		return Row{}, err
	}
	last := len(f) - 1
	if f[last] != rowHash(before, f[:last]) {
		return Row{}, errHash
	}
	return fromFields(f)
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

// Harmless keeps a spreadsheet from running a cell as a formula.
func Harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
