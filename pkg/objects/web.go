package objects

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// newWeb gives what begins to read an object on a web server. It is only ever asked with GET, because a presigned URL
// is signed for one method.
func newWeb(u *url.URL, roots *x509.CertPool) func(ctx context.Context, have string) (*Content, error) {
	c := retryablehttp.NewClient()
	c.Logger = nil // it prints URLs
	c.RetryMax, c.RetryWaitMin, c.RetryWaitMax = 2, 500*time.Millisecond, 2*time.Second
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.HTTPClient = &http.Client{Transport: newTransport(roots), CheckRedirect: checkRedirect}
	return func(ctx context.Context, have string) (*Content, error) {
		req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Accept-Encoding", "identity") // the bytes that the ETag and the length are of
		req.Header.Set("User-Agent", "bulkdelete")
		if have != "" {
			req.Header.Set("If-None-Match", have)
		}
		resp, err := c.Do(req)
		if err != nil {
			return nil, err
		}
		content, err := accept(resp, have)
		if err != nil {
			return nil, errors.Join(err, resp.Body.Close())
		}
		return content, nil
	}
}

// newTransport gives what web servers and stores are spoken to with.
func newTransport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  30 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // the ETag and the length are those of the bytes as they are kept
		DisableKeepAlives:      true, // objects are few, so that nothing has to be closed
	}
}

// checkRedirect follows a server that keeps its objects elsewhere, as many do, but never from https to http, and
// without telling the next server the URL that led there: it may hold a signature.
func checkRedirect(next *http.Request, via []*http.Request) error {
	next.Header.Del("Referer")
	if len(via) > mostRedirects {
		return fmt.Errorf("more than %d redirects", mostRedirects)
	}
	if next.URL.Scheme != "https" && !(loopback(next.URL) && via[0].URL.Scheme == "http") {
		return errors.New("it redirects to what is not https")
	}
	return nil
}

const mostRedirects = 5

// accept takes an answer for the object only if it is whole and new.
func accept(resp *http.Response, have string) (*Content, error) {
	etag := resp.Header.Get("ETag")
	switch code := resp.StatusCode; {
	case have != "" && (code == http.StatusNotModified || code == http.StatusOK && etag == have):
		return nil, ErrUnchanged
	case code == http.StatusNotFound || code == http.StatusGone:
		return nil, fmt.Errorf("HTTP %d: %w", code, fs.ErrNotExist)
	case code != http.StatusOK:
		return nil, fmt.Errorf("HTTP %d %s", code, http.StatusText(code))
	case resp.ContentLength < 0 && resp.ProtoMajor < 2 && !slices.Contains(resp.TransferEncoding, "chunked"):
		return nil, errors.New("the server does not say where the object ends, so that one which is cut off would look whole")
	}
	return &Content{ETag: etag, size: resp.ContentLength, body: resp.Body}, nil
}
