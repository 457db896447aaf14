package client

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const yes = `200 {"statusCode":200,"requestId":"y","data":{"success":true}}`

// Whether the last attempt's answer says anything about its users, which decides who is to blame.
func TestWhatIsUnanswered(t *testing.T) {
	for answer, want := range map[string]bool{
		"cut": true, `408 `: true, `502 <html>`: true, `503 {"statusCode":503}`: true, `504 `: true,
		`200 {"statusCode":408}`: true, `200 {"statusCode":"502"}`: true, `200 {"statusCode":503}`: true, `200 {"statusCode":504}`: true,
		yes: false, `200 {"statusCode":500}`: false, `500 `: false, `502 {"statusCode":500}`: false, `200 {"statusCode":601}`: false,
		`200 {"statusCode":602}`: false, `200 {"statusCode":603}`: false, `200 {"statusCode":400}`: false, `200 {"statusCode":200}`: false,
		`302 -> https://elsewhere.example`: false, `503 {"statusCode":404,"apiCode":2004}`: false,
	} {
		for _, first := range []string{"", `200 {"statusCode":500}`, "cut", `429 `} { // the last attempt is what counts
			synctest.Test(t, func(t *testing.T) {
				list := []string{answer}
				if first != "" {
					list = []string{first, answer}
				}
				r, _ := newClient(t, &answers{list: list}, nil).DeleteUsers(t.Context(), "user_id", []string{"a"})
				if r.Unanswered != want {
					t.Errorf("%s after %q: unanswered is %v", answer, first, r.Unanswered)
				}
			})
		}
	}
}

// A receipt's times are those of attempts: not of waiting for a slot, nor for the next attempt.
func TestWhenTheAttemptsBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		api := &answers{list: []string{"cut", "cut", yes}, after: func(int) {
			at = append(at, time.Now())
			time.Sleep(100 * time.Millisecond)
		}}
		c := newClient(t, api, func(c *Config) { c.Auth, c.Rate = "signature", 0.1 })
		if err := c.pace.take(t.Context()); err != nil { // so that there is a wait before the first
			t.Fatal(err)
		}
		r, err := c.DeleteUsers(t.Context(), "user_id", []string{"a"})
		if err != nil || !r.StartedAt.Equal(at[0]) || !r.LastAt.Equal(at[2]) {
			t.Errorf("began at %s and last at %s, attempts were at %s (%v)", r.StartedAt, r.LastAt, at, err)
		}
	})
}

func TestReceiptsAreJoined(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	first := Receipt{Attempts: 2, Throttled: 1, HTTPStatus: 502, RequestIDs: []string{"a"}, StartedAt: at(1), LastAt: at(2), Duration: 3,
		InDoubt: true, Unanswered: true}
	r := first
	r.join(Receipt{Attempts: 1, HTTPStatus: 200, StatusCode: 200, Message: "m", RequestIDs: []string{"b"}, StartedAt: at(5), LastAt: at(6), Duration: 4})
	if r.Attempts != 3 || r.Throttled != 1 || r.HTTPStatus != 200 || r.Message != "m" || !slices.Equal(r.RequestIDs, []string{"a", "b"}) ||
		!r.StartedAt.Equal(at(1)) || !r.LastAt.Equal(at(6)) || r.Duration != 7 || !r.InDoubt || r.Unanswered {
		t.Errorf("joined they are %+v", r)
	}
	r = first // a call that ended before its first attempt
	r.join(Receipt{RequestIDs: []string{"login"}, StartedAt: at(5), Duration: 4})
	if r.Attempts != 2 || r.HTTPStatus != 502 || !r.LastAt.Equal(at(2)) || !r.Unanswered || len(r.RequestIDs) != 2 || r.Duration != 7 {
		t.Errorf("joined with none they are %+v", r)
	}
}
