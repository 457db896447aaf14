//go:build blob

package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"

	gcs "cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	azureBlob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	"gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/s3blob" // s3://
	"gocloud.dev/gcerrors"
	"gocloud.dev/gcp"
)

// stores says whether this build can use object stores.
const stores = true

// openStore opens the bucket of a URL that parse has read.
func openStore(ctx context.Context, u *url.URL) (store, error) {
	bucket, err := openBucket(ctx, u)
	if err != nil {
		return nil, err
	}
	if err := checkEndpoint(endpoint(bucket)); err != nil {
		return nil, errors.Join(err, bucket.Close())
	}
	return &blobStore{bucket}, nil
}

func openBucket(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	if u.Scheme == "gs" {
		return openGoogle(ctx, u)
	}
	return blob.OpenBucket(ctx, (&url.URL{Scheme: u.Scheme, Host: u.Host, RawQuery: u.RawQuery}).String())
}

// openGoogle does what the URL's own opener does, which writes its warnings to standard output, and whose client would try a
// server that is out of reach for ever.
func openGoogle(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	client, err := googleClient(ctx, u)
	if err != nil {
		return nil, err
	}
	bucket, err := gcsblob.OpenBucket(ctx, client, u.Host, nil)
	if err != nil {
		return nil, err
	}
	var c *gcs.Client
	if bucket.As(&c) {
		c.SetRetry(gcs.WithMaxAttempts(3))
	}
	return bucket, nil
}

func googleClient(ctx context.Context, u *url.URL) (*gcp.HTTPClient, error) {
	if u.Query().Get("anonymous") == "true" || emulator() != "" {
		return gcp.NewAnonymousHTTPClient(gcp.DefaultTransport()), nil
	}
	credentials, err := gcp.DefaultCredentials(ctx)
	if err != nil {
		return nil, err
	}
	return gcp.NewHTTPClient(gcp.DefaultTransport(), gcp.CredentialsTokenSource(credentials))
}

func emulator() string { return os.Getenv("STORAGE_EMULATOR_HOST") }

// endpoint gives the address of the bucket's service where the environment or the URL chose it; "": the store's own.
func endpoint(bucket *blob.Bucket) string {
	var amazon *s3.Client
	var azure *container.Client
	switch {
	case bucket.As(&amazon):
		if at := amazon.Options().BaseEndpoint; at != nil {
			return *at
		}
	case bucket.As(&azure):
		u, err := url.Parse(azure.URL()) // with a query that is a secret
		if err != nil {
			return "unreadable"
		}
		return show(u)
	case emulator() != "":
		u, err := url.Parse(emulator())
		if err != nil || u.Host == "" {
			return "http://" + emulator()
		}
		return show(u)
	}
	return ""
}

// blobStore is a bucket of any of the three stores.
type blobStore struct{ bucket *blob.Bucket }

func (s *blobStore) get(ctx context.Context, key, have string) (*Content, error) {
	is, err := s.bucket.Attributes(ctx, key)
	if err != nil {
		return nil, told(err)
	}
	if have != "" && is.ETag == have {
		return nil, ErrUnchanged
	}
	r, err := s.bucket.NewReader(ctx, key, &blob.ReaderOptions{BeforeRead: onlyIf(is)})
	if err != nil {
		return nil, told(err)
	}
	if r.Size() != is.Size {
		return nil, errors.Join(fmt.Errorf("it had %d bytes and has %d now: it is being written", is.Size, r.Size()), r.Close())
	}
	return &Content{ETag: is.ETag, Size: is.Size, body: r}, nil
}

// onlyIf has the store refuse to give another version of the object than the one whose ETag is going to be recorded.
func onlyIf(is *blob.Attributes) func(as func(any) bool) error {
	return func(as func(any) bool) error {
		var amazon *s3.GetObjectInput
		var azure *azblob.DownloadStreamOptions
		var google **gcs.ObjectHandle
		switch {
		case as(&amazon):
			if is.ETag != "" {
				amazon.IfMatch = &is.ETag
			}
			quiet(as)
		case as(&azure):
			etag := azcore.ETag(is.ETag)
			azure.AccessConditions = &azureBlob.AccessConditions{ModifiedAccessConditions: &azureBlob.ModifiedAccessConditions{IfMatch: &etag}}
		case as(&google):
			var attrs gcs.ObjectAttrs
			if !is.As(&attrs) {
				return errors.New("the object's generation is not known")
			}
			*google = (*google).If(gcs.Conditions{GenerationMatch: attrs.Generation}).ReadCompressed(true)
		default:
			return errors.New("the object cannot be held to the version that was asked about")
		}
		return nil
	}
}

// quiet keeps the S3 library from writing to standard error, between log lines, that an object was stored without a checksum.
func quiet(as func(any) bool) {
	var options *[]func(*s3.Options)
	if as(&options) {
		*options = append(*options, func(o *s3.Options) { o.DisableLogOutputChecksumValidationSkipped = true })
	}
}

func (s *blobStore) put(ctx context.Context, key, contentType string, r io.Reader) error {
	return told(s.bucket.Upload(ctx, key, r, &blob.WriterOptions{ContentType: contentType}))
}

func (s *blobStore) exists(ctx context.Context, key string) (bool, error) {
	there, err := s.bucket.Exists(ctx, key)
	return there, told(err)
}

func (s *blobStore) remove(ctx context.Context, key string) error {
	return told(s.bucket.Delete(ctx, key))
}

func (s *blobStore) close() error { return s.bucket.Close() }

// told gives fs.ErrNotExist its place in the error of a store.
func told(err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}
