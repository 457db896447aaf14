package objects

import (
	"cmp"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// credentialsFor gives the credentials for a store where Amazon's tools look for them, in their order.
func credentialsFor(profile string, anonymous bool) *credentials.Credentials {
	file := &credentials.FileAWSCredentials{Profile: profile}
	switch {
	case anonymous:
		return credentials.NewStatic("", "", "", credentials.SignatureAnonymous)
	case profile != "":
		return credentials.New(&chain{providers: []credentials.Provider{file}})
	}
	return credentials.New(&chain{providers: append([]credentials.Provider{&credentials.EnvAWS{}, file}, role()...)})
}

// role gives the credentials of the role that a machine, a container or a pod runs as, if anybody is to be asked.
func role() []credentials.Provider {
	transport := newTransport(nil)
	transport.Proxy = proxyForHTTPS
	transport.DialContext = (&net.Dialer{Timeout: 2 * time.Second}).DialContext
	iam := &credentials.IAM{Client: &http.Client{
		Timeout:       10 * time.Second,
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	switch {
	case cmp.Or(os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"), os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
		os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")) != "":
	case os.Getenv("AWS_EC2_METADATA_DISABLED") == "true":
		return nil
	default:
		iam.Client.Timeout = 2 * time.Second // outside of a cloud nobody answers, and connections may lead nowhere
		iam.Endpoint = strings.TrimSuffix(os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"), "/")
	}
	return []credentials.Provider{iam}
}

// proxyForHTTPS keeps the machine's own service, which is asked by http and answers with secrets, away from proxies.
func proxyForHTTPS(r *http.Request) (*url.URL, error) {
	if r.URL.Scheme != "https" {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}

// chain asks one source of credentials after the other. The library's own goes on without any if none has them, and
// the store's answer to that is no help.
type chain struct {
	providers []credentials.Provider
	used      credentials.Provider
}

func (c *chain) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	text := "there are no credentials for the store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, " +
		"or append ?anonymous=true where none are needed"
	for _, p := range c.providers {
		v, err := p.RetrieveWithCredContext(cc)
		if err == nil && v.AccessKeyID != "" && v.SecretAccessKey != "" {
			c.used = p
			return v, nil
		}
		if err != nil { // not wrapped: that a file of credentials does not exist says nothing about the object
			text += "; " + err.Error()
		}
	}
	return credentials.Value{}, errors.New(text)
}

func (c *chain) Retrieve() (credentials.Value, error) { return c.RetrieveWithCredContext(nil) }

func (c *chain) IsExpired() bool { return c.used == nil || c.used.IsExpired() }
