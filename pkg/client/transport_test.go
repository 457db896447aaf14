package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// A certificate that is not accepted is told by its error's type: another attempt is no use, and nothing was sent. What
// is advised is what helps: --ca-cert only where the root is not known and none was given.
func TestCertificates(t *testing.T) {
	const name, own = "name its root with --ca-cert", "is not in the file of --ca-cert"
	for _, c := range []struct {
		err     error
		roots   *x509.CertPool
		refused bool
		advice  string
	}{
		{&tls.CertificateVerificationError{Err: errors.New("expired")}, nil, true, ""},
		{fmt.Errorf("wrapped: %w", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), nil, true, name},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, x509.NewCertPool(), true, own},
		{errors.New("x509: tls: failed to verify certificate"), nil, false, ""}, // the words of somebody else
	} {
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, nil, func(cfg *Config) {
				cfg.Auth, cfg.Transport, cfg.RootCAs = "signature", leaky{c.err}, c.roots
			})
			r, err := client.DeleteUsers(t.Context(), "user_id", []string{"a"})
			if !errors.Is(err, Unavailable) || (r.Attempts == 1) != c.refused || r.InDoubt == c.refused ||
				strings.Contains(err.Error(), "--ca-cert") != (c.advice != "") || !strings.Contains(err.Error(), c.advice) {
				t.Errorf("%T: %v, %+v", c.err, err, r)
			}
		})
	}
}

// Redirects, self-signed certificates and answers without end, over real sockets.
func TestOverSockets(t *testing.T) {
	t.Run("unknown certificate", func(t *testing.T) {
		s := httptest.NewUnstartedServer(&answers{list: []string{`200 {"statusCode":200,"data":{"success":true}}`}})
		s.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the client, as it should
		s.StartTLS()
		defer s.Close()
		c := newClient(t, nil, func(c *Config) { c.Host, c.Transport, c.Auth = s.URL, nil, "signature" })
		defer c.Close()
		r, err := c.DeleteUsers(t.Context(), "user_id", []string{"a"})
		if !errors.Is(err, Unavailable) || r.Attempts != 1 || r.InDoubt {
			t.Errorf("%v, %+v", err, r)
		}
	})
	t.Run("connections are kept, as many as workers", func(t *testing.T) {
		const workers, waves = 16, 20
		var conns, calls atomic.Int32
		var wave atomic.Pointer[sync.WaitGroup] // the calls of a wave are answered when all of them are here
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			wave.Load().Done()
			wave.Load().Wait()
			if calls.Add(1)%3 == 0 { // a refusal must not close what others use
				io.WriteString(w, `{"statusCode":502}`)
				return
			}
			io.WriteString(w, `{"statusCode":200,"data":{"success":true}}`)
		}))
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				conns.Add(1)
			}
		}
		s.Start()
		defer s.Close()
		c := newClient(t, nil, func(c *Config) {
			c.Host, c.Transport, c.Auth, c.Retries, c.Workers, c.Rate = s.URL, nil, "signature", 0, workers, PerSecond(1e6)
		})
		defer c.Close()
		for range waves {
			var here, pool sync.WaitGroup
			here.Add(workers)
			wave.Store(&here)
			for range workers {
				pool.Go(func() {
					c.DeleteUsers(t.Context(), "user_id", []string{"a"}) //nolint:errcheck // some are refused
				})
			}
			pool.Wait()
		}
		if got := conns.Load(); got != workers || calls.Load() != workers*waves {
			t.Errorf("%d connections for %d workers and %d calls", got, workers, calls.Load())
		}
	})
	t.Run("endless answer", func(t *testing.T) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}))
		defer s.Close()
		c := newClient(t, nil, func(c *Config) { c.Host, c.Transport, c.Auth, c.Retries = s.URL, nil, "signature", 0 })
		defer c.Close()
		if _, err := c.DeleteUsers(t.Context(), "user_id", []string{"a"}); !errors.Is(err, Unavailable) {
			t.Errorf("%v", err)
		}
	})
}
