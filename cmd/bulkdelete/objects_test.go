package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"bulkdelete/pkg/job"
)

// signature stands for what makes a presigned URL a password.
const signature = "SIGNATURE-of-a-presigned-URL"

// webServer has one object, and knows how often it gave all of it away.
type webServer struct {
	*httptest.Server
	dir       string // where its certificate lies
	transfers atomic.Int64

	mu   sync.Mutex
	text string
	etag string
	gone bool
	part int // of the text that is sent before the connection is cut; 0: all
}

func newWebServer(t *testing.T, text string) *webServer {
	t.Helper()
	w := &webServer{dir: t.TempDir(), text: text, etag: `"first"`}
	w.Server = httptest.NewUnstartedServer(w)
	w.Config.ErrorLog = log.New(io.Discard, "", 0) // of connections that tests cut
	w.StartTLS()
	t.Cleanup(w.Close)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.Certificate().Raw})
	if err := os.WriteFile(w.cert(), cert, 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *webServer) cert() string { return filepath.Join(w.dir, "cert.pem") }

// presigned is the object's URL with a signature. Without it the server refuses, and also what is not a GET.
func (w *webServer) presigned() string {
	return w.URL + "/hr/all.csv?X-Amz-Expires=60&X-Amz-Signature=" + signature
}

func (w *webServer) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *webServer) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case r.Method != http.MethodGet || r.URL.Query().Get("X-Amz-Signature") != signature:
		http.Error(out, "SignatureDoesNotMatch", http.StatusForbidden)
		return
	case w.gone:
		http.NotFound(out, r)
		return
	case w.etag != "" && r.Header.Get("If-None-Match") == w.etag:
		out.WriteHeader(http.StatusNotModified)
		return
	}
	if w.etag != "" {
		out.Header().Set("ETag", w.etag)
	}
	out.Header().Set("Content-Length", fmt.Sprint(len(w.text)))
	if w.part > 0 {
		io.WriteString(out, w.text[:w.part])
		panic(http.ErrAbortHandler)
	}
	w.transfers.Add(1)
	io.WriteString(out, w.text)
}

// csvOf is a CSV of users from to to.
func csvOf(t *testing.T, from, to int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.csv")
	writeUsers(t, path, from, to)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// noSecret checks that no file under dir and nothing printed holds a secret.
func noSecret(t *testing.T, dir string, printed string, secrets ...string) {
	t.Helper()
	texts := map[string]string{"what was printed": printed}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range texts {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q:\n%s", where, secret, text)
			}
		}
	}
}

// wants runs a command that has to end with that code and print those words, and gives what it printed.
func wants(t *testing.T, c *exec.Cmd, want int, words ...string) string {
	t.Helper()
	code, printed := exit(t, c)
	if code != want {
		t.Fatalf("exit code %d, want %d:\n%s", code, want, printed)
	}
	for _, word := range words {
		if !strings.Contains(printed, word) {
			t.Errorf("%q is not said:\n%s", word, printed)
		}
	}
	return printed
}

// An object is transferred once, whatever becomes of the run; its presigned URL is neither stored nor shown, and the
// command that goes on works without it.
func TestPresignedURL(t *testing.T) {
	p := newPool(t, 200, "")
	w := newWebServer(t, csvOf(t, 1, 200))
	dir := t.TempDir()
	folder := filepath.Join(dir, "all.bulkdelete")
	run := func(more ...string) *exec.Cmd {
		return p.command(dir, append([]string{"run", w.presigned(), "--yes", "--rate", "1000", "--ca-cert", w.cert(),
			"--log-level", "debug"}, more...)...)
	}
	printed := wants(t, run("--stop-after", "50"), 5, "Done: 50 of 200. Look at them, then:")
	printed += wants(t, run("--stop-after", "50"), 5, "Done: 100 of 200. Look at them, then:")
	last := strings.Split(strings.TrimSpace(printed), "\n")
	again := p.command(dir)
	again.Path, again.Args = "/bin/sh", []string{"sh", "-c",
		strings.Replace(last[len(last)-1], "go run ./cmd/bulkdelete", os.Args[0], 1)}
	printed += wants(t, again, 0)
	checkAllGone(t, p, folder, 200)
	printed += wants(t, run(), 0, "nothing to do")
	printed += wants(t, p.command(dir, "verify", folder), 0)
	if n := w.transfers.Load(); n != 1 {
		t.Errorf("the object was transferred %d times", n)
	}
	r, err := job.Asked(folder)
	if err != nil || r.Asked.Input.URL != w.URL+"/hr/all.csv" || r.Asked.Input.ETag != `"first"` ||
		r.Asked.Input.Name != r.Asked.Input.URL {
		t.Errorf("run.json says %+v, %v", r, err)
	}
	printed += wants(t, p.command(dir, "report", folder, "--input", w.presigned()), 2, "--input takes a file")
	noSecret(t, dir, printed, signature)
	moved := filepath.Join(dir, "elsewhere")
	if err := os.Rename(folder, moved); err != nil {
		t.Fatal(err)
	}
	wants(t, p.command(dir, "verify", moved), 0)
	wants(t, p.command(dir, "report", moved), 0)
}

