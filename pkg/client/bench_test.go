package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// always answers every call in no time, so that what is measured is this package's own work.
type always struct{}

const benchAnswer = `{"statusCode":200,"apiCode":20001,"message":"ok","requestId":"b-00000001","data":{"success":true}}`

func (always) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	body := benchAnswer
	if strings.HasSuffix(r.URL.Path, "get-management-token") {
		body = `{"statusCode":200,"message":"","data":{"access_token":"` + jwt("pool-1") + `","expires_in":7200}}`
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"X-Request-Id": {"b-00000001"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func benchIDs() []string {
	ids := make([]string, 50)
	for i := range ids {
		ids[i] = fmt.Sprintf("6319a150%016x", i)
	}
	return ids
}

// What net/http and encoding/json take for the same call, with no pace, no repetition and no receipt.
func BenchmarkBareCall(b *testing.B) {
	c := http.Client{Transport: always{}}
	ids := benchIDs()
	b.ReportAllocs()
	for b.Loop() {
		body, err := json.Marshal(map[string]any{"userIds": ids, "options": map[string]string{"userIdType": "user_id"}})
		if err != nil {
			b.Fatal(err)
		}
		response, err := c.Post("http://127.0.0.1/api/v3/delete-users-batch", "application/json", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadAll(response.Body); err != nil {
			b.Fatal(err)
		}
		response.Body.Close()
	}
}

func BenchmarkDeleteUsers(b *testing.B) {
	for _, auth := range []string{"token", "signature"} {
		b.Run(auth, func(b *testing.B) { benchmarkDeleteUsers(b, auth) })
	}
}

func benchmarkDeleteUsers(b *testing.B, auth string) {
	c, err := New(Config{Host: "http://127.0.0.1", Auth: auth, AccessKeyID: "access", AccessKeySecret: "hush",
		Rate: PerSecond(1e9), Retries: 8, Version: "bench", Transport: always{}})
	if err != nil {
		b.Fatal(err)
	}
	c.pace.allowance.known = 1e9 // a pace that has yet to find out what passes begins slowly
	ids := benchIDs()
	if _, err := c.Login(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.DeleteUsers(b.Context(), "user_id", ids); err != nil {
			b.Fatal(err)
		}
	}
}
