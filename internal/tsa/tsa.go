// Package tsa is a time-stamping authority for tests: openssl ts behind an HTTP server.
package tsa

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"bulkdelete/internal/aloud"
)

// Server answers each request that says it is a timestamp query, or, while Refuses is set, none.
type Server struct {
	URL     string
	Root    string // path of the root certificate
	Cert    string // of its own
	Key     string // of its own
	Refuses atomic.Bool
	Asked   atomic.Int64

	dir string
	one sync.Mutex // openssl counts in a file
}

const config = `
[tsa]
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
`

// New starts a server until the test ends, with certificates of its own. usage are the uses that its certificate is
// for, such as critical,timeStamping.
func New(t testing.TB, usage string) *Server {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		aloud.Skip(t, "there is no openssl: %v", err)
	}
	s := &Server{dir: t.TempDir()}
	name := func(file string) string { return filepath.Join(s.dir, file) }
	s.Root, s.Cert, s.Key = name("root.pem"), name("tsa.pem"), name("tsa.key")
	must := func(out []byte, err error) {
		if err != nil {
			t.Fatalf("openssl: %v: %s", err, out)
		}
	}
	must(s.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "root.key", "-out", "root.pem",
		"-subj", "/CN=root of a test", "-days", "2"))
	must(s.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr",
		"-subj", "/CN=authority of a test"))
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("usage", "extendedKeyUsage="+usage+"\n")
	must(s.openssl("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial",
		"-days", "2", "-extfile", "usage", "-out", "tsa.pem"))
	write("config", config)
	write("serial", "01\n")
	h := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

func (s *Server) openssl(args ...string) ([]byte, error) {
	c := exec.Command("openssl", args...)
	c.Dir = s.dir
	return c.CombinedOutput()
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.Asked.Add(1)
	query, err := io.ReadAll(r.Body)
	switch {
	case s.Refuses.Load():
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	case err != nil || r.Header.Get("Content-Type") != "application/timestamp-query":
		http.Error(w, "no query", http.StatusBadRequest)
		return
	}
	response, err := s.Reply(query)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	w.Write(response) //nolint:errcheck // the test sees what is missing
}

// Reply answers a query.
func (s *Server) Reply(query []byte) ([]byte, error) {
	s.one.Lock()
	defer s.one.Unlock()
	if err := os.WriteFile(filepath.Join(s.dir, "query"), query, 0o600); err != nil {
		return nil, err
	}
	out, err := s.openssl("ts", "-reply", "-config", "config", "-section", "tsa", "-queryfile", "query", "-out", "reply")
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(filepath.Join(s.dir, "reply"))
}

// Verifies says what openssl ts -verify finds wrong with the timestamp of a file; nil: nothing.
func Verifies(file, stamp, root string) error {
	out, err := exec.Command("openssl", "ts", "-verify", "-data", file, "-in", stamp, "-CAfile", root).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