// Errors of all kinds keep the signature to themselves, and leave nothing behind that could be taken for the object.
func TestObjectsThatCannotBeHad(t *testing.T) {
	p := newPool(t, 200, "")
	w := newWebServer(t, csvOf(t, 1, 200))
	dir := t.TempDir()
	refused := func(words string, args ...string) {
		t.Helper()
		printed := wants(t, p.command(dir, append([]string{"run", "--yes", "--log-level", "debug"}, args...)...), 2, words)
		noSecret(t, dir, printed, signature, "hunter2")
		if _, err := os.Stat(filepath.Join(dir, "all.bulkdelete", "input")); err == nil {
			t.Errorf("%v: there is an input", args)
		}
	}
	refused("certificate", w.presigned())
	trust := []string{"--ca-cert", w.cert()}
	refused("HTTP 403", append(trust, strings.Replace(w.presigned(), "60&", "60&method=HEAD&X-Amz-Signature=no&", 1))...)
	refused("is not https", strings.Replace(w.presigned(), "https://127.0.0.1", "http://192.0.2.1", 1))
	refused("holds a user name", strings.Replace(w.presigned(), "https://", "https://admin:hunter2@", 1))
	refused("is not a URL", strings.Replace(w.presigned(), "https://", "https://admin:hunter2@%zz", 1))
	refused("ftp:// can be neither read nor written", "ftp://example.com/all.csv?"+signature)
	refused("connection refused", "https://127.0.0.1:1/all.csv?"+signature)
	refused("no name to make a folder from", append(trust, w.URL+"/?X-Amz-Signature="+signature)...)
	refused("--protect takes a file", append(trust, w.presigned(), "--protect", w.presigned())...)
	w.set(func() { w.part = len(w.text) / 2 })
	refused(fmt.Sprintf("of %d bytes: unexpected EOF", len(w.text)), append(trust, w.presigned())...)
	w.set(func() { w.gone = true })
	refused("HTTP 404", append(trust, w.presigned())...)
	if p.sent() > 0 {
		t.Errorf("%d calls were sent", p.sent())
	}
}

// An object that changed since the run was planned needs a decision. One that is gone does not: there is the copy.
func TestObjectThatChangesOrGoes(t *testing.T) {
	p := newPool(t, 100, "")
	w := newWebServer(t, csvOf(t, 1, 100))
	dir := t.TempDir()
	args := []string{"run", w.presigned(), "--yes", "--rate", "1000", "--ca-cert", w.cert()}
	wants(t, p.command(dir, append(args, "--stop-after", "30")...), 5)
	w.set(func() { w.etag, w.text = `"second"`, csvOf(t, 101, 200) })
	wants(t, p.command(dir, args...), 3, `its ETag was "first" and is "second"`,
		"bulkdelete run all.bulkdelete/input --out all.bulkdelete")
	w.set(func() { w.etag = "" }) // a server without ETags: the bytes decide
	wants(t, p.command(dir, args...), 3, "its ETag was \"first\" and is none")
	if p.sent() != 1 {
		t.Errorf("%d calls were sent, want the first run's", p.sent())
	}
	w.set(func() { w.gone = true })
	wants(t, p.command(dir, append(args, "--stop-after", "30")...), 5, "HTTP 404", "going on with the copy of it")
	w.Close()
	refusing(t, w.Listener.Addr().(*net.TCPAddr).Port)
	wants(t, p.command(dir, args...), 0, "connection refused", "going on with the copy of it")
	checkAllGone(t, p, filepath.Join(dir, "all.bulkdelete"), 100)
}

