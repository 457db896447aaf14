package chunker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// A row has 16,384 columns at the most, as many as a spreadsheet takes. One more is an error with its line.
func TestRowsOfVeryManyColumns(t *testing.T) {
	row := func(columns int) string { return a + strings.Repeat(",", columns-1) + "\n" }
	if _, err := Scan(t.Context(), strings.NewReader(row(maxColumns)+row(maxColumns)),
		Options{Column: "1"}, nil); err != nil {
		t.Errorf("%d columns: %v", maxColumns, err)
	}
	refused(t, "the first row", []byte(row(maxColumns+1)), 1, Options{Column: "1"})
	refused(t, "a later row", []byte(row(3)+row(3)+row(maxColumns+1)), 3, Options{})
	refused(t, "a quoted row", []byte(row(3)+`"`+a+`"`+row(maxColumns + 1)[len(a):]), 2, Options{})
}

// The time for a header grows as its columns do: 16 times the columns take nearly 16 times as long, and would take 256
// times if each cell were searched for from the row's beginning.
func TestHeadersTakeTimeByTheirLength(t *testing.T) {
	fastest := func(columns int) time.Duration {
		text := "userId" + strings.Repeat(",n", columns-1) + "\n"
		best := time.Hour
		for range 20 {
			start := time.Now()
			if _, err := Scan(t.Context(), strings.NewReader(text), Options{}, nil); err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	few, many := fastest(1_000), fastest(16_000)
	if ratio := float64(many) / float64(few); ratio > 80 {
		t.Errorf("16 times the columns take %.0f times as long", ratio)
	}
}

// Cells such as ="001" are read as text, wherever they stand; in others a quote is a character, and makes the row odd.
func TestCellsWithQuotes(t *testing.T) {
	for text, want := range map[string]string{
		`="001"`:                `[="001"]`,
		`="1",="2",="3",x`:      `[="1" ="2" ="3" x]`,
		`x,="a,b"`:              `[x ="a,b"]`,
		`="1","a ""b"", c",x`:   `[="1" a "b", c x]`,
		`x,6" pipe,y`:           `odd [x 6" pipe y]`,
		`x,"6" pipe",y`:         `odd [x "6" pipe" y]`,
		`="1"x,"=1",x="1",=""`:  `odd [="1"x =1 x="1" =""]`,
		`x,say "hi, there",y`:   `odd [x say "hi  there" y]`,
		`x,=" 6 "" pipe",="1",`: `[x =" 6 "" pipe" ="1" ]`,
	} {
		r := &reader{text: bufio.NewReader(strings.NewReader(text)), encoding: "utf-8", eol: '\n', comma: ','}
		err := r.next()
		got := fmt.Sprintf("%s", r.cells)
		if r.odd {
			got = "odd " + got
		}
		if err != nil || got != want {
			t.Errorf("%s becomes %s (%v), want %s", text, got, err, want)
		}
	}
}

// Rows allocate little, whatever stands in them: nothing if they are in order, and nowhere is a pattern compiled
// for each.
func TestRowsAllocateLittle(t *testing.T) {
	const rows = 20_000
	for name, x := range map[string]struct {
		o    Options
		row  func(i int) string
		most float64
	}{
		"user IDs":         {Options{}, hexID, 0.5},
		"capital user IDs": {Options{}, func(i int) string { return strings.ToUpper(hexID(i)) }, 0.5},
		"phones":           {Options{IDType: Phone}, func(i int) string { return fmt.Sprintf("+86138%08d", i) }, 0.5},
		"e-mail addresses": {Options{IDType: Email}, func(i int) string { return fmt.Sprintf("Ada+%d@example.com", i) }, 0.5},
		"usernames":        {Options{IDType: Username}, func(i int) string { return fmt.Sprintf("ada.%d", i) }, 0.5},
		"identities":       {Options{IDType: Identity}, func(i int) string { return fmt.Sprintf("idp:%d", i) }, 0.5},
		"formulas":         {Options{IDType: Phone}, func(i int) string { return fmt.Sprintf(`="%011d"`, i) }, 25},
	} {
		text := []byte("x,n\n")
		for i := range rows {
			text = append(text, x.row(i)+",y\n"...)
		}
		x.o.Column = "1"
		each := testing.AllocsPerRun(1, func() {
			if _, err := Scan(t.Context(), bytes.NewReader(text), x.o, nil); err != nil {
				t.Fatal(err)
			}
		}) / rows
		if each > x.most {
			t.Errorf("%s: %.2f allocations a row, want at most %.1f", name, each, x.most)
		}
	}
}

// Phones and e-mail addresses are told as these patterns say.
func TestFormsOfIDs(t *testing.T) {
	phone := regexp.MustCompile(`^\+?[0-9]{5,15}$`)
	name := `[\pL\pN]([\pL\pN-]*[\pL\pN])?`
	email := regexp.MustCompile(`^[^\s@<>()",;:\\]{1,64}@` + name + `(\.` + name + `)+$`)
	rapid.Check(t, func(t *rapid.T) {
		characters := rapid.SampledFrom([]rune("ab1٣张é+-.. @\\<\t\u00a0\u0301"))
		id := rapid.StringOfN(characters, 0, 6, -1).Draw(t, "before") + rapid.SampledFrom([]string{"", "@"}).Draw(t, "at") +
			rapid.StringOfN(characters, 0, 9, -1).Draw(t, "behind")
		if got, want := isEmail([]byte(id)), email.MatchString(id); got != want {
			t.Fatalf("%q is an e-mail address: %v, want %v", id, got, want)
		}
		digits := rapid.StringOfN(rapid.SampledFrom([]rune("0123456789+a")), 0, 17, -1).Draw(t, "digits")
		if got, want := isPhone([]byte(digits)), phone.MatchString(digits); got != want {
			t.Fatalf("%q is a phone: %v, want %v", digits, got, want)
		}
	})
	for _, id := range []string{strings.Repeat("é", 64) + "@b.co", strings.Repeat("é", 65) + "@b.co",
		"a@b-.co", "a@b.c-", "a@-b.c", "a@b..c"} {
		if got, want := isEmail([]byte(id)), email.MatchString(id); got != want {
			t.Errorf("%q is an e-mail address: %v, want %v", id, got, want)
		}
	}
}

// endless is an input without an end, which calls reached once so many bytes of it were read.
type endless struct {
	after   int
	reached func()
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, bytes.Repeat([]byte(a+"\n"), len(p)/len(a)+1))
	n -= n % (len(a) + 1)
	if e.after -= n; e.after < 0 {
		e.reached()
	}
	return n, nil
}

// A context that ends stops Scan between two rows, with its cause: even in an input without an end.
func TestScanHearsItsContext(t *testing.T) {
	defer goleak.VerifyNone(t)
	why := errors.New("why it ended")
	ctx, cancel := context.WithCancelCause(t.Context())
	in := &endless{after: 3 << 20, reached: func() { cancel(why) }}
	if p, err := Scan(ctx, in, Options{}, nil); p != nil || err != why {
		t.Errorf("%v, want %v", err, why)
	}

	ctx, cancel = context.WithCancelCause(t.Context())
	rows := 0
	visit := func(Row) error {
		if rows++; rows == 3 {
			cancel(why)
		}
		return nil
	}
	if _, err := Scan(ctx, bytes.NewReader(column(10_000)), Options{}, visit); err != why || rows != 3 {
		t.Errorf("%v after %d rows, want %v after 3", err, rows, why)
	}
}

// counting counts the calls of Read, without a lock: who looks while it is read is found by the race detector.
type counting struct {
	io.Reader
	reads int
}

func (c *counting) Read(p []byte) (int, error) {
	c.reads++
	return c.Reader.Read(p)
}

// Whoever stops in the middle leaves no goroutine behind, and the input is no longer read.
func TestStoppingInTheMiddle(t *testing.T) {
	defer goleak.VerifyNone(t)
	text := []byte("userId,n\n")
	for i := range 20_000 {
		text = fmt.Appendf(text, "%s,%1000d\n", hexID(i), i)
	}
	p, err := Scan(t.Context(), bytes.NewReader(text), Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := len(text) / bufferSize
	for stop := 1; stop < 10_000; stop += 131 { // often enough while a batch is being read
		in, n := &counting{Reader: bytes.NewReader(text)}, 0
		for range p.All(in) {
			if n++; n == stop {
				break
			}
		}
		if in.reads > all*3/4 {
			t.Errorf("%d of some %d reads for %d rows of %d", in.reads, all, n, p.Rows)
		}
	}
	in := &counting{Reader: bytes.NewReader(text)}
	for range p.Split(in) {
		break
	}
	if in.reads > all/2 {
		t.Errorf("%d of some %d reads for one chunk", in.reads, all)
	}
	in, stop := &counting{Reader: bytes.NewReader(text)}, errors.New("stop")
	if _, err := Scan(t.Context(), in, Options{}, func(Row) error { return stop }); err != stop || in.reads > all/2 {
		t.Errorf("%v after %d of some %d reads", err, in.reads, all)
	}
}

// The last chunk is given only once the whole input has been found as planned.
func TestTheLastChunkWaitsForTheInputsEnd(t *testing.T) {
	text := []byte("userId\n" + a + "\n" + b + "\n")
	p, err := Scan(t.Context(), bytes.NewReader(text), Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var last error
	for chunk, err := range p.Split(bytes.NewReader(slices.Concat(text, []byte("broken\n")))) {
		if last = err; err == nil {
			t.Errorf("%v is given out of an input with a row more", chunk.IDs)
		}
	}
	if !errors.Is(last, ErrChanged) {
		t.Errorf("ended with %v", last)
	}
}
