package objects

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
)

const secretKey = "SECRET-key-of-the-object-store"

// environment has nothing in it that would lead to a store, nor to its credentials.
func environment(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"ACCESS_KEY_ID", "ACCESS_KEY", "SECRET_ACCESS_KEY", "SECRET_KEY", "SESSION_TOKEN", "PROFILE", "REGION",
		"DEFAULT_REGION", "ENDPOINT_URL", "ENDPOINT_URL_S3", "WEB_IDENTITY_TOKEN_FILE", "EC2_METADATA_SERVICE_ENDPOINT",
		"CONTAINER_CREDENTIALS_RELATIVE_URI", "CONTAINER_CREDENTIALS_FULL_URI",
	} {
		t.Setenv("AWS_"+name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "credentials"))
}

// storeServer has the environment lead to a server that answers with h.
func storeServer(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	environment(t)
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	t.Setenv("AWS_ENDPOINT_URL_S3", s.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	return s
}

func folder(t *testing.T, raw string) *Folder {
	t.Helper()
	f, err := OpenFolder(raw, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// give answers with an object, as a store does.
func give(w http.ResponseWriter, etag, text string) {
	w.Header().Set("ETag", etag)
	w.Header().Set("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
	io.WriteString(w, text)
}

// What cannot be reached or understood is refused before anything is sent.
func TestRefusedStores(t *testing.T) {
	environment(t)
	for raw, want := range map[string]string{
		"s3://people/users.csv?endpoint=http://192.0.2.1":              "http://192.0.2.1 is not https",
		"s3://people/users.csv?endpoint=https://example.com/people":    "has more than a host",
		"s3://people/users.csv?endpoint=example.com":                   "is not a URL",
		"s3://people/users.csv?anonymous=yes":                          "anonymous is true or false",
		"s3://people/users.csv?key=" + secretKey:                       "not known: there are endpoint, region",
		"s3://p/users.csv":                                             "Bucket name cannot be shorter",
		"s3://people/":                                                 "names no object",
		"gs://people/users.csv?key=" + secretKey:                       "gs:// can be neither read nor written",
		"azblob://people/users.csv?key=" + secretKey:                   "docs/objects.md has the way for each cloud",
		"s3://people/users.csv?endpoint=https://u:" + secretKey + "@h": "holds a user name",
	} {
		_, err := New(raw, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secretKey) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	t.Setenv("AWS_ENDPOINT_URL", "http://192.0.2.1")
	_, err := OpenFolder("s3://people", nil)
	if err == nil || !strings.Contains(err.Error(), "http://192.0.2.1 is not https") {
		t.Errorf("an endpoint of the environment's: %v", err)
	}
}

// Where a bucket is: what the URL says is stronger than the environment.
func TestEndpoints(t *testing.T) {
	environment(t)
	const oss, cos = "https://s3.oss-cn-hangzhou.aliyuncs.com", "https://cos.ap-guangzhou.myqcloud.com"
	const obs = "https://obs.cn-north-4.myhuaweicloud.com"
	for _, c := range []struct {
		query, env, endpoint string
		lookup               minio.BucketLookupType
	}{
		{"", "", "https://s3.amazonaws.com", minio.BucketLookupAuto},
		{"", oss, oss, minio.BucketLookupAuto},
		{"endpoint=" + cos, oss, cos, minio.BucketLookupDNS},
		{"endpoint=" + cos + "&path_style=true", "", cos, minio.BucketLookupPath},
		{"endpoint=" + obs + "/", "", obs, minio.BucketLookupDNS},
		{"endpoint=http://127.0.0.1:9000", "", "http://127.0.0.1:9000", minio.BucketLookupAuto},
		{"path_style=false", "http://localhost:9000", "http://localhost:9000", minio.BucketLookupDNS},
	} {
		t.Setenv("AWS_ENDPOINT_URL_S3", c.env)
		f := folder(t, "s3://people?"+c.query)
		at := f.store.EndpointURL()
		query := f.url.Query()
		if at.String() != c.endpoint || lookup(query.Get("path_style"), "people", at) != c.lookup {
			t.Errorf("%+v is at %s", c, at)
		}
		if got, want := region("", at) == "", c.endpoint == "https://s3.amazonaws.com"; got != want {
			t.Errorf("the region of %s is asked for: %v", at, got)
		}
	}
}

// Whatever a store writes into its answer, and wherever it points to: nobody is told, and nobody else is asked.
func TestStoreThatRefuses(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a redirect to %s is followed", r.URL)
	}))
	defer elsewhere.Close()
	status, code := 0, ""
	storeServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", elsewhere.URL+r.URL.Path)
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s of %s</Message><Region>eu-west-1</Region></Error>",
			code, r.Header.Get("Authorization"), r.URL)
	})
	o := object(t, "s3://people/in/users.csv?region=us-east-1", nil)
	for _, c := range []struct {
		status           int
		code, want       string
		missing, current bool
	}{
		{403, "AccessDenied", "s3://people/in/users.csv: HTTP 403 AccessDenied", false, false},
		{403, "Signature " + secretKey, "HTTP 403 Forbidden", false, false},
		{404, "NoSuchBucket", "HTTP 404 NoSuchBucket: file does not exist", true, false},
		{307, "TemporaryRedirect", "HTTP 307 TemporaryRedirect", false, false},
		{301, "PermanentRedirect", "the bucket's region is eu-west-1", false, false},
		{400, "AuthorizationHeaderMalformed", "the bucket's region is eu-west-1", false, false},
		{502, "", "HTTP 502 Bad Gateway", false, false},
		{304, "", "", false, true},
	} {
		status, code = c.status, c.code
		_, err := o.Open(t.Context(), "")
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, fs.ErrNotExist) != c.missing ||
			errors.Is(err, ErrUnchanged) != c.current {
			t.Errorf("%d %s gives %v", c.status, c.code, err)
		}
		if strings.Contains(err.Error(), "AWS4") || strings.Contains(err.Error(), secretKey) {
			t.Errorf("the answer is repeated: %v", err)
		}
	}
}

