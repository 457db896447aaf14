package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"bulkdelete/bench/internal/lab"
)

// reader asks a sandbox who still exists. It shares no code with what is measured, and asks again until it gets a whole
// answer, because the sandbox misbehaves towards everybody.
type reader struct {
	server      *lab.Sandbox
	token, pool string
}

// tries is how often one question is asked.
const tries = 50

// count says how many users exist.
func (r *reader) count(ctx context.Context) (int, error) {
	total, _, err := r.page(ctx, 1)
	return total, err
}

// living gives everybody who exists.
func (r *reader) living(ctx context.Context) (map[string]bool, error) {
	all := map[string]bool{}
	for page := 1; ; page++ {
		total, ids, err := r.page(ctx, page)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			all[id] = true
		}
		switch {
		case len(all) == total:
			return all, nil
		case len(ids) == 0:
			return nil, fmt.Errorf("the server shows %d of %d users", len(all), total)
		}
	}
}

func (r *reader) page(ctx context.Context, page int) (total int, ids []string, err error) {
	if err := r.login(ctx); err != nil {
		return 0, nil, err
	}
	var data *struct {
		TotalCount *int
		List       []struct{ UserID string }
	}
	body := map[string]any{"options": map[string]any{"pagination": map[string]int{"page": page, "limit": 50}}}
	err = r.ask(ctx, "list-users", body, &data, func() bool { return data != nil && data.TotalCount != nil })
	if err != nil {
		return 0, nil, err
	}
	for _, u := range data.List {
		ids = append(ids, u.UserID)
	}
	return *data.TotalCount, ids, nil
}

func (r *reader) login(ctx context.Context) error {
	if r.token != "" {
		return nil
	}
	var data struct {
		Token string `json:"access_token"`
	}
	body := map[string]string{"accessKeyId": r.server.Get("GENAUTH_ACCESS_KEY_ID"),
		"accessKeySecret": r.server.Get("GENAUTH_ACCESS_KEY_SECRET")}
	whole := func() bool { return strings.Count(data.Token, ".") == 2 }
	if err := r.ask(ctx, "get-management-token", body, &data, whole); err != nil {
		return err
	}
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(data.Token, ".")[1])
	if err != nil {
		return err
	}
	var c struct {
		Pool string `json:"scoped_userpool_id"`
	}
	if err := json.Unmarshal(claims, &c); err != nil {
		return err
	}
	r.token, r.pool = data.Token, c.Pool
	return nil
}

// ask repeats a question until its answer's data is whole.
func (r *reader) ask(ctx context.Context, call string, body, data any, whole func() bool) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	last := errors.New("the answer's data is not whole")
	for range tries {
		err := r.attempt(ctx, call, text, data)
		if err == nil && whole() {
			return nil
		}
		if err != nil {
			last = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("%s: no answer in %d attempts: %w", call, tries, last)
}

func (r *reader) attempt(ctx context.Context, call string, body []byte, data any) error {
	url := r.server.Get("GENAUTH_HOST") + "/api/v3/" + call
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	if r.token != "" {
		q.Header.Set("Authorization", "Bearer "+r.token)
		q.Header.Set("x-authing-userpool-id", r.pool)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(q)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var e struct{ Data json.RawMessage }
	if err := json.Unmarshal(text, &e); err != nil || len(e.Data) == 0 {
		return fmt.Errorf("HTTP %d with %.80q", response.StatusCode, text)
	}
	return json.Unmarshal(e.Data, data)
}
