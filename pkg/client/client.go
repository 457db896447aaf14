package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
)

// Config says how to reach the API and how hard. Host and the access key have to be given; all else may be left out.
type Config struct {
	Host            string                         // API root, such as https://api.genauth.ai; http for loopback alone
	Auth            string                         // token (default) or signature
	Dialect         string                         // of signatures: authing (default) or genauth
	AccessKeyID     string                         //
	AccessKeySecret Secret                         //
	TenantID        string                         // "": none
	UserPool        string                         // the pool's ID; "": what the token says
	RootCAs         *x509.CertPool                 // nil: the system's
	Rate            Rate                           // attempts a second at the most; the zero value: 20
	Workers         int                            // calls in flight; as many connections are kept; 0: 16
	Retries         int                            // further attempts at a call that failed for a passing reason
	Timeout         time.Duration                  // of one attempt, to the last byte read; 0: 30 seconds
	Version         string                         // of the program, for the API's logs; "": devel
	Transport       http.RoundTripper              // nil: net/http's
	Observe         func(context.Context, Attempt) // of each attempt, by several goroutines, with the call's context
}

// withDefaults fills in what was left out.
func (cfg Config) withDefaults() Config {
	cfg.Auth, cfg.Dialect = cmp.Or(cfg.Auth, "token"), cmp.Or(cfg.Dialect, "authing")
	if cfg.Workers = cmp.Or(cfg.Workers, 16); cfg.Rate.turns == nil {
		cfg.Rate = PerSecond(20)
	}
	cfg.Timeout, cfg.Version = cmp.Or(cfg.Timeout, 30*time.Second), cmp.Or(cfg.Version, "devel")
	return cfg
}

func (cfg Config) check() error {
	switch {
	case cfg.AccessKeyID == "" || cfg.AccessKeySecret == "":
		return errors.New("there is no access key: give its ID and its secret")
	case cfg.Auth != "token" && cfg.Auth != "signature":
		return fmt.Errorf("there is no authorization %q: give token or signature", cfg.Auth)
	case cfg.Dialect != "authing" && cfg.Dialect != "genauth":
		return fmt.Errorf("there is no signature dialect %q: give authing or genauth", cfg.Dialect)
	case cfg.Workers < 0:
		return fmt.Errorf("%d workers: give 1 or more", cfg.Workers)
	case cfg.Retries < 0:
		return fmt.Errorf("%d retries: give 0 or more", cfg.Retries)
	case cfg.Timeout < 0:
		return fmt.Errorf("a timeout of %s: give a time above 0", cfg.Timeout)
	}
	if err := cfg.Rate.check(); err != nil {
		return err
	}
	headers := map[string]string{"access key's ID": cfg.AccessKeyID, "tenant's ID": cfg.TenantID,
		"user pool's ID": cfg.UserPool, "version": cfg.Version}
	for name, value := range headers {
		if strings.ContainsFunc(value, unicode.IsControl) {
			return fmt.Errorf("the %s holds a control character, which no header may", name)
		}
	}
	return nil
}

// Client calls the GenAuth management API. It may be used by any number of goroutines, which share its pace, its token
// and its connections.
type Client struct {
	cfg      Config
	root     *url.URL
	header   http.Header  // of every attempt
	tokens   *tokens      // nil: each attempt is signed
	worked   sync.Map     // the tokens that were accepted at least once
	clockOff atomic.Int64 // of the server's clock from this machine's in ns, once it has complained
	pace     *pacer
	inFlight atomic.Int64
	heard    atomic.Bool // an answer has come, so that the host is one
	controls sync.Map    // by ID type: the user who was found last when a reading needed a control
}

// New checks the configuration and makes a client. It sends nothing.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	root, err := parseHost(cfg.Host)
	if err != nil {
		return nil, err
	}
	if cfg.Transport == nil {
		cfg.Transport = newTransport(cfg)
	}
	c := &Client{cfg: cfg, root: root, header: newHeader(cfg), pace: newPacer(cfg.Rate)}
	if cfg.Auth == "token" {
		c.tokens = &tokens{client: c, turn: make(chan struct{}, 1)}
	}
	return c, nil
}

