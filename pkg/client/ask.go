package client

import (
	"context"
	"time"
)

// Question is a call that is made to learn how the API answers it: delete-users-batch if Delete is set,
// update-user-batch, which names users by user_id, if there is a Status, and else get-user-batch.
type Question struct {
	Delete  bool
	Status  string
	IDType  string
	IDs     []string
	Broken  bool     // with authority that cannot be good
	Without []string // headers that are left out
}

// Answer is what the API said, whatever it means.
type Answer struct {
	HTTPStatus, StatusCode, APICode int
	Success                         bool     // it is one by all that is known (docs/genauth-api.md, "Answers")
	NoData                          bool     // statusCode 200, and no data
	UserIDs                         []string // of those whom the answer shows
	RequestID                       string
	Date                            time.Time // of the server's clock; zero: it did not say
}

// Ask makes one call, paced as all calls are, and gives the answer. It is repeated only if the API throttles it and,
// where it changes nothing, after failures that pass. An error means that there was no answer of the API's.
func (c *Client) Ask(ctx context.Context, q Question) (Answer, error) {
	var users []user
	a := c.getUsers(q.IDType, q.IDs, nil, &users)
	switch {
	case q.Status != "":
		var list []UserStatus
		for _, id := range q.IDs {
			list = append(list, UserStatus{id, q.Status})
		}
		a = c.update(list, &users)
	case q.Delete:
		a = c.deletion(q.IDType, q.IDs)
	}
	a.question, a.once = &q, !a.reads
	err := a.do(ctx)
	l := &a.last
	if l.HTTPStatus == 0 || l.kind == Unavailable || l.kind == Postponed {
		return Answer{}, err
	}
	answer := Answer{HTTPStatus: l.HTTPStatus, StatusCode: l.StatusCode, APICode: l.apiCode, Success: l.kind == "",
		NoData: l.bare, RequestID: l.RequestID, Date: l.date}
	for _, u := range users {
		answer.UserIDs = append(answer.UserIDs, u.UserID)
	}
	return answer, nil
}
