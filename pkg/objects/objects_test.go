package objects

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const signature = "SIGNATURE-of-a-presigned-URL"

// serve gives an object at path of a TLS server.
func serve(t *testing.T, path string, h http.HandlerFunc) (*Object, *httptest.Server) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of connections that tests cut
	s.StartTLS()
	t.Cleanup(s.Close)
	return object(t, s.URL+path, s.Certificate()), s
}

// object reads a URL. trusted is the certificate to trust; nil: the system's.
func object(t *testing.T, raw string, trusted *x509.Certificate) *Object {
	t.Helper()
	var roots *x509.CertPool
	if trusted != nil {
		roots = x509.NewCertPool()
		roots.AddCert(trusted)
	}
	o, err := New(raw, roots)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// read opens the object and reads it to its end.
func read(t *testing.T, o *Object, have string) (string, error) {
	t.Helper()
	c, err := o.Open(t.Context(), have)
	if err != nil {
		return "", err
	}
	defer c.Close()
	text, err := io.ReadAll(c)
	return string(text), err
}

func TestNamesAreNotURLs(t *testing.T) {
	for name, want := range map[string]bool{
		"users.csv": false, "-": false, "/data/a:b.csv": false, "C:\\users.csv": false, "s3:/b/k": false,
		"s3://b/k": true, "https://h/k": true, "HTTPS://h/k": true, "file:///users.csv": true,
	} {
		if IsURL(name) != want {
			t.Errorf("IsURL(%q) is %v", name, !want)
		}
	}
}

// What is shown of a URL, and what is made of its name.
func TestShown(t *testing.T) {
	for raw, want := range map[string][2]string{
		"https://example.com/a/users.csv?sig=" + signature: {"https://example.com/a/users.csv", "users.csv"},
		"https://example.com/a%20b/u%2Fv.csv":              {"https://example.com/a%20b/u%2Fv.csv", "v.csv"},
		"https://example.com/":                             {"https://example.com/", ""},
		"https://example.com/a/..":                         {"https://example.com/a/..", ""},
		"https://example.com/a%1B[2J.csv":                  {"https://example.com/a%1B[2J.csv", ""},
		"HTTPS://example.com/users.csv":                    {"https://example.com/users.csv", "users.csv"},
	} {
		o, err := New(raw, nil)
		if err != nil {
			t.Fatal(err)
		}
		if o.String() != want[0] || o.Name() != want[1] {
			t.Errorf("%s is shown as %q and named %q", raw, o, o.Name())
		}
	}
}

// A URL that is refused is refused without what may be a secret.
func TestRefusedURLs(t *testing.T) {
	for _, raw := range []string{
		"http://example.com/users.csv?" + signature,
		"https://admin:" + signature + "@example.com/users.csv",
		"https://admin:" + signature + "@exa mple.com/users.csv",
		"https://example.com/users.csv#" + signature,
		"https:///users.csv?" + signature,
		"ftp://example.com/users.csv?" + signature,
		"s3://bucket/users.csv?X-Amz-Signature=" + signature,
		"s3://bucket/users.csv?endpoint=https://admin:" + signature + "@example.com",
		"azblob://container/users.csv?" + signature,
	} {
		if _, err := New(raw, nil); err == nil || strings.Contains(err.Error(), signature) {
			t.Errorf("%s is answered with %v", raw, err)
		}
	}
}

// Errors of libraries lose their URLs' queries and stay what they are.
func TestScrub(t *testing.T) {
	inner := &url.Error{Op: "Get", URL: "https://example.com/users.csv?sig=" + signature, Err: fs.ErrNotExist}
	err := scrub(fmt.Errorf("attempt 1:\n  %w (see azblob://u:%s@c/k?x=%s)", inner, signature, signature))
	want := `attempt 1: Get "https://example.com/users.csv": file does not exist (see azblob://c/k`
	text := err.Error()
	if !strings.HasPrefix(text, want) || strings.Contains(text, signature) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("scrubbed: %v", err)
	}
	if bell := scrub(errors.New("a\a\x1b[2Jb")); bell.Error() != "a\ufffd\ufffd[2Jb" {
		t.Errorf("what moves a cursor is shown: %q", bell)
	}
	if long := scrub(errors.New(strings.Repeat("long ", 1000))); len(long.Error()) > mostText+10 {
		t.Errorf("an error of %d characters", len(long.Error()))
	}
}

