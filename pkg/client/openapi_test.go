package client

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"bulkdelete/internal/sandbox"
)

// Every request is what the vendor's OpenAPI document describes, for every type of ID.
func TestRequestsFitTheOpenAPIDocument(t *testing.T) {
	router := openAPI(t)
	for _, idType := range []string{
		"user_id", "external_id", "phone", "email", "username", "identity", "sync_relation", "custom_field"} {
		synctest.Test(t, func(t *testing.T) {
			ids := []string{"lark:a<b>&\u2028", "lark:c"}
			api, err := sandbox.New(sandbox.Config{IDType: idType, IDs: slices.Values(ids)})
			if err != nil {
				t.Fatal(err)
			}
			checked := 0
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				validate(t, router, r, body)
				checked++
				r.Body = io.NopCloser(strings.NewReader(string(body)))
				api.ServeHTTP(w, r)
			})
			for _, auth := range []string{"token", "signature"} {
				c := newClient(t, h, func(c *Config) { c.Auth, c.TenantID = auth, "tenant" })
				living, _, err := c.Existing(t.Context(), idType, append(slices.Clone(ids), "lark:d"))
				if err != nil {
					t.Fatal(err)
				}
				if auth == "token" && len(living) != 2 {
					t.Errorf("%s: living are %q", idType, living)
				}
				if _, err := c.CountUsers(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := c.DeleteUsers(t.Context(), idType, ids); err != nil {
					t.Fatal(err)
				}
			}
			if api.Len() != 0 || checked < 7 {
				t.Errorf("%s: %d users are left after %d requests", idType, api.Len(), checked)
			}
		})
	}
}

func openAPI(t *testing.T) routers.Router {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("testdata/genauth.json")
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

func validate(t *testing.T, router routers.Router, r *http.Request, body []byte) {
	t.Helper()
	r = r.Clone(context.WithoutCancel(r.Context()))
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	// The document calls the array userIds; Node's parsers want userIds[], as the vendor's newest SDK sends it.
	r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "userIds%5B%5D=", "userIds=")
	route, params, err := router.FindRoute(r)
	if err != nil {
		t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		return
	}
	err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}})
	if err != nil {
		t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
}
