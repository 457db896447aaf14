package objects

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"strings"
	"time"
)

// key is the name of an object in its bucket.
func key(u *url.URL) string { return strings.TrimPrefix(u.Path, "/") }

// Folder is a place in an object store that files are copied to. It may be used by several goroutines.
type Folder struct {
	url    *url.URL
	bucket *bucket
}

// OpenFolder reads the URL of a place to copy to, such as s3://bucket/prefix. roots are the certificates to trust;
// nil: the system's. Nothing is asked over the network: whether anything can be written there only Put can tell.
// Errors are fit for exit code 2.
func OpenFolder(raw string, roots *x509.CertPool) (*Folder, error) {
	u, err := parse(raw)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "s3" {
		return nil, fmt.Errorf("%s is no place to copy to: give s3://BUCKET/PREFIX", show(u))
	}
	b, err := openBucket(u, roots)
	if err != nil {
		return nil, err
	}
	return &Folder{u, b}, nil
}

// In gives the folder of that name in f.
func (f *Folder) In(name string) *Folder {
	u := *f.url
	u.Path, u.RawPath = path.Join("/", f.url.Path, name), ""
	return &Folder{&u, f.bucket}
}

// String gives the URL without its query.
func (f *Folder) String() string { return show(f.url) }

// Given gives the URL with its parameters, none of which is a secret.
func (f *Folder) Given() string { return f.url.String() }

// at gives a file's key and, for errors, its URL.
func (f *Folder) at(name string) (string, string) {
	u := f.In(name).url
	return key(u), show(u)
}

// Put writes a file whole, or not at all. size is how long it is, which also bounds the time that it may take.
func (f *Folder) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, patience+time.Duration(size/slowest)*time.Second)
	defer cancel()
	to, shown := f.at(name)
	if err := f.bucket.put(ctx, to, contentType(name), r, size); err != nil {
		return fmt.Errorf("%s cannot be written: %w", shown, scrub(err))
	}
	return nil
}

const slowest = 64 << 10 // bytes a second

// Read reads a file of up to most bytes. The error wraps fs.ErrNotExist if there is none.
func (f *Folder) Read(ctx context.Context, name string, most int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	from, shown := f.at(name)
	c, err := f.bucket.get(ctx, from, "")
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", shown, scrub(err))
	}
	defer c.body.Close()
	text, err := io.ReadAll(io.LimitReader(c.body, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", shown, scrub(err))
	}
	return text, nil
}

// Remove removes a file. That there is none is no error, and where the store does not say whether there is one, it is
// left.
func (f *Folder) Remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	at, shown := f.at(name)
	if err := f.bucket.remove(ctx, at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s cannot be removed: %w", shown, scrub(err))
	}
	return nil
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".csv":
		return "text/csv; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".json":
		return "application/json"
	case ".zst":
		return "application/zstd"
	}
	return "application/octet-stream"
}
