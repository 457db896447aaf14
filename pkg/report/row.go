package report

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"bulkdelete/internal/text"
)

// Outcome is what became of users.
type Outcome string

// The outcomes of an audit row.
const (
	Deleted Outcome = "deleted" // the API said that it deleted them
	Absent  Outcome = "absent"  // the API says that no such user exists: never was, or gone already
	Spared  Outcome = "spared"  // found, and not sent, because of who the user is; the message begins with the rule
	Failed  Outcome = "failed"  // the API refused for good
	Unknown Outcome = "unknown" // the last attempt ended without an answer and reading back did not tell

	Suspended Outcome = "suspended" // with --suspend, in the place of deleted

	// Of a restore's audit, besides failed and unknown.
	Restored Outcome = "restored" // created again, or the status set back
	Exists   Outcome = "exists"   // left alone: a user with the same ID is there, or was changed meanwhile
)

// outcomes are all there are, in the order in which the page shows them.
var outcomes = []struct {
	Outcome
	deeds          []Deed // that have it; nil: each
	class, meaning string // on the page
}{
	{Deleted, []Deed{Delete}, "deleted", "the API said that it deleted them"},
	{Suspended, []Deed{Suspend}, "deleted", "the API said that it suspended them, or reading shows it"},
	{Absent, []Deed{Delete, Suspend}, "absent", "the API says that no such user exists"},
	{Spared, []Deed{Delete, Suspend}, "spared", "found, and not sent: not whom the list or a condition means"},
	{Restored, []Deed{Restore}, "deleted", "there again"},
	{Exists, []Deed{Restore}, "absent", "a user with the same ID was there: left alone"},
	{Restored, []Deed{Reinstate}, "deleted", "they have the status that they had"},
	{Exists, []Deed{Reinstate}, "absent", "changed meanwhile: left alone"},
	{Failed, nil, "failed", "the API refused for good"},
	{Unknown, nil, "unknown", "no answer, and reading back did not settle it"},
}

// has says whether o is one of a deed's outcomes.
func (d Deed) has(o Outcome) bool {
	for _, known := range outcomes {
		if known.Outcome == o && (known.deeds == nil || slices.Contains(known.deeds, d)) {
			return true
		}
	}
	return false
}

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
}

// isMismatch says whether the users are not those whom the list describes: it is wrong then. All others were spared as
// asked.
func (r *Row) isMismatch() bool { return r.Outcome == Spared && strings.HasPrefix(r.Message, "match:") }

const (
	onTheWay = "on the way: " // begins what a message says of attempts before the last one

	Split    = "split in two" // what befell a chunk before one of its parts had its outcome
	ReadBack = "read back: "  // and what reading shows: no more than was hoped for
)

// OnTheWay writes down what attempts met before users had their outcome: how often each trouble.
func OnTheWay(troubles map[string]int) string {
	var words []string
	for _, trouble := range slices.Sorted(maps.Keys(troubles)) {
		words = append(words, fmt.Sprintf("%dx %s", troubles[trouble], trouble))
	}
	if words == nil {
		return ""
	}
	return onTheWay + strings.Join(words, ", ")
}

// troubles reads what OnTheWay wrote. Whatever else may stand there, none is met more often than there were attempts.
func (r *Row) troubles() map[string]int {
	_, words, found := strings.Cut(r.Message, onTheWay)
	if !found {
		return nil
	}
	all := map[string]int{}
	for each := range strings.SplitSeq(words, ", ") {
		times, trouble, counted := strings.Cut(each, "x ")
		if n, _ := strconv.Atoi(times); n > 0 && counted {
			all[trouble] = min(n, r.Attempts)
		}
	}
	return all
}

// attention says how much a row needs: 2 if its users may still be there, 1 if it did not go as usual, else 0.
func (r *Row) attention() int {
	done := r.Outcome == Deleted || r.Outcome == Restored
	switch {
	case r.Outcome == Failed || r.Outcome == Unknown:
		return 2
	case strings.Contains(r.Message, onTheWay) || done && r.Message != "" && !strings.HasPrefix(r.Message, ReadBack):
		return 1
	}
	return 0
}

// said is the message but for what earlier attempts met.
func (r *Row) said() string {
	said, _, _ := strings.Cut(r.Message, onTheWay)
	return strings.TrimSuffix(said, "; ")
}

// Reason is why a row has its outcome, in words.
func (r *Row) Reason() string {
	switch said := r.said(); {
	case said != "":
		return said
	case r.HTTPStatus == 0:
		return "no answer came"
	}
	return fmt.Sprintf("the API said no more than HTTP %d, statusCode %d", r.HTTPStatus, r.StatusCode)
}

// endedAt is when the last answer came.
func (r *Row) endedAt() time.Time { return r.StartedAt.Add(r.Duration) }

