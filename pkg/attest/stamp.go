package attest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
)

// Authority is a time-stamping server, which speaks RFC 3161 over HTTP. It may be used by any number of goroutines.
type Authority struct {
	url    *url.URL
	client *http.Client
}

// NewAuthority takes an http or https URL; its answers are signed, so the former does as well. roots may be nil.
func NewAuthority(given string, roots *x509.CertPool) (*Authority, error) {
	u, err := url.Parse(given)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("give the URL of a time-stamping server, such as https://tsa.example.com")
	}
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots},
		DisableKeepAlives: true}
	return &Authority{u, &http.Client{Transport: t, Timeout: 30 * time.Second}}, nil
}

// Stamp asks for a timestamp of a text and gives the server's response, as openssl ts -verify -in takes it.
func (a *Authority) Stamp(ctx context.Context, text []byte) ([]byte, error) {
	response, err := a.ask(ctx, text)
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // the URL may hold a password
	}
	if err != nil {
		return nil, fmt.Errorf("the time-stamping server %s: %w", a.url.Host, err)
	}
	return response, nil
}

func (a *Authority) ask(ctx context.Context, text []byte) ([]byte, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, err
	}
	options := timestamp.RequestOptions{Hash: crypto.SHA256, Certificates: true, Nonce: nonce}
	query, err := timestamp.CreateRequest(bytes.NewReader(text), &options)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url.String(), bytes.NewReader(query))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/timestamp-query")
	answer, err := a.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", answer.Status)
	}
	response, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	stamp, err := parseStamp(text, response)
	if err == nil && (stamp.Nonce == nil || stamp.Nonce.Cmp(nonce) != 0) {
		err = errors.New("it answers another question")
	}
	return response, err
}

// IsStamp says why a response is not a timestamp of a text, whoever made it; nil: it is.
func IsStamp(text, response []byte) error {
	_, err := parseStamp(text, response)
	return err
}

func parseStamp(text, response []byte) (*timestamp.Timestamp, error) {
	stamp, err := timestamp.ParseResponse(response)
	switch {
	case err != nil:
		return nil, fmt.Errorf("it is no timestamp: %w", err)
	case stamp.HashAlgorithm == crypto.SHA1 || !stamp.HashAlgorithm.Available():
		return nil, fmt.Errorf("it is over a hash by %s", stamp.HashAlgorithm)
	}
	h := stamp.HashAlgorithm.New()
	h.Write(text)
	if !bytes.Equal(h.Sum(nil), stamp.HashedMessage) {
		return nil, errors.New("it is not the timestamp of this")
	}
	return stamp, nil
}

// Authorities are certificates that a timestamp's has to lead to: roots, and others on the way.
type Authorities struct{ roots, between *x509.CertPool }

// ReadAuthorities reads certificates in PEM form.
func ReadAuthorities(file string) (*Authorities, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	a, roots := &Authorities{x509.NewCertPool(), x509.NewCertPool()}, 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if bytes.Equal(c.RawIssuer, c.RawSubject) {
			a.roots.AddCert(c)
			roots++
		}
		a.between.AddCert(c)
	}
	if roots == 0 {
		return nil, fmt.Errorf("%s holds no root certificate in PEM form", file)
	}
	return a, nil
}

// Verify gives the time when a text was there, which the authorities vouch for, as openssl ts -verify does. The
// certificates have to have been valid then.
func (a *Authorities) Verify(text, response []byte) (time.Time, error) {
	stamp, err := parseStamp(text, response)
	if err != nil {
		return time.Time{}, err
	}
	signed, err := pkcs7.Parse(stamp.RawToken)
	if err != nil {
		return time.Time{}, err
	}
	by := signed.GetOnlySigner()
	if by == nil {
		return time.Time{}, errors.New("the certificate of who made it is not in it")
	}
	between := a.between.Clone()
	for _, c := range signed.Certificates {
		between.AddCert(c)
	}
	if err := signed.VerifyWithOpts(x509.VerifyOptions{Roots: a.roots, Intermediates: between, CurrentTime: stamp.Time,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}}); err != nil {
		return time.Time{}, fmt.Errorf("the certificate of %s: %w", by.Subject, err)
	}
	if !onlyStamps(by) {
		return time.Time{}, fmt.Errorf("the certificate of %s is not for timestamps alone", by.Subject)
	}
	return stamp.Time, nil
}

// onlyStamps says whether a certificate is for timestamps and nothing else, critically, as RFC 3161 asks.
func onlyStamps(c *x509.Certificate) bool {
	usage := asn1.ObjectIdentifier{2, 5, 29, 37}
	for _, e := range c.Extensions {
		if e.Id.Equal(usage) {
			alone := slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping})
			return e.Critical && alone && len(c.UnknownExtKeyUsage) == 0
		}
	}
	return false
}
