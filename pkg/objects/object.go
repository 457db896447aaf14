package objects

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync/atomic"
	"time"

	"bulkdelete/internal/text"
)

// ErrUnchanged says that the object still has the ETag that was asked about.
var ErrUnchanged = errors.New("the object has not changed")

// Object is a file on a web server or in an object store. It may be used by several goroutines.
type Object struct {
	url  *url.URL
	open func(ctx context.Context, have string) (*Content, error)
	came atomic.Int64
}

// Came is how many bytes have come so far.
func (o *Object) Came() int { return int(o.came.Load()) }

// New reads an object's URL. roots are the certificates to trust; nil: the system's. Nothing is asked over the
// network. Errors are fit for exit code 2.
func New(raw string, roots *x509.CertPool) (*Object, error) {
	u, err := parse(raw)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "s3" {
		return &Object{url: u, open: newWeb(u, roots)}, nil
	}
	if lastElement(u) == "" {
		return nil, fmt.Errorf("%s names no object: give s3://BUCKET/KEY", show(u))
	}
	f, err := OpenFolder(raw, roots)
	if err != nil {
		return nil, err
	}
	return &Object{url: u, open: f.get}, nil
}

// String gives the URL without its query.
func (o *Object) String() string { return show(o.url) }

// Name gives the last element of the URL's path; "" if it has none.
func (o *Object) Name() string { return lastElement(o.url) }

// Presigned says whether the URL holds what may be a secret: a query on a web server. A store's parameters are none.
func (o *Object) Presigned() bool { return o.url.Scheme != "s3" && o.url.RawQuery != "" }

// Content is what an object held when it was opened. It is read by one goroutine, and closed.
type Content struct {
	ETag string // "": the server gives none that can be shown

	size   int64 // in bytes; -1: not known beforehand
	body   io.ReadCloser
	read   int64
	came   *atomic.Int64 // of the object
	silent *time.Timer
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// Open begins to read the object. Where have is not "" and the object still has that ETag, nothing is transferred and
// the error is ErrUnchanged. It wraps fs.ErrNotExist if there is no such object.
func (o *Object) Open(ctx context.Context, have string) (*Content, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	silent := time.AfterFunc(patience, func() { cancel(errSilent) }) // a library may try again for ever
	c, err := o.open(ctx, have)
	if err != nil {
		silent.Stop()
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		return nil, fmt.Errorf("%s: %w", o, scrub(err))
	}
	if text.Clean(c.ETag) != c.ETag || len(c.ETag) > mostETag {
		c.ETag = "" // as if there were none
	}
	c.ctx, c.cancel, c.silent, c.came = ctx, cancel, silent, &o.came
	return c, nil
}

// patience is how long a server may take to answer, and be silent in the middle.
const patience = time.Minute

const mostETag = 1 << 10 // bytes

var errSilent = fmt.Errorf("the server sent nothing for %s", patience)

// Read reads on. The end comes as io.EOF only if all of the object has been read.
func (c *Content) Read(p []byte) (int, error) {
	c.silent.Reset(patience)
	n, err := c.body.Read(p)
	c.silent.Stop()
	c.read += int64(n)
	c.came.Add(int64(n))
	switch {
	case err == nil:
		return n, nil
	case context.Cause(c.ctx) != nil:
		return n, context.Cause(c.ctx)
	case err != io.EOF:
		return n, fmt.Errorf("cut off after %d of %d bytes: %w", c.read, c.size, scrub(err))
	case c.size >= 0 && c.read != c.size:
		return n, fmt.Errorf("cut off after %d of %d bytes: %w", c.read, c.size, io.ErrUnexpectedEOF)
	}
	return n, io.EOF
}

// Close ends the transfer.
func (c *Content) Close() error {
	c.silent.Stop()
	defer c.cancel(nil)
	return c.body.Close()
}
