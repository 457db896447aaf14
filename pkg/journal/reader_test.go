package journal_test

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"bulkdelete/pkg/journal"
	"bulkdelete/pkg/journal/journaltest"
)

// A file that is cut anywhere is what it was up to the last whole record, and goes on there. Where nobody was writing,
// it may only have been cut between two records, and is not touched otherwise.
func TestFileCutAtEveryByteGoesOn(t *testing.T) {
	eachFormat(t, func(t *testing.T, format journal.Format) {
		synctest.Test(t, func(t *testing.T) { cutAtEveryByte(t, format) }) // there a record waits for no others
	})
}

func cutAtEveryByte(t *testing.T, format journal.Format) {
	text, at := written(t, format, 4)
	for cut := range len(text) + 1 {
		whole := -1 // records; -1: not even what the file begins with
		for whole+1 < len(at) && at[whole+1] <= cut {
			whole++
		}
		clean := cut == 0 || whole >= 0 && at[whole] == cut
		d := journaltest.New(text[:cut])
		j, held, err := resume(d, format, 1)
		if err != nil || len(held) != max(0, whole) {
			t.Fatalf("cut at %d: %d records are left of %d: %v", cut, len(held), whole, err)
		}
		add(t, j, max(0, whole)+1, 4)
		if !bytes.Equal(d.Synced(), text) {
			t.Fatalf("cut at %d and gone on, the file is\n%q", cut, d.Synced())
		}
		if err := refused(text[:cut], format, 0); clean != (err == nil) {
			t.Fatalf("cut at %d while nobody wrote: %v", cut, err)
		}
	}
}

// refused opens a file and gives the error, which has to be a *DamageError that leaves the file as it is.
func refused(text []byte, format journal.Format, tail int) error {
	d := journaltest.New(text)
	_, _, err := resume(d, format, tail)
	damage, ok := errors.AsType[*journal.DamageError](err)
	if err == nil {
		return nil
	}
	if !ok || damage.File != "file" || !bytes.Equal(d.Bytes(), text) {
		panic(fmt.Sprintf("%v, and the file is %q", err, d.Bytes()))
	}
	return err
}

// Where nobody was writing, every bit counts.
func TestEveryFlippedBitIsDamage(t *testing.T) {
	eachFormat(t, func(t *testing.T, format journal.Format) {
		text, _ := written(t, format, 3)
		for i := range len(text) * 8 {
			edited := bytes.Clone(text)
			edited[i/8] ^= 1 << (i % 8)
			if refused(edited, format, 0) == nil {
				t.Fatalf("bit %d of byte %d flipped, and nobody sees it", i%8, i/8)
			}
		}
	})
}

// A crash tears at most as many records as there were writers: those are cut off, and one more is damage.
func TestTornRecordsAreAtMostTheWriters(t *testing.T) {
	eachFormat(t, func(t *testing.T, format journal.Format) {
		text, at := written(t, format, 12)
		for torn := 1; torn <= 12; torn++ {
			first := 12 - torn // from 0, the record that is edited; those behind it do not follow any more
			edited := bytes.Clone(text)
			edited[(at[first]+at[first+1])/2] ^= 1
			for tail := range 13 {
				r, held, n, err := scan(bytes.NewReader(edited), format, tail)
				if len(held) != first || r.Count != first {
					t.Fatalf("%d records hold, want %d", len(held), first)
				}
				if tail >= torn {
					if err != nil || n != torn {
						t.Errorf("%d torn of at most %d: %d, %v", torn, tail, n, err)
					}
					continue
				}
				where := fmt.Sprintf("file, line %d: ", first+2)
				if format == (journal.Frames{}) {
					where = fmt.Sprintf("file: record %d, at byte %d: ", first+1, at[first])
				}
				if damage, ok := errors.AsType[*journal.DamageError](err); !ok || !strings.HasPrefix(damage.Error(), where) {
					t.Errorf("%d torn of at most %d: %v, want %s", torn, tail, err, where)
				}
			}
		}
	})
}

