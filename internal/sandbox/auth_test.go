package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The vendor's own signatures are accepted at their time, and each thing that can be wrong has its code.
func TestSignatures(t *testing.T) {
	text, err := os.ReadFile("testdata/signature-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	type vector struct {
		Name, Method, Path, Body, AccessKeyID, AccessKeySecret, StringToSign, Authorization string
		Headers                                                                             map[string]string
		Query                                                                               map[string]any
	}
	var file struct{ Vectors, Variants []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, v := range append(file.Vectors, file.Variants...) {
		synctest.Test(t, func(t *testing.T) {
			at, err := http.ParseTime(v.Headers["date"])
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(at)) // the bubble's clock goes to the day of the vectors
			s := newServer(t, Config{AccessKeyID: v.AccessKeyID, AccessKeySecret: v.AccessKeySecret,
				UserPool: v.Headers["x-authing-userpool-id"]}, 0)
			q := &request{Request: httptest.NewRequest(v.Method, v.Path, nil), name: strings.TrimPrefix(v.Path, "/api/v3/"),
				body: []byte(v.Body), query: parseQuery(query(v.Query))}
			for name, value := range v.Headers {
				q.Header.Set(name, value)
			}
			q.Header.Set("Authorization", v.Authorization)
			prefix := "x-authing-"
			if strings.HasPrefix(v.Authorization, "GenAuth") {
				prefix = "x-genauth-"
			}
			if got, err := stringToSign(q, prefix); err != nil || got != v.StringToSign {
				t.Fatalf("%s: string to sign\n%q, want\n%q (%v)", v.Name, got, v.StringToSign, err)
			}
			if q.name == "get-management-token" {
				return
			}
			expect := func(what string, code int) {
				t.Helper()
				if a := s.check(q); (a == nil) != (code == 0) || a != nil && a.api != code {
					t.Errorf("%s, %s: %+v, want apiCode %d", v.Name, what, a, code)
				}
			}
			wrong := func(what, header, value string, code int) {
				t.Helper()
				old := q.Header.Get(header)
				q.Header.Set(header, value)
				expect(what, code)
				q.Header.Set(header, old)
			}
			wrong("method", prefix+"signature-method", "HMAC-MD5", 1301)
			wrong("version", prefix+"signature-version", "2.0", 1302)
			wrong("date", "Date", "yesterday", 1303)
			wrong("no date", "Date", "", 1304)
			wrong("clock", "Date", at.Add(time.Hour).Format(http.TimeFormat), 1305)
			wrong("another nonce", prefix+"signature-nonce", "other", 1300)
			scheme, _, _ := strings.Cut(v.Authorization, " ")
			wrong("another key", "Authorization", scheme+" x:y", 1300)
			expect("as it is", 0)
			expect("again", 1306)
			checked++
		})
	}
	if checked < 15 {
		t.Errorf("only %d vectors were checked", checked)
	}
}

func query(values map[string]any) string {
	q := url.Values{}
	for name, value := range values {
		if list, ok := value.([]any); ok {
			for _, e := range list {
				q.Add(name+"[]", fmt.Sprint(e))
			}
			continue
		}
		q.Set(name, fmt.Sprint(value))
	}
	return q.Encode()
}

func TestTokensExpireAndCannotBeMadeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Config{TokenLifetime: time.Minute}, 3)
		key := token(t, s)
		if a := send(t, s, authorized(deletion(userID(0)), key)); a.StatusCode != 200 {
			t.Error(a.body)
		}
		for what, r := range map[string]*http.Request{
			"none":     deletion(userID(1)),
			"tampered": authorized(deletion(userID(1)), key[:len(key)-2]+"xx"),
		} {
			if a := send(t, s, r); a.StatusCode != 401 || a.APICode != 2020 {
				t.Errorf("%s: %s", what, a.body)
			}
		}
		other := authorized(deletion(userID(1)), key)
		other.Header.Set("x-authing-userpool-id", "another")
		if a := send(t, s, other); a.APICode != 2224 {
			t.Errorf("another pool: %s", a.body)
		}
		time.Sleep(time.Minute)
		if a := send(t, s, authorized(deletion(userID(1)), key)); a.StatusCode != 401 {
			t.Errorf("expired: %s", a.body)
		}
		if s.Len() != 2 {
			t.Errorf("%d users are left, want 2", s.Len())
		}
	})
}
