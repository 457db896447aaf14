package main

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

// What holds a run up is said in one sentence.
func TestHeldBy(t *testing.T) {
	refusedConnection := client.Attempt{Number: 6, Again: true, Most: 9, Wait: 12 * time.Second,
		Err: errors.New("dial tcp 192.0.2.1:443: connect: connection refused")}
	good := client.Attempt{Number: 1, HTTPStatus: 200, StatusCode: 200, Duration: 500 * time.Millisecond}
	throttled := client.Attempt{Number: 1, HTTPStatus: 429, StatusCode: 429, Throttled: true}
	timetable, err := client.ParseRate("00:00,0 20:00,100")
	if err != nil {
		t.Fatal(err)
	}
	ana := &report.PaceChange{By: "ana@ops", At: time.Date(1999, 12, 31, 23, 56, 20, 0, time.UTC)} // 4 minutes before
	files := func() string { return "making the files" }
	one, many := client.PerSecond(1), client.PerSecond(100)
	page := docsPage(t, "docs/operating.md")
	for want, c := range map[string]*struct {
		each  client.Attempt // twenty of them, one a second
		limit float64        // calls a second that the client allows itself
		h     heart
	}{
		"--rate 1": {good, 1, heart{rate: one}},
		"starting gently: 20 calls a second so far":        {good, 20, heart{rate: many}},
		"making the files":                                 {good, 1, heart{rate: one, stage: files}},
		"throttled: the API allows about 9 calls a second": {throttled, 9, heart{rate: many}},
		"16 workers reach 32 calls a second at 500ms":      {good, 100, heart{rate: many}},
		"stopping: 3 calls in flight":                      {good, 0, heart{rate: one, stopping: true}},
		"paused by ana@ops 4 min ago":                      {good, 1, heart{rate: one, pause: ana}},
		"--rate pauses until 20:00 UTC":                    {good, 1, heart{rate: timetable}},
		"the API has been silent for 20s (connection refused), attempt 7 of 9 in 12s": {
			refusedConnection, 100, heart{rate: many}},
	} {
		synctest.Test(t, func(t *testing.T) {
			local := time.Local
			time.Local = time.UTC
			defer func() { time.Local = local }()
			c.h.o = &operation{config: client.Config{Workers: 16}}
			c.h.restart()
			for range 20 {
				time.Sleep(time.Second)
				c.h.attempt(c.each)
			}
			if got := c.h.heldBy(3, c.limit); got != want {
				t.Errorf("held by %q, want %q", got, want)
			}
			// The page has each with other numbers.
			quoted := regexp.MustCompile(`[\d.]+m?s?`).ReplaceAllString(regexp.QuoteMeta(want), `[\dms]+`)
			if !regexp.MustCompile("(?m)^\\| `(" + quoted + ")`").MatchString(strings.ReplaceAll(page, "`, `", "` |\n| `")) {
				t.Errorf("docs/operating.md does not explain %q", want)
			}
			if ails := c.h.ails(); (ails != "") != (c.each.Err != nil) {
				t.Errorf("%s: the API is said to be %q", want, ails)
			}
		})
	}
}

// The time left follows the last seconds, not the whole run; what the API says of an attempt is not repeated, since it
// may name somebody.
func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h heart
		h.restart()
		time.Sleep(40 * time.Second) // the API slept
		for range 15 {
			h.row(report.Row{Users: 50, Outcome: report.Deleted})
			time.Sleep(time.Second)
		}
		if left := h.secondsLeft(500); left == nil || *left != 10 {
			t.Errorf("500 users at 50 a second take %v seconds, want 10", left)
		}
		h.attempt(client.Attempt{Number: 2, HTTPStatus: 200, StatusCode: 500, RequestID: "r-1",
			Err: errors.New("statusCode 500: ada@example.com is busy")})
		if e := h.last; e == nil || e.Message != "statusCode 500" || e.RequestID != "r-1" {
			t.Errorf("the trouble is %+v", e)
		}
		time.Sleep(time.Second)
		if last := h.within(minute - 1); last.retries != 1 || last.users != 750 {
			t.Errorf("in the last minute %+v", last)
		}
		time.Sleep(time.Minute)
		if h.secondsLeft(500) != nil {
			t.Error("a time left is told although nothing happens")
		}
	})
}

func TestWithoutFlag(t *testing.T) {
	for command, want := range map[string]string{
		"bulkdelete run u.csv --rate 20 --yes":                      "bulkdelete run u.csv --yes",
		"bulkdelete run --rate='08:00,5 20:00,100' u.csv":           "bulkdelete run u.csv",
		"bulkdelete run u.csv --reason '--rates' --retries 3":       "bulkdelete run u.csv --reason '--rates' --retries 3",
		"bulkdelete run u.csv --rate '08:00,5 20:00,100' --yes":     "bulkdelete run u.csv --yes",
		`bulkdelete run --reason 'it'\''s at --rate 5' --rate 9`:    `bulkdelete run --reason 'it'\''s at --rate 5'`,
		`& "C:\a b\bulkdelete" run --reason 'a ''--rate 5' -rate 9`: `& "C:\a b\bulkdelete" run --reason 'a ''--rate 5'`,
		"'/a --rate 5/bulkdelete' run u.csv --rate=9":               "'/a --rate 5/bulkdelete' run u.csv",
	} {
		if got := withoutFlag(command, "rate"); got != want {
			t.Errorf("%s becomes %s, want %s", command, got, want)
		}
	}
}
