package client

import (
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
)

// unknownHost is a network in which a name is not found from some attempt on.
type unknownHost struct {
	http.RoundTripper
	from, attempts int
}

func (u *unknownHost) RoundTrip(r *http.Request) (*http.Response, error) {
	if u.attempts++; u.attempts >= u.from {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "nobody.invalid", IsNotFound: true}}
	}
	return u.RoundTripper.RoundTrip(r)
}

// A host whose name is not found is given up at once, unless it has answered before: then the name may come back.
func TestANameThatDoesNotExist(t *testing.T) {
	for from, want := range map[int]int{1: 1, 2: 1 + 9} {
		synctest.Test(t, func(t *testing.T) {
			u := &unknownHost{RoundTripper: always{}, from: from}
			c, err := New(Config{Host: "https://nobody.invalid", AccessKeyID: "key-id-1", AccessKeySecret: "secret-1", Retries: 8, Transport: u})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = c.Login(t.Context()); err == nil {
				_, err = c.DeleteUsers(t.Context(), "user_id", []string{"1"})
			}
			if !errors.Is(err, Unavailable) || u.attempts != want {
				t.Errorf("not found from attempt %d on: %d attempts, want %d: %v", from, u.attempts, want, err)
			}
		})
	}
}
