package apidoc

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// What the document does not have is not let through.
func TestWhatIsRefused(t *testing.T) {
	const (
		deletion = "/api/v3/delete-users-batch"
		reading  = "/api/v3/get-user-batch"
		archived = `{"statusCode":200,"message":"","data":{"totalCount":1,"list":[{"userId":"a"}]}}`
	)
	for _, c := range []struct {
		method, target, body, answer string // without an answer the request is tried
		ok                           bool
	}{
		{"POST", deletion, `{"userIds":["a"]}`, "", true},
		{"POST", deletion, `{"userids":["a"]}`, "", false},
		{"POST", deletion, `{"userIds":["a"],"force":true}`, "", false},
		{"POST", deletion, `{"userIds":["a"],"options":{"userIdType":"name"}}`, "", false},
		{"GET", reading + "?userIds[]=a&withTenantIds=true", "", "", true},
		{"GET", reading + "?userIds=a&userIdType=name", "", "", false},
		{"GET", reading + "?userIds=a&withAll=true", "", "", false},
		{"GET", "/api/v3/no-such-call", "", "", false},
		{"POST", deletion, `{"userIds":["a"]}`, `{"statusCode":200,"message":"","data":{"success":true}}`, true},
		{"POST", deletion, `{"userIds":["a"]}`, `{"statusCode":200,"message":"","data":{}}`, false},
		{"POST", deletion, `{"userIds":["a"]}`, `{"statusCode":200,"message":"","data":{"success":true},"more":1}`, false},
		{"POST", deletion, `{"userIds":["a"]}`, `{"statusCode":404,"message":"","requestId":"r"}`, true},
		{"POST", deletion, `{"userIds":["a"]}`, `{"statusCode":404,"message":""}`, false},
		{"POST", deletion, `{"userIds":["a"]}`, `<html>`, false},
		{"GET", "/api/v3/list-archived-users", "", archived, false},
	} {
		r := httptest.NewRequest(c.method, c.target, nil)
		r.Header.Set("Content-Type", "application/json")
		_, err := Load(t).request(r, []byte(c.body))
		if c.answer != "" {
			h := http.Header{"Content-Type": {"application/json"}}
			err = Load(t).Answer(r, []byte(c.body), http.StatusOK, h, []byte(c.answer))
		}
		if (err == nil) != c.ok {
			t.Errorf("%s %s %s: %v", c.target, c.body, c.answer, err)
		}
	}
}
