package client

import (
	"context"
	"encoding/json"
)

// UserStatus is the status that a user is to have.
type UserStatus struct {
	UserID string `json:"userId"`
	Status string `json:"status"`
}

// SetStatuses gives 1 to 50 users a status, in one call, and changes nothing else of them. shown has, by user_id, those
// users whom the answer shows, as the API wrote them: whether that is everybody is not known (docs/genauth-api.md,
// "What stays unknown"). An attempt without an answer is repeated, which does no harm.
func (c *Client) SetStatuses(ctx context.Context, list []UserStatus) (
	shown map[string]json.RawMessage, r Receipt, err error,
) {
	var users []user
	a := c.update(list, &users)
	if err := a.do(ctx); err != nil {
		return nil, a.receipt, err
	}
	shown = map[string]json.RawMessage{}
	for _, u := range users {
		shown[u.UserID] = u.raw
	}
	return shown, a.receipt, nil
}

func (c *Client) update(list []UserStatus, shown *[]user) *call {
	return c.post("update-user-batch", map[string]any{"list": list}, parseInto(shown))
}
