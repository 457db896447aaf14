//go:build blob

package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"bulkdelete/pkg/job"
)

const (
	storeKey    = "AKIATESTTESTTESTTEST"
	storeSecret = "SECRET-key-of-the-object-store"
)

// s3Server is the Versity S3 Gateway over an empty folder, behind a proxy that knows what was asked and can refuse it.
type s3Server struct {
	*httptest.Server
	client *s3.Client

	mu     sync.Mutex
	asked  []string                      // method and path, in order
	refuse func(method, key string) bool // nil: nothing
	part   int64                         // of each object that is sent before the connection is cut; 0: all
	before func()                        // called once, before the next GET; may be nil
}

func newS3Server(t *testing.T) *s3Server {
	t.Helper()
	s := &s3Server{}
	backend := startGateway(t)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(backend)
		r.Out.Host = r.In.Host // which is signed
	}}
	proxy.ModifyResponse = func(r *http.Response) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.part > 0 && r.Request.Method == http.MethodGet {
			r.Body = &cutBody{r.Body, s.part}
		}
		return nil
	}
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before := s.isNext(r); before != nil {
			before()
		}
		if s.note(r) {
			http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	s.client = s3.New(s3.Options{BaseEndpoint: aws.String(s.URL), UsePathStyle: true, Region: "us-east-1",
		Credentials: awscredentials.NewStaticCredentialsProvider(storeKey, storeSecret, "")})
	if _, err := s.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("people")}); err != nil {
		t.Fatal(err)
	}
	return s
}

// isNext takes what is to be called before this request, nil: nothing.
func (s *s3Server) isNext(r *http.Request) (before func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodGet {
		before, s.before = s.before, nil
	}
	return before
}

// note writes a request down and says whether it is refused.
func (s *s3Server) note(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.Method+" "+r.URL.Path)
	return s.refuse != nil && s.refuse(r.Method, r.URL.Path)
}

// startGateway builds the server that internal/s3server pins and starts it over a folder of the test's.
func startGateway(t *testing.T) *url.URL {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "s3server")
	build := exec.Command("go", "build", "-C", "../../internal/s3server", "-o", program, "github.com/versity/versitygw/cmd/versitygw")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the S3 server cannot be built: %v: %s", err, out)
	}
	addr := freeAddr(t)
	c := exec.Command(program, "--quiet", "--port", addr, "--access", storeKey, "--secret", storeSecret, "--region", "us-east-1",
		"posix", "--sidecar", filepath.Join(dir, "meta"), filepath.Join(dir, "root"))
	for _, sub := range []string{"meta", "root"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	waitFor(t, "the S3 server", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return &url.URL{Scheme: "http", Host: addr}
}

// freeAddr is a loopback address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// cutBody ends with an error after left bytes.
type cutBody struct {
	io.ReadCloser
	left int64
}

func (c *cutBody) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.ReadCloser.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

func (s *s3Server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// requests counts those of a method for keys that contain part.
func (s *s3Server) requests(method, part string) (found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.asked {
		if m, path, _ := strings.Cut(a, " "); m == method && strings.Contains(path, part) {
			found = append(found, path)
		}
	}
	return found
}

func (s *s3Server) put(t *testing.T, key, text string) {
	t.Helper()
	if _, err := s.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("people"), Key: &key, Body: strings.NewReader(text)}); err != nil {
		t.Fatal(err)
	}
}

// get gives an object, "" if there is none.
func (s *s3Server) get(key string) string {
	out, err := s.client.GetObject(context.Background(), &s3.GetObjectInput{Bucket: aws.String("people"), Key: &key})
	if err != nil {
		return ""
	}
	defer out.Body.Close()
	text, _ := io.ReadAll(out.Body)
	return string(text)
}

// command is the program with credentials for the pool and the store.
func (s *s3Server) command(p *pool, dir string, args ...string) *exec.Cmd {
	c := p.command(dir, args...)
	c.Env = append(slices.DeleteFunc(c.Env, func(v string) bool { return strings.HasPrefix(v, "AWS_") }),
		"AWS_ACCESS_KEY_ID="+storeKey, "AWS_SECRET_ACCESS_KEY="+storeSecret, "AWS_REGION=us-east-1", "AWS_ENDPOINT_URL_S3="+s.URL,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
	return c
}

const (
	inStore = "s3://people/in/all.csv?use_path_style=true"
	toStore = "s3://people/proofs?use_path_style=true"
)

// checkCopy holds the copy of the folder against the folder.
func (s *s3Server) checkCopy(t *testing.T, folder, prefix string) {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		own, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		there := s.get(prefix + "/" + f.Name())
		if f.Name() == "lock" || f.Name() == "input" {
			own = nil
		}
		if there != string(own) {
			t.Errorf("%s has %d bytes, its copy %d", f.Name(), len(own), len(there))
		}
	}
	puts := s.requests("PUT", prefix)
	if len(puts) == 0 || !strings.HasSuffix(puts[len(puts)-1], "/summary.json") {
		t.Errorf("the summary is not written last: %v", puts)
	}
}

