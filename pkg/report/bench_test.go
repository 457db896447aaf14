package report

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"
)

func benchRow(chunk int) Row {
	return Row{Chunk: chunk, From: 1, To: 50, FirstLine: 50*chunk - 48, LastLine: 50*chunk + 1, Users: 50,
		Outcome: Deleted, Attempts: 1, HTTPStatus: 200, StatusCode: 200, APICode: 20001, Message: "success",
		RequestIDs: []string{"b-00000001"}, StartedAt: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC),
		Duration: 80 * time.Millisecond, IDsSHA256: IDsSHA256([]string{"ada"})}
}

// What a row costs but for the disk: its text, its hash, the commit, and a millisecond in which others could have
// come.
func BenchmarkAppendWithoutDisk(b *testing.B) {
	run := planned(Delete, 1)
	a := newAudit(run)
	must(b, a.readOn(nowhere{&bytes.Reader{}}, run))
	b.ReportAllocs()
	for n := 1; b.Loop(); n++ {
		must(b, a.Append(benchRow(n)))
	}
}

// nowhere is a file that forgets what is written.
type nowhere struct{ *bytes.Reader }

func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (nowhere) Sync() error                            { return nil }
func (nowhere) Truncate(int64) error                   { return nil }
func (nowhere) Close() error                           { return nil }

// Durable rows a second, by how many slots wait for their rows at the same time: they share a sync.
func BenchmarkAppend(b *testing.B) {
	for _, slots := range []int{1, 16, 32} {
		b.Run(fmt.Sprintf("slots=%d", slots), func(b *testing.B) { benchmarkAppend(b, slots) })
	}
}

func benchmarkAppend(b *testing.B, slots int) {
	a, err := OpenAudit(openDir(b, b.TempDir()), planned(Delete, 1))
	must(b, err)
	b.Cleanup(func() { a.Close() })
	rows := make(chan int)
	var all sync.WaitGroup
	for range slots {
		all.Go(func() {
			for n := range rows {
				if err := a.Append(benchRow(n)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		rows <- n
	}
	close(rows)
	all.Wait()
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}

// Reading an audit back, with its chain checked, as resuming, verifying and making the files do.
func BenchmarkReadAudit(b *testing.B) {
	const rows = 10_000
	run := planned(Delete, rows)
	run.Asked.Plan.Accepted, run.Asked.Plan.ChunkSize = rows*50, 50
	text, hash := bytes.Clone(header), run.Seed()
	for n := range rows {
		r := benchRow(n + 1)
		text, hash = auditFormat{}.Encode(text, r.fields(), hash)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		got := 0
		_, err := newAudit(run).read(nowhere{bytes.NewReader(text)}, run, func(*Row) { got++ })
		if err != nil || got != rows {
			b.Fatalf("%d rows, want %d (%v)", got, rows, err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// What saving a chunk's profiles costs but for the disk: their JSON, packed and chained.
func BenchmarkBackupWithoutDisk(b *testing.B) {
	run := planned(Delete, 1)
	backup := newBackup(run, BackupName)
	must(b, backup.readOn(nowhere{&bytes.Reader{}}, run))
	defer backup.Close()
	users := make([]Saved, 50)
	bytes := 0
	for i := range users {
		users[i] = Saved{Chunk: 1, Place: i + 1, Line: i + 2, ID: fmt.Sprintf("6319a150%016x", i), User: fmt.Appendf(nil,
			`{"userId":"6319a150%016x","email":"user%d@example.com","name":"User %d","customData":{"employeeNo":"%d"},`+
				`"identities":[{"extIdpId":"5b","userIdInIdp":"idp-%d"}]}`, i, i, i, i, i)}
		bytes += len(users[i].User)
	}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		if err := backup.Append(users); err != nil {
			b.Fatal(err)
		}
	}
}