func TestUnchangedIsNotTransferred(t *testing.T) {
	asked := 0
	o, _ := serve(t, "/users.csv", func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set("ETag", `"1"`)
		if asked == 2 && r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		io.WriteString(w, "userId\n")
	})
	if text, err := read(t, o, ""); err != nil || text != "userId\n" {
		t.Fatalf("read %q, %v", text, err)
	}
	for range 2 { // a server that knows If-None-Match, and one that does not
		if _, err := read(t, o, `"1"`); !errors.Is(err, ErrUnchanged) {
			t.Errorf("an object that is the same gives %v", err)
		}
	}
	if text, err := read(t, o, `"0"`); err != nil || text == "" {
		t.Errorf("another version gives %q, %v", text, err)
	}
}

// What ends early, or at an end that nobody announced, is never the whole object.
func TestCutOff(t *testing.T) {
	for name, answer := range map[string]string{
		"before the length that was said": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nuserId\n",
		"in the middle of a chunk":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nuserId\n",
		"before the last chunk":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nuserId\n\r\n",
		"at an end that nobody announced": "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuserId\n",
		"with a part of it":               "HTTP/1.1 206 Partial Content\r\nContent-Length: 7\r\n\r\nuserId\n",
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := serve(t, "/users.csv", func(w http.ResponseWriter, r *http.Request) {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err == nil {
					io.WriteString(conn, answer)
					conn.Close()
				}
			})
			if text, err := read(t, o, ""); err == nil {
				t.Errorf("%q is taken for the whole", text)
			}
		})
	}
}

// Redirects are followed to https alone, and the next server does not learn the URL that led to it.
func TestRedirects(t *testing.T) {
	to := ""
	o, s := serve(t, "/users.csv?sig="+signature, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/users.csv":
			http.Redirect(w, r, to, http.StatusFound)
		case r.URL.Path == "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case r.Referer() != "":
			t.Errorf("the next server is told %q", r.Referer())
		default:
			io.WriteString(w, "userId\n")
		}
	})
	to = s.URL + "/elsewhere"
	if text, err := read(t, o, ""); err != nil || text == "" {
		t.Errorf("read %q, %v", text, err)
	}
	for target, want := range map[string]string{
		"/loop": "more than 5 redirects", "http://127.0.0.1:1/users.csv?" + signature: "not https",
	} {
		to = target
		_, err := read(t, o, "")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), signature) {
			t.Errorf("a redirect to %s gives %v", target, err)
		}
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	_, s := serve(t, "/users.csv", func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	if _, err := read(t, object(t, s.URL+"/users.csv", nil), ""); err == nil ||
		!strings.Contains(err.Error(), "certificate") {
		t.Errorf("read without trust: %v", err)
	}
}

// A server that stops sending is given up, and one that is merely slow is not.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		body := &slow{ctx: ctx, waits: []time.Duration{50 * time.Second, 50 * time.Second, time.Hour}}
		silent := time.AfterFunc(patience, func() { cancel(errSilent) })
		c := &Content{size: -1, body: body, ctx: ctx, cancel: cancel, silent: silent, came: new(atomic.Int64)}
		began := time.Now()
		text, err := io.ReadAll(c)
		if !errors.Is(err, errSilent) || len(text) != 2 || time.Since(began) != 160*time.Second {
			t.Errorf("after %s: %q, %v", time.Since(began), text, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// slow is a body that sends a byte after each wait, as long as somebody waits for it.
type slow struct {
	ctx   context.Context
	waits []time.Duration
}

func (s *slow) Read(p []byte) (int, error) {
	wait := s.waits[0]
	s.waits = s.waits[1:]
	select {
	case <-time.After(wait):
		return copy(p, "x"), nil
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

func (s *slow) Close() error { return nil }
