package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// api is the API's root and what a call carries.
type api struct{ host, token, pool string }

// login gets a management token, once and for all.
func login() (*api, error) {
	a := &api{host: os.Getenv("GENAUTH_HOST")}
	body, err := json.Marshal(map[string]string{"accessKeyId": os.Getenv("GENAUTH_ACCESS_KEY_ID"),
		"accessKeySecret": os.Getenv("GENAUTH_ACCESS_KEY_SECRET")})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Token string `json:"access_token"`
		}
	}
	if err := a.post(http.DefaultClient, "get-management-token", body, &answer); err != nil {
		return nil, err
	}
	a.token = answer.Data.Token
	parts := strings.Split(a.token, ".")
	if len(parts) != 3 {
		return nil, errors.New("the token is no JWT")
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var c struct {
		Pool string `json:"scoped_userpool_id"`
	}
	err = json.Unmarshal(claims, &c)
	a.pool = c.Pool
	return a, err
}

// success is what the vendor's SDK parses a deletion's answer into.
type success struct {
	StatusCode int    `json:"statusCode"`
	Message    string `json:"message"`
}

// deletion is one batch's call.
type deletion func(ids []string) error

// once makes a client and a connection for the call and tries once: the habits of the vendor's Go SDK. What it is
// answered is checked as a careful caller does: no error, HTTP status 200, statusCode 200.
func (a *api) once(ids []string) error {
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second, CheckRedirect: stay}
	body, err := deletionBody(ids)
	if err != nil {
		return err
	}
	var s success
	if err := a.post(client, "delete-users-batch", body, &s); err != nil {
		return err
	}
	if s.StatusCode != 200 {
		return fmt.Errorf("statusCode %d: %s", s.StatusCode, s.Message)
	}
	return nil
}

// shared sends all calls through one client, which keeps a connection for each worker.
func (a *api) shared(workers int) deletion {
	transport := &http.Transport{MaxIdleConns: workers, MaxIdleConnsPerHost: workers}
	client := &http.Client{Transport: transport, CheckRedirect: stay}
	return func(ids []string) error {
		body, err := deletionBody(ids)
		if err != nil {
			return err
		}
		return a.post(client, "delete-users-batch", body, nil)
	}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func deletionBody(ids []string) ([]byte, error) {
	return json.Marshal(map[string]any{"userIds": ids, "options": map[string]string{"userIdType": "user_id"}})
}

// post sends a call and reads its answer into into, or to its end.
func (a *api) post(client *http.Client, name string, body []byte, into any) error {
	r, err := http.NewRequest(http.MethodPost, a.host+"/api/v3/"+name, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
		r.Header.Set("x-authing-userpool-id", a.pool)
	}
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %d", response.StatusCode)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}