// Records are counted rightly wherever they stand: a mark may begin in one piece that is read and end in the next.
func TestTornRecordsAreCountedAcrossReads(t *testing.T) {
	eachFormat(t, func(t *testing.T, format journal.Format) {
		const n = 2100
		for shift := range 65 {
			text, sum := bytes.Clone(format.Preamble()), seed
			text, sum = format.Encode(text, bytes.Repeat([]byte("x"), shift), sum)
			for range n {
				text, sum = format.Encode(text, []byte("01234567890123456789"), sum)
			}
			for _, cut := range []int{0, 1} {
				r, _, torn, err := scan(bytes.NewReader(text[:len(text)-cut]), another{format}, n+1)
				if err != nil || torn != n+1 || r.Count != 0 {
					t.Fatalf("shifted by %d: %d torn of %d: %v", shift, torn, n+1, err)
				}
			}
		}
	})
}

// another is a format in which no record holds.
type another struct{ journal.Format }

func (f another) Read(r *bufio.Reader) (text, record []byte, err error) {
	text, _, err = f.Format.Read(r)
	return text, nil, cmp.Or(err, errors.New("it does not hold"))
}

func TestWhatACrashCannotLeaveIsDamage(t *testing.T) {
	eachFormat(t, func(t *testing.T, format journal.Format) {
		text, at := written(t, format, 12)
		part := func(from, to int) []byte { return text[at[from]:at[to]] }
		for name, edited := range map[string][]byte{
			"a record taken out":          slices.Concat(text[:at[2]], text[at[3]:]),
			"two records swapped":         slices.Concat(text[:at[2]], part(3, 4), part(2, 3), text[at[4]:]),
			"a record twice":              slices.Concat(text[:at[3]], text[at[2]:]),
			"the first record taken out":  slices.Concat(text[:at[0]], text[at[1]:]),
			"five strange records behind": slices.Concat(text, bytes.Repeat(part(0, 1), 5)),
			"another chain's records":     slices.Concat(text[:at[1]], part(0, 12)),
		} {
			if refused(edited, format, 4) == nil {
				t.Errorf("%s is taken", name)
			}
		}
		if err := refused(slices.Concat(text, bytes.Repeat(part(0, 1), 4)), format, 4); err != nil {
			t.Errorf("four strange records behind: %v", err)
		}
		if _, held, _, err := scan(bytes.NewReader(text), format, 12); err != nil || len(held) != 12 {
			t.Errorf("the file itself: %d records, %v", len(held), err)
		}
	})
}

// Power can leave zeros where something was written.
func TestZerosBehindAreATornEnd(t *testing.T) {
	eachFormat(t, func(t *testing.T, format journal.Format) {
		text, at := written(t, format, 3)
		for _, n := range []int{0, at[0], at[1], at[3]} {
			for _, zeros := range []int{1, 5, 4096, 200_000} {
				left := append(bytes.Clone(text[:n]), make([]byte, zeros)...)
				d := journaltest.New(left)
				j, held, err := resume(d, format, 1)
				if err != nil {
					t.Fatalf("%d zeros behind byte %d: %v", zeros, n, err)
				}
				add(t, j, len(held)+1, 3)
				if !bytes.Equal(d.Synced(), text) {
					t.Errorf("%d zeros behind byte %d: the file is %.200q", zeros, n, d.Synced())
				}
				if refused(left, format, 0) == nil {
					t.Errorf("%d zeros behind byte %d are no damage although nobody wrote", zeros, n)
				}
			}
		}
	})
}

// A file of somebody else's is never touched, however it begins.
func TestForeignFileIsNotTouched(t *testing.T) {
	eachFormat(t, func(t *testing.T, format journal.Format) {
		start, atEnd := format.Mark()
		if atEnd {
			start = string(format.Preamble())
		}
		for _, text := range []string{"x", "name,age\n", "name,age\nada,36\n", "s", "sum,recore\n",
			"\x28\xb5\x2f\xfd zstd", "[", "\n", " \x00\x00"} {
			for _, tail := range []int{0, 1, 16} {
				if refused([]byte(text), format, tail) == nil && !(strings.HasPrefix(start, text) && tail > 0) {
					t.Errorf("%q is taken for ours where %d wrote", text, tail)
				}
			}
		}
	})
}

