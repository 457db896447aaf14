package objects_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"bulkdelete/pkg/objects"
)

// An object is read once, and again only if it has changed.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		io.WriteString(w, "userId\n6319a150f38b2ffc80a4df5a\n")
	}))
	defer server.Close()

	o, err := objects.New(server.URL+"/hr/users.csv?signature=secret", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	content, err := o.Open(context.Background(), "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer content.Close()
	text, err := io.ReadAll(content)
	fmt.Println(o.Name(), content.ETag, len(text), err)

	_, err = o.Open(context.Background(), content.ETag)
	fmt.Println(errors.Is(err, objects.ErrUnchanged))
	// Output:
	// users.csv "v1" 32 <nil>
	// true
}
