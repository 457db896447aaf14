package client

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"

	"bulkdelete/internal/sandbox"
)

// Every request is what the vendor's OpenAPI document describes, for every type of ID. newClient holds each request of
// this package's tests to it; here are the calls for each type.
func TestRequestsFitTheOpenAPIDocument(t *testing.T) {
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
				checked++
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
				if _, _, err := c.Profiles(t.Context(), idType, []string{"lark:c", "lark:d"}); err != nil {
					t.Fatal(err)
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