// Errors of the connection name the object, and nothing of what was asked with.
func TestStoreOutOfReach(t *testing.T) {
	storeServer(t, nil).Close()
	err := folder(t, "s3://people/proofs").Put(t.Context(), "all/run.json", strings.NewReader("{}"), 2)
	const want = "s3://people/proofs/all/run.json cannot be written"
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("out of reach: %v", err)
	}
	if strings.Contains(err.Error(), secretKey) || strings.Contains(err.Error(), "?") {
		t.Errorf("a secret: %v", err)
	}
}

func TestStoreCertificatesAreVerified(t *testing.T) {
	environment(t)
	_, s := serve(t, "/", func(w http.ResponseWriter, r *http.Request) { give(w, `"1"`, "userId\n") })
	raw := "s3://people/users.csv?anonymous=true&endpoint=" + s.URL
	if text, err := read(t, object(t, raw, s.Certificate()), ""); err != nil || text != "userId\n" {
		t.Errorf("read %q, %v", text, err)
	}
	if _, err := read(t, object(t, raw, nil), ""); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("read without trust: %v", err)
	}
}

// An object is asked for once, whether or not the store knows If-None-Match.
func TestStoreUnchanged(t *testing.T) {
	asked, spared, knows := 0, 0, true
	storeServer(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		if knows && r.Header.Get("If-None-Match") == `"1"` {
			spared++
			w.WriteHeader(http.StatusNotModified)
			return
		}
		give(w, `"1"`, "userId\n")
	})
	o := object(t, "s3://people/in/users.csv", nil)
	for range 2 {
		if _, err := o.Open(t.Context(), `"1"`); !errors.Is(err, ErrUnchanged) {
			t.Errorf("an object that is the same gives %v", err)
		}
		knows = false
	}
	if text, err := read(t, o, `"0"`); err != nil || text != "userId\n" || asked != 3 || spared != 1 {
		t.Errorf("read %q, %v after %d requests, %d of them without an object", text, err, asked, spared)
	}
}

// uploads is a store that takes objects in parts, and holds each against its checksum.
type uploads struct {
	t     *testing.T
	parts int
	bytes int64
	whole bool
}

func (u *uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch query := r.URL.Query(); {
	case r.Method == http.MethodPost && query.Has("uploads"):
		io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
	case r.Method == http.MethodPut:
		sum := md5.New()
		n, err := io.Copy(sum, r.Body)
		if got := base64.StdEncoding.EncodeToString(sum.Sum(nil)); err != nil || r.Header.Get("Content-Md5") != got {
			u.t.Errorf("a part whose checksum is %q, want %q: %v", r.Header.Get("Content-Md5"), got, err)
		}
		u.parts, u.bytes, u.whole = u.parts+1, u.bytes+n, !query.Has("partNumber")
		w.Header().Set("ETag", `"part"`)
	case r.Method == http.MethodPost:
		u.whole = true
		io.WriteString(w, "<CompleteMultipartUploadResult><Bucket>people</Bucket></CompleteMultipartUploadResult>")
	}
}

// A large file is copied in parts, each with its checksum, and takes up one part's memory.
func TestPutLargeFile(t *testing.T) {
	u := &uploads{t: t}
	storeServer(t, u.ServeHTTP)
	f, err := os.Create(filepath.Join(t.TempDir(), "audit.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 100 << 20
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	to := folder(t, "s3://people/proofs")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := to.Put(t.Context(), "audit.csv", f, size); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if u.parts != 7 || u.bytes != size || !u.whole {
		t.Errorf("%d parts of %d bytes, whole: %v", u.parts, u.bytes, u.whole)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 24<<20 {
		t.Errorf("copying took %d bytes of memory", used)
	}
	*u = uploads{t: t}
	small := bytes.Repeat([]byte("x"), 1<<20)
	if err := to.Put(t.Context(), "run.json", bytes.NewReader(small), 1<<20); err != nil || u.parts != 1 || !u.whole {
		t.Errorf("a small file has %d parts: %v", u.parts, err)
	}
}

// A file that became shorter while it was copied is no whole object.
func TestPutOfFileThatShrank(t *testing.T) {
	storeServer(t, func(w http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); err == nil && r.Method == http.MethodPut {
			t.Errorf("%d bytes are taken for the whole", n)
		}
	})
	if err := folder(t, "s3://people").Put(t.Context(), "audit.csv", strings.NewReader("four"), 5); err == nil {
		t.Error("written")
	}
}
