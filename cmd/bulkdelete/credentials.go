package main

import (
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"strings"

	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
)

// credentials fills in the access key. Where one half is missing the error says which variables to set.
func credentials(cfg *client.Config) error {
	id, err := secret(credentialID)
	if err != nil {
		return err
	}
	key, err := secret(credentialSK)
	if err != nil {
		return err
	}
	var missing []string
	if id == "" {
		missing = append(missing, credentialID)
	}
	if key == "" {
		missing = append(missing, credentialSK)
	}
	if len(missing) > 0 {
		return job.Fail(job.Usage,
			"set it in the environment, or name a file that holds it with _FILE at the variable's end; "+
				"--sandbox needs none",
			"no credentials: missing %s", strings.Join(missing, " and "))
	}
	cfg.AccessKeyID, cfg.AccessKeySecret = id, client.Secret(key)
	return nil
}

// secret reads a credential from the environment, or from the file that NAME_FILE names, as containers mount them.
func secret(name string) (string, error) {
	value, path := os.Getenv(name), os.Getenv(name+"_FILE")
	switch {
	case value != "" && path != "":
		return "", fmt.Errorf("%s and %s_FILE are both set: unset one", name, name)
	case path == "":
		return value, nil
	}
	text, err := readBounded(path, 64<<10)
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	return strings.TrimSpace(string(text)), nil
}

func rootCAs(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := readBounded(path, 4<<20)
	if err != nil {
		return nil, fmt.Errorf("--ca-cert: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca-cert %s holds no certificate in PEM form", path)
	}
	return pool, nil
}

func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s is longer than %d bytes", path, most)
	}
	return text, err
}
