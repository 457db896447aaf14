package objects

import (
	"cmp"
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

	"github.com/minio/minio-go/v7"
)

// Folder is a place in an object store that files are copied to. It may be used by several goroutines.
type Folder struct {
	url   *url.URL
	store *minio.Core
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
	store, err := openStore(u, roots)
	if err != nil {
		return nil, err
	}
	return &Folder{u, store}, nil
}

// In gives the folder of that name in f.
func (f *Folder) In(name string) *Folder {
	u := *f.url
	u.Path, u.RawPath = path.Join("/", f.url.Path, name), ""
	return &Folder{&u, f.store}
}

// key is the name in its bucket.
func (f *Folder) key() string { return strings.TrimPrefix(f.url.Path, "/") }

// String gives the URL without its query.
func (f *Folder) String() string { return show(f.url) }

// Given gives the URL with its parameters, none of which is a secret.
func (f *Folder) Given() string { return f.url.String() }

// Put writes a file whole, or not at all. size is how long it is, which also bounds the time that it may take. Of one
// that is longer than 16 MiB so much is held in memory at a time.
func (f *Folder) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, patience+time.Duration(size/slowest)*time.Second)
	defer cancel()
	to := f.In(name)
	_, err := f.store.Client.PutObject(ctx, f.url.Host, to.key(), r, size, minio.PutObjectOptions{
		ContentType: cmp.Or(contentTypes[path.Ext(name)], "application/octet-stream"),
		// Every store knows this checksum, and a bucket that lets nobody change its objects takes none without.
		SendContentMd5: true,
		// The other one would cover what TLS covers, in a form that only some stores know.
		DisableContentSha256: true,
	})
	return wrap(to, "written", told(err))
}

const slowest = 64 << 10 // bytes a second

var contentTypes = map[string]string{
	".csv": "text/csv; charset=utf-8", ".html": "text/html; charset=utf-8", ".json": "application/json",
	".zst": "application/zstd",
}

// Read reads a file of up to most bytes. The error wraps fs.ErrNotExist if there is none.
func (f *Folder) Read(ctx context.Context, name string, most int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	from := f.In(name)
	c, err := from.get(ctx, "")
	if err != nil {
		return nil, wrap(from, "read", err)
	}
	defer c.body.Close()
	text, err := io.ReadAll(io.LimitReader(c.body, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	return text, wrap(from, "read", err)
}

// Remove removes a file. That there is none is no error, and where the store does not say whether there is one, as to
// credentials that may write alone, it is left.
func (f *Folder) Remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	at := f.In(name)
	if _, err := f.store.StatObject(ctx, f.url.Host, at.key(), minio.StatObjectOptions{}); err != nil {
		return nil
	}
	err := told(f.store.RemoveObject(ctx, f.url.Host, at.key(), minio.RemoveObjectOptions{}))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return wrap(at, "removed", err)
}

// get begins to read the file that f is the URL of. One answer brings both its bytes and their ETag, so that these
// cannot be of two versions.
func (f *Folder) get(ctx context.Context, have string) (*Content, error) {
	var opts minio.GetObjectOptions
	if have != "" {
		opts.Set("If-None-Match", have)
	}
	body, info, header, err := f.store.GetObject(ctx, f.url.Host, f.key(), opts)
	if err != nil {
		return nil, told(err)
	}
	etag := header.Get("ETag")
	switch {
	case have != "" && etag == have:
		return nil, errors.Join(ErrUnchanged, body.Close())
	case info.Size < 0:
		return nil, errors.Join(errors.New("the store does not say how long the object is"), body.Close())
	}
	return &Content{ETag: etag, size: info.Size, body: body}, nil
}

// wrap says what could not be done with a file, if there is an error.
func wrap(file *Folder, done string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s cannot be %s: %w", file, done, scrub(err))
}