// An error of reading is never taken for the end, not even one that does not come again: it is given as it is, and
// nothing is cut off.
func TestErrorOfReadingIsNotTheEnd(t *testing.T) {
	eachFormat(t, func(t *testing.T, format journal.Format) {
		text, at := written(t, format, 4)
		edited := bytes.Clone(text)
		edited[at[3]+3] ^= 1
		for _, text := range [][]byte{text, edited, append(bytes.Clone(text), 0, 0, 0)} {
			for _, tail := range []int{0, 1, 16} {
				for offset := range len(text) + 1 {
					unread(t, format, text, tail, int64(offset), 1)
					unread(t, format, text, tail, int64(offset), -1)
				}
			}
		}
	})
}

// unread opens a file that cannot be read from offset on.
func unread(t *testing.T, format journal.Format, text []byte, tail int, offset int64, times int) {
	t.Helper()
	d := journaltest.New(text)
	d.FailRead(offset, times)
	j, _, err := resume(d, format, tail)
	if _, damage := errors.AsType[*journal.DamageError](err); damage || j != nil || !errors.Is(err, syscall.EIO) {
		t.Fatalf("reading fails at %d: %v", offset, err)
	}
	if !bytes.Equal(d.Bytes(), text) || d.Syncs() > 0 {
		t.Fatalf("reading fails at %d: the file was touched", offset)
	}
}

// A format that takes a record for the end of something does not end the file.
func TestRecordThatIsTakenForTheEndIsNone(t *testing.T) {
	eachFormat(t, func(t *testing.T, format journal.Format) {
		text, _ := written(t, format, 3)
		_, _, _, err := scan(bytes.NewReader(text), ending{format}, 0)
		if _, ok := errors.AsType[*journal.DamageError](err); !ok {
			t.Errorf("three records are lost: %v", err)
		}
	})
}

// ending is a format whose records say that there is nothing left.
type ending struct{ journal.Format }

func (f ending) Read(r *bufio.Reader) (text, record []byte, err error) {
	text, _, _ = f.Format.Read(r)
	return text, nil, io.EOF
}

func TestDamageErrorSaysWhere(t *testing.T) {
	text, at := written(t, lines{}, 2)
	_, _, _, err := scan(bytes.NewReader(text[:at[2]-1]), lines{}, 0)
	if err == nil || err.Error() != "file, line 3: the file ends within it" {
		t.Error(err)
	}
	_, _, _, err = scan(bytes.NewReader([]byte("other\n")), lines{}, 9)
	if err == nil || err.Error() != "file, line 1: this is not how such a file begins" {
		t.Error(err)
	}
	text, at = written(t, journal.Frames{}, 2)
	r, _, _, err := scan(bytes.NewReader(text[:at[2]-1]), journal.Frames{}, 0)
	if want := fmt.Sprintf("file: record 2, at byte %d: the file ends within it", at[1]); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	why := errors.New("it is about nobody")
	if got := r.Damage(why); got.Error() != "file: record 1, at byte 0: it is about nobody" || !errors.Is(got, why) {
		t.Error(got)
	}
}

// A frame can be read by itself, and a frame that announces more than fits is not read at all.
func TestFramesAreFoundByTheirOffset(t *testing.T) {
	text, at := written(t, journal.Frames{}, 3)
	for i := range 3 {
		frame, err := journal.ReadAt(bytes.NewReader(text), journal.Frames{}, int64(at[i]))
		if err != nil || !bytes.Equal(frame, record(i+1)) {
			t.Errorf("at %d: %q, %v", at[i], frame, err)
		}
	}
	huge := bytes.Clone(text)
	huge[at[1]+11] = 0xff // 4 GiB
	for _, offset := range []int64{int64(at[1]), int64(at[1]) + 1, int64(at[3])} {
		if _, err := journal.ReadAt(bytes.NewReader(huge), journal.Frames{}, offset); err == nil {
			t.Errorf("something is read at %d", offset)
		}
	}
}
