package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bulkdelete/pkg/job"
)

// An object is transferred once, also when the run is killed; the folder is copied whenever the run ends; and nobody
// learns the store's secret.
func TestRunFromAndToS3(t *testing.T) {
	s, p := newS3Server(t), newPool(t, 2000, "latency=20ms")
	s.put(t, "in/all.csv", csvOf(t, 1, 2000))
	dir := t.TempDir()
	folder := filepath.Join(dir, "all.bulkdelete")
	args := []string{"run", inStore, "--yes", "--upload", toStore, "--log-level", "debug", "--rate"}
	killed := s.command(p, dir, append(args, "40")...)
	out := start(t, killed, filepath.Join(folder, "audit.csv"))
	killed.Process.Kill()
	killed.Wait()
	begun := s.get("proofs/all.bulkdelete/run.json")
	if !strings.Contains(begun, `"digest"`) || s.get("proofs/all.bulkdelete/seal.json") != "" {
		t.Errorf("while the run is under way its copy has no summary, and this run.json:\n%s", begun)
	}
	printed := wants(t, s.command(p, dir, append(args, "2000", "--stop-after", "500")...), 5,
		"files copied to s3://people/proofs/all.bulkdelete", "run '"+inStore+"'")
	s.checkCopy(t, folder, "proofs/all.bulkdelete")
	unfinished := strings.Contains(s.get("proofs/all.bulkdelete/summary.json"), `"state": "unfinished"`)
	if !unfinished || s.get("proofs/all.bulkdelete/remaining.csv") == "" {
		t.Error("the copy of an unfinished run does not say so")
	}
	printed += wants(t, s.command(p, dir, append(args, "2000")...), 0)
	checkAllGone(t, p, folder, 2000)
	s.checkCopy(t, folder, "proofs/all.bulkdelete")
	before := len(s.requests("PUT", ""))
	printed += wants(t, s.command(p, dir, append(args, "2000")...), 0, "nothing to do")
	if n := len(s.requests("PUT", "")); n != before {
		t.Errorf("a finished run whose copy is there wrote %d objects", n-before)
	}
	s.checkGivenOnce(t, "/people/in/all.csv")
	noSecret(t, dir, out.String()+printed, storeSecret, storeKey)
	r, err := job.Asked(folder)
	if err != nil {
		t.Fatal(err)
	}
	in := r.Asked.Input
	if in.URL != "s3://people/in/all.csv" || in.ETag == "" || in.Path != filepath.Join(folder, "input") {
		t.Errorf("run.json says %+v", in)
	}
}

// A finished run's folder can be copied elsewhere later, with files of more than one part.
func TestUploadByReport(t *testing.T) {
	s, p := newS3Server(t), newPool(t, 50, "")
	dir := t.TempDir()
	folder := filepath.Join(dir, "all.bulkdelete")
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 50)
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--rate", "1000"), 0)
	large := bytes.Repeat([]byte("of more than one part\n"), 1<<20)
	if err := os.WriteFile(filepath.Join(folder, "notes.txt"), large, 0o600); err != nil {
		t.Fatal(err)
	}
	again := s.command(p, dir, "report", "all.bulkdelete", "--upload", "s3://people/again")
	wants(t, again, 0, "10 files copied to s3://people/again/all.bulkdelete")
	s.checkCopy(t, folder, "again/all.bulkdelete")
}

// What has changed needs a decision, what is gone does not, and what is cut off is never taken for the whole.
func TestS3ObjectThatChanges(t *testing.T) {
	s, p := newS3Server(t), newPool(t, 100, "")
	dir := t.TempDir()
	args := []string{"run", inStore, "--yes", "--rate", "1000"}
	wants(t, s.command(p, dir, args...), 2, "s3://people/in/all.csv", "file does not exist")
	s.put(t, "in/all.csv", csvOf(t, 1, 10_000))
	s.set(func() { s.part = 200_000 })
	wants(t, s.command(p, dir, args...), 2, "cut off after")
	s.set(func() { s.part = 0 })
	s.put(t, "in/all.csv", csvOf(t, 1, 100))
	wants(t, s.command(p, dir, "plan", inStore), 0, "100 of 100 rows")
	wants(t, s.command(p, dir, append(args, "--stop-after", "30")...), 5)
	s.put(t, "in/all.csv", csvOf(t, 1, 60))
	wants(t, s.command(p, dir, args...), 3, "has changed since the run in all.bulkdelete was planned",
		"bulkdelete run all.bulkdelete/input --out all.bulkdelete")
	if p.sent() != 1 {
		t.Errorf("%d calls were sent, want the first run's", p.sent())
	}
	s.set(func() { s.refuse = func(_, key string) bool { return strings.Contains(key, "all.csv") } })
	wants(t, s.command(p, dir, args...), 0, "going on with the copy of it in all.bulkdelete/input")
	checkAllGone(t, p, filepath.Join(dir, "all.bulkdelete"), 100)
}

