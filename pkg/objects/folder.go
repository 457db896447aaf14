package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"strings"
	"time"
)

// store is a bucket. An error wraps fs.ErrNotExist if there is no such object.
type store interface {
	get(ctx context.Context, key, have string) (*Content, error)
	put(ctx context.Context, key, contentType string, r io.Reader) error
	exists(ctx context.Context, key string) (bool, error)
	remove(ctx context.Context, key string) error
	close() error
}

// key is the name of an object in its bucket.
func key(u *url.URL) string { return strings.TrimPrefix(u.Path, "/") }

// Folder is a place in an object store that files are copied to. It may be used by several goroutines.
type Folder struct {
	url   *url.URL
	store store
}

// OpenFolder reads the URL of a place to copy to, such as s3://bucket/prefix, and opens its bucket. Whether anything can be
// written there only Put can tell. Errors are fit for exit code 2.
func OpenFolder(ctx context.Context, raw string) (*Folder, error) {
	u, err := parse(raw)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "https" || u.Scheme == "http" {
		return nil, fmt.Errorf("%s is no place to copy to: give s3://BUCKET/PREFIX, gs:// or azblob://", show(u))
	}
	s, err := openStore(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be opened: %w", show(u), scrub(err))
	}
	return &Folder{u, s}, nil
}

// In gives the folder of that name in f. It is closed with f.
func (f *Folder) In(name string) *Folder {
	u := *f.url
	u.Path, u.RawPath = path.Join("/", f.url.Path, name), ""
	return &Folder{&u, f.store}
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

// Put writes a file whole, or not at all. size is how long it is, which bounds the time that it may take.
func (f *Folder) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, patience+time.Duration(size/slowest)*time.Second)
	defer cancel()
	to, shown := f.at(name)
	if err := f.store.put(ctx, to, contentType(name), r); err != nil {
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
	c, err := f.store.get(ctx, from, "")
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

// Remove removes a file. That there is none is no error, and where the store does not say whether there is one, it is left.
func (f *Folder) Remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	at, shown := f.at(name)
	if there, err := f.store.exists(ctx, at); err != nil || !there {
		return nil // credentials that may write alone are not told
	}
	if err := f.store.remove(ctx, at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s cannot be removed: %w", shown, scrub(err))
	}
	return nil
}

// Close lets go of the bucket.
func (f *Folder) Close() error { return f.store.close() }

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
