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

	"github.com/minio/minio-go/v7"
	awscredentials "github.com/minio/minio-go/v7/pkg/credentials"

	"bulkdelete/pkg/report"
)

const (
	storeKey    = "AKIATESTTESTTESTTEST"
	storeSecret = "SECRET-key-of-the-object-store"
)

// s3Server is the Versity S3 Gateway over an empty folder, behind a proxy that knows what was asked and can refuse it.
type s3Server struct {
	*httptest.Server
	client *minio.Client

	mu     sync.Mutex
	asked  []string                      // method and path, in order
	given  []string                      // paths of objects that were transferred, and not said to be unchanged
	refuse func(method, key string) bool // nil: nothing
	part   int64                         // of each object that is sent before the connection is cut; 0: all
}

func newS3Server(t *testing.T) *s3Server {
	t.Helper()
	s := &s3Server{}
	proxy := &httputil.ReverseProxy{Transport: startGateway(t), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: "gateway"})
		r.Out.Host = r.In.Host // which is signed
	}}
	proxy.ModifyResponse = func(r *http.Response) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.Request.Method == http.MethodGet && r.StatusCode == http.StatusOK {
			s.given = append(s.given, r.Request.URL.Path)
		}
		if s.part > 0 && r.Request.Method == http.MethodGet {
			r.Body = &cutBody{r.Body, s.part}
		}
		return nil
	}
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.note(r) {
			http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	s.client = clientOf(t, s.URL)
	if err := s.client.MakeBucket(t.Context(), "people", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func clientOf(t *testing.T, server string) *minio.Client {
	t.Helper()
	c, err := minio.New(strings.TrimPrefix(server, "http://"), &minio.Options{
		Creds: awscredentials.NewStaticV4(storeKey, storeSecret, ""), Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// note writes a request down and says whether it is refused.
func (s *s3Server) note(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.Method+" "+r.URL.Path)
	return s.refuse != nil && s.refuse(r.Method, r.URL.Path)
}

// startGateway starts the server that internal/s3server pins over a folder of the test's and gives the way to it: a
// socket in that folder, since a port that is free now may be another program's when it is asked for.
func startGateway(t *testing.T) http.RoundTripper {
	t.Helper()
	dir := t.TempDir()
	// A socket's path has about a hundred bytes at most, and a test's folder has its name in it.
	short, err := os.MkdirTemp("", "s3")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(short) })
	program, err := gateway()
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(short, "socket")
	c := exec.Command(program, "--quiet", "--port", socket, "--access", storeKey, "--secret", storeSecret,
		"--region", "us-east-1", "posix", "--sidecar", filepath.Join(dir, "meta"), filepath.Join(dir, "root"))
	for _, sub := range []string{"meta", "root"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	waitFor(t, "the S3 server", func() bool {
		conn, err := dial(t.Context(), "", "")
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	transport := &http.Transport{DialContext: dial}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// gateway builds the server once; the folder it is in goes with the last test.
var gateway = sync.OnceValues(func() (program string, err error) {
	if gatewayDir, err = os.MkdirTemp("", "s3server"); err != nil {
		return "", err
	}
	program = filepath.Join(gatewayDir, "s3server")
	build := exec.Command("go", "build", "-C", "../../internal/s3server", "-o", program,
		"github.com/versity/versitygw/cmd/versitygw")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the S3 server cannot be built: %w: %s", err, out)
	}
	return program, nil
})

var gatewayDir string

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
	size := int64(len(text))
	_, err := s.client.PutObject(t.Context(), "people", key, strings.NewReader(text), size, minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// get gives an object, "" if there is none.
func (s *s3Server) get(key string) string {
	o, err := s.client.GetObject(context.Background(), "people", key, minio.GetObjectOptions{})
	if err != nil {
		return ""
	}
	defer o.Close()
	text, _ := io.ReadAll(o)
	return string(text)
}

// command is the program with credentials for the pool and the store.
func (s *s3Server) command(p *pool, dir string, args ...string) *exec.Cmd {
	c := p.command(dir, args...)
	c.Env = append(slices.DeleteFunc(c.Env, func(v string) bool { return strings.HasPrefix(v, "AWS_") }),
		"AWS_ACCESS_KEY_ID="+storeKey, "AWS_SECRET_ACCESS_KEY="+storeSecret,
		"AWS_REGION=us-east-1", "AWS_ENDPOINT_URL_S3="+s.URL,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
	return c
}

const (
	inStore = "s3://people/in/all.csv?region=us-east-1"
	toStore = "s3://people/proofs?path_style=true"
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
		if report.IsPassing(f.Name()) {
			own = nil
		}
		if there != string(own) {
			t.Errorf("%s has %d bytes, its copy %d", f.Name(), len(own), len(there))
		}
	}
	puts := s.requests("PUT", prefix)
	if len(puts) == 0 || !strings.HasSuffix(puts[len(puts)-1], "/seal.json") {
		t.Errorf("the seal is not written last: %v", puts)
	}
}

// checkGivenOnce checks that an object was transferred once, however often it was asked for.
func (s *s3Server) checkGivenOnce(t *testing.T, path string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := strings.Count(strings.Join(s.given, " "), path); n != 1 {
		t.Errorf("%s was transferred %d times", path, n)
	}
}