// That the copy cannot be written is found out while nobody has been deleted. If it fails after all, the users are as
// gone as they are, 0 becomes 4, and the same command tries again.
func TestUploadThatFails(t *testing.T) {
	s, p := newS3Server(t), newPool(t, 200, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 200)
	run := func(to string, more ...string) *exec.Cmd {
		return s.command(p, dir, append([]string{"run", "all.csv", "--yes", "--rate", "1000", "--upload", to}, more...)...)
	}
	wants(t, run("s3://nobodys-bucket"), 2,
		"--upload: s3://nobodys-bucket/all.bulkdelete/run.json cannot be written", "nothing was sent")
	wants(t, run("https://example.com/x"), 2, "is no place to copy to")
	wants(t, run("s3://people/x?X-Amz-Signature="+signature), 2, "a parameter that is not known")
	wants(t, run("s3://people/x?endpoint=http://192.0.2.1"), 2, "http://192.0.2.1 is not https")
	readOnly := func(method, _ string) bool { return method == http.MethodPut }
	s.set(func() { s.refuse = readOnly })
	wants(t, run(toStore), 2, "nothing was sent")
	if p.sent() > 0 {
		t.Fatalf("%d calls were sent", p.sent())
	}
	s.set(func() { s.refuse = nil })
	wants(t, run(toStore, "--stop-after", "50"), 5, "10 files copied")
	s.set(func() {
		s.refuse = func(method, key string) bool {
			return method == http.MethodPut && strings.HasSuffix(key, "/deleted.csv")
		}
	})
	wants(t, run(toStore, "--stop-after", "50"), 5, "the folder was not copied",
		"bulkdelete report all.bulkdelete --upload '"+toStore+"'")
	wants(t, run(toStore), 4, "the folder is not copied", "bulkdelete report all.bulkdelete --upload '"+toStore+"'")
	if s.get("proofs/all.bulkdelete/seal.json") != "" {
		t.Error("a copy that is not whole has a seal")
	}
	checkAllGone(t, p, filepath.Join(dir, "all.bulkdelete"), 200)
	wants(t, run(toStore), 4, "nothing to do")
	s.set(func() { s.refuse = nil })
	wants(t, run(toStore), 0, "nothing to do", "11 files copied")
	s.checkCopy(t, filepath.Join(dir, "all.bulkdelete"), "proofs/all.bulkdelete")
	if p.sent() != 4 {
		t.Errorf("%d calls were sent for 4 chunks", p.sent())
	}
}

// The proof of one run is not written over by another's.
func TestUploadOverAnotherRun(t *testing.T) {
	s, p := newS3Server(t), newPool(t, 100, "")
	dir := t.TempDir()
	for i, code := range []int{0, 3} {
		writeUsers(t, filepath.Join(dir, "all.csv"), 50*i+1, 50*i+50)
		out := filepath.Join(fmt.Sprint("day", i), "users")
		wants(t, s.command(p, dir, "run", "all.csv", "--yes", "--rate", "1000", "--out", out, "--upload", toStore), code)
	}
	s.checkCopy(t, filepath.Join(dir, "day0", "users"), "proofs/users")
	if p.Len() != 50 {
		t.Errorf("%d users are left, want the second run's 50", p.Len())
	}
}

// Stores of other kinds are refused before anything is touched, with what to do instead.
func TestOtherStoresAreRefused(t *testing.T) {
	p := newPool(t, 10, "")
	dir := t.TempDir()
	writeUsers(t, dir+"/all.csv", 1, 10)
	for _, url := range []string{"gs://bucket/all.csv?" + signature, "azblob://container/all.csv?" + signature} {
		for _, args := range [][]string{
			{"run", url, "--yes"}, {"plan", url}, {"run", "all.csv", "--yes", "--upload", url}, {"report", dir, "--upload", url},
		} {
			printed := wants(t, p.command(dir, args...), 2, "give a signed https:// URL to read, or s3://", "docs/objects.md")
			noSecret(t, dir, printed, signature)
		}
	}
	if p.sent() > 0 {
		t.Errorf("%d calls were sent", p.sent())
	}
}
