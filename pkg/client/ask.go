package client

import (
	"context"
	"errors"
	"net/http"
	"slices"
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
	a := &call{client: c, auth: altered{c.auth, q}, name: "get-user-batch", method: http.MethodGet, asks: true,
		reads: true, params: params{{"userIds", q.IDs}, {"userIdType", q.IDType}}, succeeded: parseInto(&users)}
	switch {
	case q.Status != "":
		var list []UserStatus
		for _, id := range q.IDs {
			list = append(list, UserStatus{id, q.Status})
		}
		a = &call{client: c, auth: a.auth, name: "update-user-batch", method: http.MethodPost, asks: true, once: true,
			params: statuses(list), succeeded: a.succeeded}
	case q.Delete:
		a = &call{client: c, auth: a.auth, name: "delete-users-batch", method: http.MethodPost, asks: true, once: true,
			params: params{{"userIds", q.IDs}, {"options", params{{"userIdType", q.IDType}}}}, succeeded: saysSuccess}
	}
	err := a.do(ctx)
	none := slices.ContainsFunc([]Kind{Stopped, Unavailable, Postponed}, func(k Kind) bool { return errors.Is(err, k) })
	if l := &a.last; !none && a.noAuth == nil && l.HTTPStatus != 0 {
		answer := Answer{HTTPStatus: l.HTTPStatus, StatusCode: l.StatusCode, APICode: l.apiCode, Success: l.kind == 0,
			NoData: l.bare, RequestID: l.RequestID, Date: l.date}
		for _, u := range users {
			answer.UserIDs = append(answer.UserIDs, u.UserID)
		}
		return answer, nil
	}
	return Answer{}, err
}

// altered takes from authority what a question is to go without.
type altered struct {
	authorizer
	q Question
}

func (x altered) authorize(a *call, h http.Header) {
	x.leaveOut(h) // of what is signed too
	x.authorizer.authorize(a, h)
	if x.leaveOut(h); x.q.Broken {
		h.Set("Authorization", h.Get("Authorization")+"x")
	}
}

func (x altered) leaveOut(h http.Header) {
	for _, name := range x.q.Without {
		h.Del(name)
	}
}

// refused: being refused is the answer, and says nothing of the authority that is whole.
func (x altered) refused(a *call) bool {
	return !x.q.Broken && len(x.q.Without) == 0 && x.authorizer.refused(a)
}
