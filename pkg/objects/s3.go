package objects

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// openStore opens the store of a URL that parse has read, Amazon's or one that speaks its language, with what the
// environment adds to it. Nothing is asked over the network.
func openStore(u *url.URL, roots *x509.CertPool) (*minio.Core, error) {
	query, err := parameters(u)
	if err != nil {
		return nil, err
	}
	if err := s3utils.CheckValidBucketName(u.Host); err != nil {
		return nil, fmt.Errorf("%s: %w", show(u), err)
	}
	at, err := endpoint(query.Get("endpoint"))
	if err != nil {
		return nil, err
	}
	store, err := minio.NewCore(at.Host, &minio.Options{
		Creds:        credentialsFor(query.Get("profile"), query.Get("anonymous") == "true"),
		Secure:       at.Scheme == "https",
		Transport:    newTransport(roots),
		Region:       region(query.Get("region"), at),
		BucketLookup: lookup(query.Get("path_style"), u.Host, at),
		MaxRetries:   3, // attempts
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", show(u), scrub(err))
	}
	return store, nil
}

// parameters gives the query of a store's URL. None of them is a secret, so such a URL may be shown.
func parameters(u *url.URL) (url.Values, error) {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("%s has parameters that cannot be read", show(u))
	}
	for name := range query {
		switch value := query.Get(name); name {
		case "endpoint", "region", "profile":
		case "anonymous", "path_style":
			if value != "true" && value != "false" {
				return nil, fmt.Errorf("%s: %s is true or false", show(u), name)
			}
		default: // it may be a secret
			return nil, fmt.Errorf("%s has a parameter that is not known: "+
				"there are endpoint, region, path_style, profile and anonymous", show(u))
		}
	}
	return query, nil
}

// endpoint gives the address of the store's service: the URL's, else the environment's, else Amazon's. Refused is one
// at which everybody on the way could read along.
func endpoint(given string) (*url.URL, error) {
	fromEnv := cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	u, err := url.Parse(cmp.Or(given, fromEnv, "https://s3.amazonaws.com"))
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("the store's endpoint is not a URL such as https://s3.example.com")
	case u.User != nil:
		return nil, errors.New("the store's endpoint holds a user name: credentials do not belong into a URL")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u)):
		return nil, fmt.Errorf("the store's endpoint %s is not https (plain http is for loopback alone)", show(u))
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		return nil, fmt.Errorf("the store's endpoint %s has more than a host: the bucket comes before, in s3://BUCKET",
			show(u))
	}
	return u, nil
}

// region gives the region that requests are signed for. Of Amazon's stores the library finds it out; "": leave it to
// that.
func region(given string, at *url.URL) string {
	otherwise := ""
	if !s3utils.IsAmazonEndpoint(*at) {
		otherwise = "us-east-1" // which servers of one's own take unless they were told another
	}
	return cmp.Or(given, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), otherwise)
}

// lookup says where the bucket's name belongs: into the host's, which large stores insist on, or into the path, which
// is all that a server of one's own may know. The library knows it of Amazon's, Google's and Alibaba's.
func lookup(pathStyle, name string, at *url.URL) minio.BucketLookupType {
	tencent := strings.HasSuffix(at.Hostname(), ".myqcloud.com")
	huawei := strings.HasSuffix(at.Hostname(), ".myhuaweicloud.com")
	switch {
	case pathStyle == "true":
		return minio.BucketLookupPath
	case pathStyle == "false", (tencent || huawei) && !strings.Contains(name, "."):
		return minio.BucketLookupDNS
	}
	return minio.BucketLookupAuto
}

var word = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)

// told makes an error of a store's answer. Of its text nothing is shown but words: it may repeat the request,
// signature and all.
func told(err error) error {
	answer := minio.ToErrorResponse(err)
	code := answer.Code
	if !word.MatchString(code) {
		code = http.StatusText(answer.StatusCode)
	}
	switch status := answer.StatusCode; {
	case status == 0:
		return err
	case status == http.StatusNotModified:
		return ErrUnchanged
	case status == http.StatusNotFound:
		return fmt.Errorf("HTTP %d %s: %w", status, code, fs.ErrNotExist)
	case (status == http.StatusMovedPermanently || status == http.StatusBadRequest) && word.MatchString(answer.Region):
		return fmt.Errorf("HTTP %d %s: the bucket's region is %s", status, code, answer.Region)
	default:
		return fmt.Errorf("HTTP %d %s", status, code)
	}
}