// Without an ETag the bytes decide, and a copy that was lost comes back.
func TestServerWithoutETags(t *testing.T) {
	p := newPool(t, 100, "")
	w := newWebServer(t, csvOf(t, 1, 100))
	w.set(func() { w.etag = "" })
	dir := t.TempDir()
	args := []string{"run", w.presigned(), "--yes", "--rate", "1000", "--ca-cert", w.cert()}
	wants(t, p.command(dir, append(args, "--stop-after", "30")...), 5)
	if err := os.Remove(filepath.Join(dir, "all.bulkdelete", "input")); err != nil {
		t.Fatal(err)
	}
	wants(t, p.command(dir, append(args, "--stop-after", "30")...), 5)
	same := w.text
	w.set(func() { w.text = csvOf(t, 1, 99) })
	wants(t, p.command(dir, args...), 3, "is not what the run in all.bulkdelete was planned with")
	w.set(func() { w.text = same })
	wants(t, p.command(dir, args...), 0)
	checkAllGone(t, p, filepath.Join(dir, "all.bulkdelete"), 100)
}

// A presigned URL can be kept off the command line, plan leaves nothing behind, and {input} is the object's name.
func TestURLFromAFile(t *testing.T) {
	p := newPool(t, 100, "")
	w := newWebServer(t, csvOf(t, 1, 100))
	dir := t.TempDir()
	secret := filepath.Join(w.dir, "url")
	if err := os.WriteFile(secret, []byte(w.presigned()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) *exec.Cmd {
		c := p.command(dir, append(args, "--ca-cert", w.cert(), "--rate", "1000")...)
		c.Env = append(c.Env, urlVariable+"_FILE="+secret, "TMPDIR="+dir)
		return c
	}
	printed := wants(t, command("plan"), 0, "100 of 100 rows")
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("plan leaves %v", left)
	}
	printed += wants(t, command("run", "--yes", "--out", "{input}", "--stop-after", "60"), 5)
	printed += wants(t, command("run", "--yes", "--out", "{input}"), 0)
	checkAllGone(t, p, filepath.Join(dir, "all"), 100)
	noSecret(t, dir, printed, signature)
}

// A schedule that reads the same URL every day goes on with what it copied on the day before, and then looks for what
// is new.
func TestScheduleReadsTheSameURLEveryDay(t *testing.T) {
	p := newPool(t, 200, "")
	w := newWebServer(t, csvOf(t, 1, 100))
	dir := t.TempDir()
	daily := func(out string, more ...string) *exec.Cmd {
		return p.command(dir,
			append([]string{"run", w.presigned(), "--yes", "--rate", "1000", "--ca-cert", w.cert(), "--out", out}, more...)...)
	}
	wants(t, daily("2026-01-01", "--stop-after", "30"), 5)
	wants(t, daily("{date}", "--stop-after", "30"), 5, "going on with 2026-01-01")
	wants(t, daily("{date}"), 0, "going on with 2026-01-01")
	if days, _ := filepath.Glob(filepath.Join(dir, "20*")); len(days) != 1 {
		t.Errorf("the same object has the folders %v", days)
	}
	w.set(func() { w.etag, w.text = `"second"`, csvOf(t, 101, 200) })
	wants(t, daily("{date}"), 0)
	if p.Len() != 0 {
		t.Errorf("%d users are left", p.Len())
	}
}

// A signal ends a transfer at once, and leaves nothing behind that could be taken for the object.
func TestSignalDuringATransfer(t *testing.T) {
	p := newPool(t, 10, "")
	asked, done := make(chan bool), make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		io.WriteString(w, "userId\n")
		http.NewResponseController(w).Flush()
		asked <- true
		<-done
	}))
	defer server.Close()
	defer close(done)
	dir := t.TempDir()
	c := p.command(dir, "run", server.URL+"/all.csv", "--yes")
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	c.Process.Signal(syscall.SIGTERM)
	c.Wait()
	if code := c.ProcessState.ExitCode(); code != 5 || !strings.Contains(out.String(), "stopped by a signal") {
		t.Errorf("exit code %d:\n%s", code, &out)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "all.bulkdelete", "*input*")); len(left) > 0 {
		t.Errorf("there is %v", left)
	}
}