// An object is transferred once, also when the run is killed; the folder is copied whenever the run ends; and nobody learns the
// store's secret.
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
	if begun := s.get("proofs/all.bulkdelete/run.json"); !strings.Contains(begun, "plan_digest") || s.get("proofs/all.bulkdelete/summary.json") != "" {
		t.Errorf("while the run is under way its copy has no summary, and this run.json:\n%s", begun)
	}
	printed := wants(t, s.command(p, dir, append(args, "2000", "--stop-after", "500")...), 5, "files copied to s3://people/proofs/all.bulkdelete",
		"run '"+inStore+"'")
	s.checkCopy(t, folder, "proofs/all.bulkdelete")
	if !strings.Contains(s.get("proofs/all.bulkdelete/summary.json"), `"state": "unfinished"`) || s.get("proofs/all.bulkdelete/remaining.csv") == "" {
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
	if n := s.requests("GET", "in/all.csv"); len(n) != 1 {
		t.Errorf("the object was transferred %d times", len(n))
	}
	noSecret(t, dir, out.String()+printed, storeSecret, storeKey)
	wants(t, s.command(p, dir, "report", "all.bulkdelete", "--upload", "s3://people/again?use_path_style=true"), 0, "7 files copied to s3://people/again/all.bulkdelete")
	s.checkCopy(t, folder, "again/all.bulkdelete")
	r, err := job.Asked(folder)
	if err != nil || r.Asked.Input.URL != "s3://people/in/all.csv" || r.Asked.Input.ETag == "" || r.Asked.Input.Path != filepath.Join(folder, "input") {
		t.Errorf("run.json says %+v, %v", r.Asked.Input, err)
	}
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
	other := csvOf(t, 10_001, 20_000) // as long as the one before
	s.set(func() { s.part, s.before = 0, func() { s.put(t, "in/all.csv", other) } })
	wants(t, s.command(p, dir, args...), 2, "PreconditionFailed")
	s.put(t, "in/all.csv", csvOf(t, 1, 100))
	wants(t, s.command(p, dir, "plan", inStore), 0, "100 of 100 rows")
	wants(t, s.command(p, dir, append(args, "--stop-after", "30")...), 5)
	s.put(t, "in/all.csv", csvOf(t, 1, 60))
	wants(t, s.command(p, dir, args...), 3, "has changed since the run in all.bulkdelete was planned", "bulkdelete run all.bulkdelete/input --out all.bulkdelete")
	if p.sent() != 1 {
		t.Errorf("%d calls were sent, want the first run's", p.sent())
	}
	s.set(func() { s.refuse = func(_, key string) bool { return strings.Contains(key, "all.csv") } })
	wants(t, s.command(p, dir, args...), 0, "going on with the copy of it in all.bulkdelete/input")
	checkAllGone(t, p, filepath.Join(dir, "all.bulkdelete"), 100)
}

// That the copy cannot be written is found out while nobody has been deleted. If it fails after all, the users are as gone as
// they are, 0 becomes 4, and the same command tries again.
func TestUploadThatFails(t *testing.T) {
	s, p := newS3Server(t), newPool(t, 200, "")
	dir := t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 200)
	run := func(to string, more ...string) *exec.Cmd {
		return s.command(p, dir, append([]string{"run", "all.csv", "--yes", "--rate", "1000", "--upload", to}, more...)...)
	}
	wants(t, run("s3://nobodys-bucket?use_path_style=true"), 2, "--upload: s3://nobodys-bucket/all.bulkdelete/run.json cannot be written", "nothing was sent")
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
	wants(t, run(toStore, "--stop-after", "50"), 5, "8 files copied")
	s.set(func() {
		s.refuse = func(method, key string) bool {
			return method == http.MethodPut && strings.HasSuffix(key, "/deleted.csv")
		}
	})
	wants(t, run(toStore, "--stop-after", "50"), 5, "the folder was not copied", "bulkdelete report all.bulkdelete --upload '"+toStore+"'")
	wants(t, run(toStore), 4, "the folder is not copied", "bulkdelete report all.bulkdelete --upload '"+toStore+"'")
	if s.get("proofs/all.bulkdelete/summary.json") != "" {
		t.Error("a copy that is not whole has a summary")
	}
	checkAllGone(t, p, filepath.Join(dir, "all.bulkdelete"), 200)
	wants(t, run(toStore), 4, "nothing to do")
	s.set(func() { s.refuse = nil })
	wants(t, run(toStore), 0, "nothing to do", "7 files copied")
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

// The other two stores can be opened; there is no server to try them with. Their errors hold no credential.
func TestOtherStoresOpen(t *testing.T) {
	p := newPool(t, 10, "")
	dir := t.TempDir()
	const sas = "sig=SECRET-of-a-shared-access-signature"
	env := []string{"AZURE_STORAGE_ACCOUNT=people", "AZURE_STORAGE_SAS_TOKEN=" + sas, "AZURE_STORAGE_PROTOCOL=http", "AZURE_STORAGE_DOMAIN=127.0.0.1:1",
		"STORAGE_EMULATOR_HOST=127.0.0.1:1"}
	for _, at := range []string{"gs://people/all.csv", "azblob://people/all.csv"} {
		c := p.command(dir, "plan", at)
		c.Env = append(c.Env, env...)
		noSecret(t, dir, wants(t, c, 2, at+": ", "connection refused"), sas)
	}
	c := p.command(dir, "plan", "azblob://people/all.csv")
	c.Env = append(c.Env, append(env, "AZURE_STORAGE_DOMAIN=192.0.2.1")...)
	noSecret(t, dir, wants(t, c, 2, "is not https"), sas)
}
