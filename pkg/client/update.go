package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// UserStatus is the status that a user is to have.
type UserStatus struct{ UserID, Status string }

// SetStatuses gives 1 to 50 users a status, in one call, and changes nothing else of them. shown has, by user_id, those
// users whom the answer shows, as the API wrote them: whether that is everybody is not known (docs/genauth-api.md,
// "What stays unknown"). An attempt without an answer is repeated, which does no harm.
func (c *Client) SetStatuses(ctx context.Context, list []UserStatus) (
	shown map[string]json.RawMessage, r Receipt, err error,
) {
	var users []user
	a := &call{client: c, auth: c.auth, name: "update-user-batch", method: http.MethodPost,
		params: statuses(list), succeeded: parseInto(&users)}
	if err := a.do(ctx); err != nil {
		return nil, a.receipt, err
	}
	shown = map[string]json.RawMessage{}
	for _, u := range users {
		shown[u.UserID] = u.raw
	}
	return shown, a.receipt, nil
}

func statuses(list []UserStatus) params {
	changes := make([]any, len(list))
	for i, s := range list {
		changes[i] = params{{"userId", s.UserID}, {"status", s.Status}}
	}
	return params{{"list", changes}}
}