func parseHost(host string) (*url.URL, error) {
	if strings.ContainsAny(host, "@?#") { // a password or a token may be in there: nothing of it is shown
		return nil, errors.New("the host has a user, a query or a fragment: give one such as https://api.genauth.ai")
	}
	u, err := url.Parse(host)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the host %q is not the root of an API: give one such as https://api.genauth.ai", host)
	}
	ip := net.ParseIP(u.Hostname())
	loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback) {
		return nil, fmt.Errorf(
			"the host %q is not https: access keys would be readable on the way (http is for loopback alone)", host)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

// newHeader makes the headers that say who calls.
func newHeader(cfg Config) http.Header {
	h := http.Header{}
	h.Set("Accept", "application/json")
	h.Set("User-Agent", "bulkdelete/"+cfg.Version)
	prefix := headerPrefix(cfg)
	h.Set(prefix+"sdk-version", "bulkdelete:"+cfg.Version)
	h.Set(prefix+"lang", "en-US")
	if cfg.TenantID != "" {
		h.Set(prefix+"app-tenant-id", cfg.TenantID)
	}
	if cfg.UserPool != "" { // a token's pool replaces it
		h.Set(prefix+"userpool-id", cfg.UserPool)
	}
	return h
}

// newTransport keeps a connection for each worker: net/http's default of two would make a new one for most calls.
func newTransport(cfg Config) *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:     &tls.Config{RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: cfg.Workers, // all are to one host
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   true,
	}
}

// Close closes connections that nobody uses.
func (c *Client) Close() {
	if t, ok := c.cfg.Transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// SetRate changes the rate, also for attempts that wait already: no later than half a second on they follow it. With
// PerSecond(0) none begins.
func (c *Client) SetRate(r Rate) { c.pace.change(r) }

// Limit is the present pace in attempts a second.
func (c *Client) Limit() float64 { return c.pace.limit() }

// InFlight is how many attempts are under way.
func (c *Client) InFlight() int { return int(c.inFlight.Load()) }

// Login makes sure that the credentials are good and gives the ID of the user pool they are for, which stays the same
// for the client's life: a call whose token would be for another one ends with [WrongPool]. Where nothing names the
// pool, it is guessed to be the access key's ID, which holds for a pool's own key.
func (c *Client) Login(ctx context.Context) (userPool string, err error) {
	if ctx.Err() != nil {
		return "", Stopped
	}
	if c.tokens != nil {
		if err := c.tokens.ready(&call{ctx: ctx}); err != nil {
			return "", err
		}
	}
	userPool, _ = c.userPool()
	return userPool, nil
}

// PoolIsGuessed says whether nothing but the access key's ID has named the user pool.
func (c *Client) PoolIsGuessed() bool {
	_, guessed := c.userPool()
	return guessed
}

// DeleteUsers deletes 1 to 50 users in one call (docs/genauth-api.md, "Endpoints") and repeats it as long as that makes
// sense. Only a nil error means that the API said they are deleted. Otherwise the error is of a [Kind]; what that
// leaves open is in the receipt's InDoubt. When ctx ends no further attempt begins, and one under way is finished.
func (c *Client) DeleteUsers(ctx context.Context, idType string, ids []string) (Receipt, error) {
	a := c.deletion(idType, ids)
	err := a.do(ctx)
	return a.receipt, err
}

func (c *Client) deletion(idType string, ids []string) *call {
	options := map[string]any{"userIdType": idType}
	return c.post("delete-users-batch", map[string]any{"userIds": ids, "options": options}, saysSuccess)
}

// CountUsers gives the number of users in the pool as list-users has it, which may lag a little.
func (c *Client) CountUsers(ctx context.Context) (int, error) {
	_, total, err := (&reading{client: c, ctx: ctx}).list(1, 1)
	return total, err
}

// saysSuccess accepts data.success true and nothing less: the API has answered false with statusCode 200.
func saysSuccess(data []byte) bool {
	var d struct{ Success any }
	return json.Unmarshal(data, &d) == nil && d.Success == true
}
