package attest

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"encoding/asn1"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/timestamp"

	"bulkdelete/internal/tsa"
)

func stamped(t *testing.T, s *tsa.Server, text []byte) []byte {
	t.Helper()
	a, err := NewAuthority(s.URL, nil)
	must(t, err)
	stamp, err := a.Stamp(t.Context(), text)
	must(t, err)
	return stamp
}

// What openssl's authority stamps is verified here, and openssl verifies what is kept of it; nothing else passes.
func TestTimestampsAreOpenSSLs(t *testing.T) {
	s, text := tsa.New(t, "critical,timeStamping"), []byte("a seal\n")
	stamp := stamped(t, s, text)
	trusted, err := ReadAuthorities(s.Root)
	must(t, err)
	at, err := trusted.Verify(text, stamp)
	if err != nil || time.Since(at).Abs() > time.Minute {
		t.Fatalf("%s, %v", at, err)
	}
	dir := t.TempDir()
	data, reply := filepath.Join(dir, "text"), filepath.Join(dir, "text.tsr")
	must(t, os.WriteFile(data, text, 0o600))
	must(t, os.WriteFile(reply, stamp, 0o600))
	if err := tsa.Verifies(data, reply, s.Root); err != nil {
		t.Errorf("openssl: %v", err)
	}
	if err := IsStamp(text, stamp); err != nil {
		t.Error(err)
	}
	if err := IsStamp([]byte("another"), stamp); err == nil {
		t.Error("it is another text's too")
	}
	if _, err := trusted.Verify([]byte("another"), stamp); err == nil {
		t.Error("another text passes")
	}
	other, err := ReadAuthorities(tsa.New(t, "critical,timeStamping").Root)
	must(t, err)
	if _, err := other.Verify(text, stamp); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("another root: %v", err)
	}
	for i := range stamp {
		changed := bytes.Clone(stamp)
		changed[i] ^= 1
		if at2, err := trusted.Verify(text, changed); err == nil && !at2.Equal(at) {
			t.Errorf("byte %d changed: %s", i, at2)
		}
	}
	for _, none := range []string{"", "x", string(stamp[:len(stamp)/2]), string(stamp) + "x"} {
		if _, err := trusted.Verify(text, []byte(none)); err == nil {
			t.Errorf("%.10q passes", none)
		}
	}
}

// stampWith makes a timestamp with whatever certificate the authority has: openssl refuses some.
func stampWith(t *testing.T, s *tsa.Server, text []byte, at time.Time, hash crypto.Hash) []byte {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
	must(t, err)
	h := hash.New()
	h.Write(text)
	stamp := timestamp.Timestamp{HashAlgorithm: hash, HashedMessage: h.Sum(nil), Time: at, AddTSACertificate: true,
		Policy: asn1.ObjectIdentifier{1, 2, 3, 4, 1}}
	response, err := stamp.CreateResponseWithOpts(pair.Leaf, pair.PrivateKey.(crypto.Signer), crypto.SHA256)
	must(t, err)
	return response
}

// A certificate that is not for timestamps alone makes none, nor one that was not valid then; neither does openssl take
// them.
func TestWhoMayStamp(t *testing.T) {
	text := []byte("a seal\n")
	for _, c := range []struct {
		usage string
		later time.Duration
		hash  crypto.Hash
		ok    bool
	}{
		{"critical,timeStamping", 0, crypto.SHA256, true},
		{"critical,timeStamping", 0, crypto.SHA512, true},
		{"critical,timeStamping", 72 * time.Hour, crypto.SHA256, false},
		{"timeStamping", 0, crypto.SHA256, false},
		{"critical,timeStamping,codeSigning", 0, crypto.SHA256, false},
		{"critical,codeSigning", 0, crypto.SHA256, false},
	} {
		s := tsa.New(t, c.usage)
		stamp := stampWith(t, s, text, time.Now().Add(c.later), c.hash)
		trusted, err := ReadAuthorities(s.Root)
		must(t, err)
		if _, err := trusted.Verify(text, stamp); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
		dir := t.TempDir()
		data, reply := filepath.Join(dir, "text"), filepath.Join(dir, "text.tsr")
		must(t, os.WriteFile(data, text, 0o600))
		must(t, os.WriteFile(reply, stamp, 0o600))
		if err := tsa.Verifies(data, reply, s.Root); c.usage != "critical,timeStamping" && err == nil {
			t.Errorf("%+v: openssl takes it", c)
		}
	}
}

// What is no answer to the question is none, and what the server says is said; its URL is not, which may be a secret.
func TestServersThatDoNotStamp(t *testing.T) {
	s := tsa.New(t, "critical,timeStamping")
	old := stamped(t, s, []byte("a seal\n"))
	for words, serve := range map[string]http.HandlerFunc{
		"it answers 503 Service Unavailable": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"it is no timestamp":                 func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("hello")) },
		"it answers another question":        func(w http.ResponseWriter, _ *http.Request) { w.Write(old) },
		"EOF":                                func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		h := httptest.NewServer(serve)
		a, err := NewAuthority(strings.Replace(h.URL, "http://", "http://ann:hunter2@", 1)+"/hunter3", nil)
		must(t, err)
		_, err = a.Stamp(t.Context(), []byte("a seal\n"))
		h.Close()
		if err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%v, want %q", err, words)
		}
	}
	for _, given := range []string{"", "tsa", "ftp://tsa", "http://", "://"} {
		if _, err := NewAuthority(given, nil); err == nil {
			t.Errorf("%q is taken for a server", given)
		}
	}
	for _, text := range []string{"", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		file := filepath.Join(t.TempDir(), "none.pem")
		must(t, os.WriteFile(file, []byte(text), 0o600))
		if _, err := ReadAuthorities(file); err == nil {
			t.Errorf("%q are taken for certificates", text)
		}
	}
}
