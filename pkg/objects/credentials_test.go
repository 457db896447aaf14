package objects

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// signer reads an object, and gives the access key that its request was signed with; "": it was not signed.
func signer(t *testing.T, raw string) (string, error) {
	t.Helper()
	used := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, after, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		used, _, _ = strings.Cut(after, "/")
		used += r.Header.Get("X-Amz-Security-Token")
		give(w, `"1"`, "userId\n")
	}))
	defer s.Close()
	t.Setenv("AWS_ENDPOINT_URL_S3", s.URL)
	_, err := read(t, object(t, raw, nil), "")
	return used, err
}

func wantSigner(t *testing.T, raw, want string) {
	t.Helper()
	if used, err := signer(t, raw); err != nil || used != want {
		t.Errorf("%s is asked for with %q, want %q: %v", raw, used, want, err)
	}
}

// Credentials are looked for where Amazon's tools look, in their order.
func TestWhereCredentialsComeFrom(t *testing.T) {
	environment(t)
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut:
			io.WriteString(w, "token")
		case strings.HasSuffix(r.URL.Path, "/security-credentials/"):
			io.WriteString(w, "machine")
		default:
			io.WriteString(w, `{"Code":"Success","AccessKeyId":"ofTheRole","SecretAccessKey":"s","Token":"Token",`+
				`"Expiration":"2100-01-01T00:00:00Z"}`)
		}
	}))
	defer metadata.Close()
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.URL)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	wantSigner(t, "s3://people/users.csv", "ofTheRoleToken")
	const file = "[default]\naws_access_key_id=ofTheFile\naws_secret_access_key=s\n" +
		"[auditor]\naws_access_key_id=ofTheAuditor\naws_secret_access_key=s\n"
	if err := os.WriteFile(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	wantSigner(t, "s3://people/users.csv", "ofTheFile")
	t.Setenv("AWS_PROFILE", "auditor")
	wantSigner(t, "s3://people/users.csv", "ofTheAuditor")
	t.Setenv("AWS_ACCESS_KEY_ID", "ofTheEnvironment")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	t.Setenv("AWS_SESSION_TOKEN", "Token")
	wantSigner(t, "s3://people/users.csv", "ofTheEnvironmentToken")
	wantSigner(t, "s3://people/users.csv?profile=default", "ofTheFile")
	wantSigner(t, "s3://people/users.csv?anonymous=true", "")
}

// Outside of a cloud nobody answers for the machine's role: that is found out soon, and what is missing is said.
func TestNoCredentials(t *testing.T) {
	environment(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://"+silent.Addr().String())
	for _, disabled := range []string{"", "true"} {
		t.Setenv("AWS_EC2_METADATA_DISABLED", disabled)
		began := time.Now()
		_, err := signer(t, "s3://people/users.csv")
		if err == nil || !strings.Contains(err.Error(), "there are no credentials for the store: set AWS_ACCESS_KEY_ID") {
			t.Errorf("without credentials: %v", err)
		}
		if errors.Is(err, fs.ErrNotExist) {
			t.Error("a missing file of credentials is taken for a missing object")
		}
		if waited := time.Since(began); waited > 8*time.Second {
			t.Errorf("found out after %s", waited)
		}
	}
}
