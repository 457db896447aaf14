package client

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Kind says what a failure means for the caller. It is an error itself, which every error of a call wraps:
// errors.Is(err, client.NotFound).
type Kind string

const (
	Stopped     Kind = "stopped"             // the context ended before the call had a final answer
	Refused     Kind = "refused"             // for good: bad arguments, conflicts, users that may not be deleted
	NotFound    Kind = "not found"           // a user does not exist (404; apiCode 2004, 2210)
	TooLarge    Kind = "too large"           // 413
	ServerError Kind = "server error"        // 500, 602, 603 or a success that is none, again and again
	Unavailable Kind = "no usable answer"    // no answer, or passing failures, until the attempts ran out
	Postponed   Kind = "postponed"           // the API asks to wait for more than ten minutes (Retry-After)
	Credentials Kind = "credentials refused" // 401 after a renewal, 403, a signature that is not accepted
	Payment     Kind = "payment needed"      // 402: the plan does not include the call
	Unsupported Kind = "not supported"       // 501
	WrongPool   Kind = "wrong user pool"     // the token is for another user pool than the one expected
	Blind       Kind = "blind"               // reading finds nobody, not even a user who exists
)

// Error names the kind.
func (k Kind) Error() string { return string(k) }

// Receipt is what all attempts at a call brought back.
type Receipt struct {
	Attempts                        int // sent, throttled ones included
	HTTPStatus, StatusCode, APICode int // of the last answer; 0: none
	Message                         string
	RequestIDs                      []string       // every one that came back, in order
	StartedAt                       time.Time      // when the first attempt began
	InDoubt                         bool           // an attempt may have been carried out although no answer said so
	Unanswered                      bool           // the last one: no answer, or 408, 502, 503, 504
	Troubles                        map[string]int // attempts that failed in passing, by what became of them, in words
}

// Join adds a further call's receipt. What is about the last attempt is the later call's, if it made one.
func (r *Receipt) Join(next Receipt) {
	first := *r
	if next.Attempts > 0 {
		*r = next
	}
	r.StartedAt = cmp.Or(first.StartedAt, next.StartedAt)
	r.Attempts = first.Attempts + next.Attempts
	r.RequestIDs = slices.Concat(first.RequestIDs, next.RequestIDs)
	r.InDoubt = first.InDoubt || next.InDoubt
	r.Troubles = map[string]int{} // another one: the halves of a chunk share what came before
	maps.Copy(r.Troubles, first.Troubles)
	for words, n := range next.Troubles {
		r.Troubles[words] += n
	}
}

// SaysNoUser says whether the last answer named a missing user (apiCode 2004, older 2210). A bare 404 may as well mean
// that there is no such call at this host.
func (r Receipt) SaysNoUser() bool { return r.APICode == 2004 || r.APICode == 2210 }
