// Package apidoc holds requests and answers of the management API to the vendor's OpenAPI document, for tests: the
// client's, the sandbox's and those of whatever else talks to either.
//
// It is stricter than the document in one thing: names that the document does not have are refused, as the API does.
// It is more lenient in four: a user's members may be null, as real ones are; get-user-batch has withTenantIds and
// shows tenantIds; an identity to be created may say its identityId; and userIds may be written userIds[].
package apidoc

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

//go:embed genauth.json
var document []byte

// Document is the vendor's OpenAPI document. It may be used by any number of goroutines.
type Document struct{ router routers.Router }

// Load gives the document.
func Load(t testing.TB) *Document {
	t.Helper()
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var load = sync.OnceValues(func() (*Document, error) {
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, err
	}
	text := openapi3.NewSchemaRef("", openapi3.NewStringSchema())
	doc.Components.Schemas["CreateIdentityDto"].Value.Properties["identityId"] = text
	doc.Components.Schemas["UserDto"].Value.WithProperty("tenantIds", openapi3.NewArraySchema().WithItems(text.Value))
	for _, schema := range doc.Components.Schemas {
		if len(schema.Value.Properties) > 0 {
			schema.Value.WithoutAdditionalProperties()
		}
	}
	router, err := gorillamux.NewRouter(doc)
	return &Document{router}, err
})

// brief is an error without the schema that it quotes.
func brief(where string, err error) error {
	text, _, _ := strings.Cut(err.Error(), "\nSchema:")
	return fmt.Errorf("%s: %s", where, text)
}

// request says what is wrong with a request that has this body; nil: nothing.
func (d *Document) request(r *http.Request, body []byte) (*openapi3filter.RequestValidationInput, error) {
	r = r.Clone(context.WithoutCancel(r.Context()))
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.URL.RawQuery = strings.ReplaceAll(strings.ReplaceAll(r.URL.RawQuery, "userIds%5B%5D=", "userIds="),
		"userIds[]=", "userIds=")
	route, path, err := d.router.FindRoute(r)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, err)
	}
	for name := range r.URL.Query() {
		if route.Operation.Parameters.GetByInAndName("query", name) == nil && name != "withTenantIds" {
			return nil, fmt.Errorf("%s %s: there is no parameter %q", r.Method, r.URL.Path, name)
		}
	}
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: path, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
	if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
		return nil, brief(r.Method+" "+r.URL.Path, err)
	}
	return in, nil
}

// Answer says what is wrong with an answer to that request; nil: nothing. The document describes the data of successes
// alone; of a refusal it is the envelope that has to be right.
func (d *Document) Answer(r *http.Request, body []byte, status int, header http.Header, answer []byte) error {
	var envelope struct {
		StatusCode float64
		APICode    float64
		Message    *string
		RequestID  *string
		Data       any
	}
	if err := json.Unmarshal(answer, &envelope); err != nil || envelope.StatusCode == 0 || envelope.Message == nil {
		return fmt.Errorf("%s: the answer has not the API's envelope (%v): %s", r.URL.Path, err, answer)
	}
	if envelope.StatusCode != http.StatusOK {
		if envelope.RequestID == nil || envelope.Data != nil {
			return fmt.Errorf("%s: a refusal has a requestId and no data: %s", r.URL.Path, answer)
		}
		return nil
	}
	in, err := d.request(r, body)
	if err != nil {
		return fmt.Errorf("what was accepted is not what the document has: %w", err)
	}
	whole := io.NopCloser(bytes.NewReader(withoutNulls(answer)))
	err = openapi3filter.ValidateResponse(in.Request.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: status, Header: header, Body: whole})
	if err != nil {
		return brief("the answer to "+r.URL.Path, err)
	}
	return nil
}

func withoutNulls(text []byte) []byte {
	var value any
	if json.Unmarshal(text, &value) != nil {
		return text
	}
	out, err := json.Marshal(strip(value))
	if err != nil {
		return text
	}
	return out
}

func strip(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = strip(v[i])
		}
	case map[string]any:
		for name, member := range v {
			if v[name] = strip(member); member == nil {
				delete(v, name)
			}
		}
	}
	return value
}

// Requests is a handler that passes on to next and reports each request that is not what the document has.
func (d *Document) Requests(t testing.TB, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = d.request(r, body)
		}
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}
