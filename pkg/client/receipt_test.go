package client

import (
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"
)

const yes = `200 {"statusCode":200,"requestId":"y","data":{"success":true}}`

// Whether the last attempt's answer says anything about its users, which decides who is to blame.
func TestWhatIsUnanswered(t *testing.T) {
	for answer, want := range map[string]bool{
		"cut": true, `408 `: true, `502 <html>`: true, `503 {"statusCode":503}`: true, `504 `: true,
		`200 {"statusCode":408}`: true, `200 {"statusCode":"502"}`: true, `200 {"statusCode":503}`: true,
		`200 {"statusCode":504}`: true, yes: false, `200 {"statusCode":500}`: false, `500 `: false,
		`502 {"statusCode":500}`: false, `200 {"statusCode":601}`: false, `200 {"statusCode":602}`: false,
		`200 {"statusCode":603}`: false, `200 {"statusCode":400}`: false, `200 {"statusCode":200}`: false,
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

// An attempt that may have been carried out stays so, whatever the next one is answered.
func TestInDoubtIsOfAnyAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &answers{list: []string{"cut", `200 {"statusCode":400}`}}
		r, err := newClient(t, api, nil).DeleteUsers(t.Context(), "user_id", []string{"a"})
		if !errors.Is(err, Refused) || !r.InDoubt || r.Unanswered {
			t.Errorf("%v, %+v", err, r)
		}
	})
}

// A receipt begins with the first attempt: not with waiting for its slot, nor with the last one.
func TestWhenTheAttemptsBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		api := &answers{list: []string{"cut", "cut", yes}, after: func(int) {
			at = append(at, time.Now())
			time.Sleep(100 * time.Millisecond)
		}}
		c := newClient(t, api, func(c *Config) { c.Auth, c.Rate = "signature", PerSecond(0.1) })
		if err := c.pace.take(t.Context(), nil); err != nil { // so that there is a wait before the first
			t.Fatal(err)
		}
		r, err := c.DeleteUsers(t.Context(), "user_id", []string{"a"})
		if err != nil || !r.StartedAt.Equal(at[0]) {
			t.Errorf("began at %s, attempts were at %s (%v)", r.StartedAt, at, err)
		}
	})
}

// What an attempt met in passing is told apart, in words.
func TestTroublesAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &answers{list: []string{"429 ", "429 ", "503 ", "cut", `200 {"statusCode":500}`, "200 <html>",
			"200 late", yes}}
		api.after = func(n int) {
			if n == len(api.list)-1 {
				time.Sleep(time.Minute)
			}
		}
		r, err := newClient(t, api, nil).DeleteUsers(t.Context(), "user_id", []string{"a"})
		want := map[string]int{"throttled (429)": 2, "server failed (503)": 1, "connection lost": 1,
			"server failed (500)": 1, "no usable answer (200)": 1, "no answer in time (timeout)": 1}
		if err != nil || !reflect.DeepEqual(r.Troubles, want) {
			t.Errorf("%v: %v, want %v", err, r.Troubles, want)
		}
		before := Receipt{Attempts: 1, Troubles: map[string]int{"connection lost": 2}}
		half := before
		half.Join(r)
		if half.Troubles["connection lost"] != 3 || before.Troubles["connection lost"] != 2 || len(before.Troubles) != 1 {
			t.Errorf("joined: %v; what was before: %v", half.Troubles, before.Troubles)
		}
	})
	synctest.Test(t, func(t *testing.T) { // what was said for good is no trouble
		api := &answers{list: []string{`200 {"statusCode":400}`}}
		r, _ := newClient(t, api, nil).DeleteUsers(t.Context(), "user_id", []string{"a"})
		if r.Attempts != 1 || len(r.Troubles) > 0 {
			t.Errorf("%+v", r)
		}
	})
}

func TestReceiptsAreJoined(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	first := Receipt{Attempts: 2, HTTPStatus: 502, RequestIDs: []string{"a"}, StartedAt: at(1), InDoubt: true,
		Unanswered: true}
	for _, c := range []struct{ next, want Receipt }{
		{Receipt{Attempts: 1, HTTPStatus: 200, StatusCode: 200, Message: "m", RequestIDs: []string{"b"}, StartedAt: at(5)},
			Receipt{Attempts: 3, HTTPStatus: 200, StatusCode: 200, Message: "m", RequestIDs: []string{"a", "b"},
				StartedAt: at(1), InDoubt: true, Troubles: map[string]int{}}},
		// A call that ended before its first attempt says nothing of its own.
		{Receipt{RequestIDs: []string{"login"}, StartedAt: at(5)},
			Receipt{Attempts: 2, HTTPStatus: 502, RequestIDs: []string{"a", "login"},
				StartedAt: at(1), InDoubt: true, Unanswered: true, Troubles: map[string]int{}}},
	} {
		r := first
		if r.Join(c.next); !reflect.DeepEqual(r, c.want) {
			t.Errorf("joined they are %+v, want %+v", r, c.want)
		}
	}
}