// IDsSHA256 is the SHA-256 of the IDs, each followed by a newline, in hexadecimal.
func IDsSHA256(ids []string) string {
	var text []byte
	for _, id := range ids {
		text = append(append(text, id...), '\n')
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// joinIDs writes all request IDs, each as one word. Of more than any line could hold the first are left out.
func joinIDs(ids []string) string {
	if n := len(ids) - maxIDs; n > 0 {
		ids = ids[n:]
	}
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strings.ReplaceAll(text.OneLine(id, maxShownID), " ", "_")
	}
	return strings.Join(words, " ")
}

var columns = []string{"chunk", "part", "first_line", "last_line", "users", "outcome", "attempts",
	"http_status", "status_code", "api_code", "message", "request_ids", "started_at", "duration_ms",
	"ids_sha256", "row_hash"}

// header is the first line of every audit.
var header = []byte(strings.Join(columns, ",") + "\n")

const (
	timeLayout = "2006-01-02T15:04:05.000Z07:00"
	maxMessage = 500    // runes
	maxIDs     = 30_000 // request IDs of a row
)

// fields are the row's cells but for its hash, as they stand in the file, each followed by a newline. None holds one.
func (r *Row) fields() []byte {
	number := strconv.Itoa
	code := func(n int) string { return strings.TrimPrefix(number(n), "0") } // 0: there is none
	return []byte(strings.Join([]string{
		number(r.Chunk), number(r.From) + "-" + number(r.To), number(r.FirstLine), number(r.LastLine), number(r.Users),
		string(r.Outcome), number(r.Attempts), code(r.HTTPStatus), code(r.StatusCode), code(r.APICode),
		Harmless(text.OneLine(r.Message, maxMessage)), Harmless(joinIDs(r.RequestIDs)),
		r.StartedAt.UTC().Format(timeLayout), number(int(r.Duration.Milliseconds())), r.IDsSHA256, "",
	}, "\n"))
}

// auditFormat is how rows stand in audit.csv: one physical line each, as encoding/csv writes it. A record is a
// row's fields but for the hash, each followed by a newline.
type auditFormat struct{}

func (auditFormat) Preamble() []byte { return header }

func (auditFormat) Mark() (string, bool) { return "\n", true }

// Encode chains a row to the one before: its hash is the SHA-256 of that one's hash and of its other fields, each
// followed by a newline.
func (auditFormat) Encode(dst, fields []byte, before string) (line []byte, hash string) {
	sum := sha256.Sum256(append([]byte(before+"\n"), fields...))
	hash = hex.EncodeToString(sum[:])
	if !bytes.ContainsFunc(fields, special) { // as nearly always: a csv.Writer makes a buffer for each row
		return append(dst, strings.ReplaceAll(string(fields), "\n", ",")+hash+"\n"...), hash
	}
	buf := bytes.NewBuffer(dst)
	w := csv.NewWriter(buf)
	w.Write(strings.Split(string(fields)+hash, "\n")) //nolint:errcheck // a buffer takes everything
	w.Flush()
	return buf.Bytes(), hash
}

// special are characters for which encoding/csv may put a cell into quotes.
func special(c rune) bool {
	return c <= ' ' && c != '\n' || c > '~' || c == ',' || c == '"' || c == '\\'
}

// maxLine bounds a line of the audit. Only the request IDs of a call that was throttled for days come near it.
const maxLine = 16 << 20

func (auditFormat) Read(r *bufio.Reader) (line, fields []byte, err error) {
	for len(line) <= maxLine {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			fields, err = cutHash(line)
			return line, fields, err
		case err == io.EOF && len(line) > 0:
			return line, nil, io.ErrUnexpectedEOF
		case err != bufio.ErrBufferFull:
			return line, nil, err
		}
	}
	return line, nil, errors.New("the line is too long")
}

// cutHash gives a line's fields but for the hash, each followed by a newline.
func cutHash(line []byte) (fields []byte, err error) {
	f := strings.Split(strings.TrimSuffix(string(line), "\n"), ",")
	if len(f) != len(columns) || bytes.ContainsAny(line, "\"\r") {
		c := csv.NewReader(bytes.NewReader(line))
		c.FieldsPerRecord = len(columns)
		if f, err = c.Read(); err == io.EOF { // an empty line
			err = csv.ErrFieldCount
		}
		if err != nil {
			return nil, err
		}
	}
	return []byte(strings.Join(f[:len(f)-1], "\n") + "\n"), nil
}

// parseRow makes a row of its fields, each followed by a newline.
func parseRow(fields []byte) (r Row, err error) {
	f := strings.Split(string(fields), "\n")
	number := func(s string) int {
		n, e := strconv.Atoi(cmp.Or(s, "0"))
		err = cmp.Or(err, e)
		return n
	}
	from, to, _ := strings.Cut(f[1], "-")
	r = Row{
		Chunk: number(f[0]), From: number(from), To: number(to), FirstLine: number(f[2]), LastLine: number(f[3]),
		Users: number(f[4]), Outcome: Outcome(f[5]), Attempts: number(f[6]), HTTPStatus: number(f[7]),
		StatusCode: number(f[8]), APICode: number(f[9]), Message: f[10], RequestIDs: strings.Fields(f[11]),
		Duration: time.Duration(number(f[13])) * time.Millisecond, IDsSHA256: f[14],
	}
	at, e := time.Parse(timeLayout, f[12])
	r.StartedAt = at
	if err = cmp.Or(err, e); err == nil && r.Users != r.To-r.From+1 {
		err = errors.New("the row contradicts itself")
	}
	return r, err
}

// Harmless keeps a spreadsheet from running a cell as a formula.
func Harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
