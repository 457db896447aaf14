package client

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]string{
		"20": "20", "0.5": "0.5", "08:00,5 20:00,100": "08:00,5 20:00,100", " 20:00,100  08:00,0 ": "08:00,0 20:00,100",
		"8:00,5": "", "0": "!above 0", "-1": "!above 0", "Inf": "!above 0", "1e-9": "!above 0", "08:00,0": "!above 0",
		"": "!above 0", "fast": "!times of day", "25:00,5": "!times of day", "08:00": "!number behind the comma",
		"08:00,x": "!number behind the comma", "08:00,5 08:00,6": "!two rates from 08:00 on", "08:00,-5": "!above 0",
	} {
		r, err := ParseRate(text)
		switch wrong, refused := strings.CutPrefix(want, "!"); {
		case refused && (err == nil || !strings.Contains(err.Error(), wrong)):
			t.Errorf("%q: %v, want an error with %q", text, err, wrong)
		case !refused && err != nil:
			t.Errorf("%q: %v", text, err)
		case !refused && want != "" && r.String() != want:
			t.Errorf("%q is printed as %q", text, r)
		}
	}
}

// A timetable goes by the clock on the wall: past midnight, and through the hours that daylight saving takes and gives.
func TestTimetable(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	r, err := ParseRate("02:30,7 08:00,5 20:00,100")
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]float64{
		"2026-11-25T08:00:00+01:00": 5, "2026-11-25T19:59:59+01:00": 5, "2026-11-25T20:00:00+01:00": 100,
		"2026-11-25T23:59:59+01:00": 100, "2026-11-26T00:00:00+01:00": 100, "2026-11-26T02:29:59+01:00": 100,
		"2026-11-26T02:30:00+01:00": 7,
		"2026-03-29T01:59:59+01:00": 100, "2026-03-29T03:00:00+02:00": 7, // there is no half past two
		"2026-10-25T02:30:00+02:00": 7, "2026-10-25T02:00:00+01:00": 100, "2026-10-25T02:30:00+01:00": 7, // there are two
	} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.At(moment.In(berlin)); got != want {
			t.Errorf("at %s: %v, want %v", at, got, want)
		}
	}
	evening := time.Date(2026, 11, 25, 21, 15, 30, 0, berlin)
	if got := r.Next(evening); !got.Equal(time.Date(2026, 11, 26, 2, 30, 0, 0, berlin)) {
		t.Errorf("after %s the rate changes at %s", evening, got)
	}
	if got := r.Over(4).String(); got != "02:30,1.75 08:00,1.25 20:00,25" {
		t.Errorf("a quarter is %s", got)
	}
}

func TestHowLongARateTakes(t *testing.T) {
	at := func(clock string) time.Time {
		moment, err := time.Parse("15:04:05", clock)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	for _, c := range []struct {
		rate  string
		calls int
		from  string
		want  time.Duration
	}{
		{"20", 0, "12:00:00", 0}, {"20", 100, "12:00:00", 5 * time.Second}, {"0.5", 100, "12:00:00", 200 * time.Second},
		{"08:00,5 20:00,100", 6300, "19:59:00", 2 * time.Minute}, // 300, and 6,000 in a minute
		{"08:00,0 20:00,1", 10, "12:00:00", 8*time.Hour + 10*time.Second},
	} {
		r, err := ParseRate(c.rate)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Takes(c.calls, at(c.from)); got != c.want {
			t.Errorf("%d calls at %s from %s on: %s, want %s", c.calls, c.rate, c.from, got, c.want)
		}
	}
}

// Promise 7 by a timetable: no more than it says in any second, nothing while it pauses, and on within a second.
func TestPaceByATimetable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now() // a full minute, in any time zone
		clock := func(minutes time.Duration) string { return begin.Add(minutes * time.Minute).Format("15:04") }
		r, err := ParseRate(clock(0) + ",10 " + clock(1) + ",0 " + clock(2) + ",40")
		if err != nil {
			t.Fatal(err)
		}
		s := &server{latency: 20 * time.Millisecond}
		s.refuses = s.free
		drive(t, newPacer(r), s, 16, 3*time.Minute)
		for minute, want := range []int{600, 0, 2400} {
			from := begin.Add(time.Duration(minute) * time.Minute)
			if n := within(s.arrived, from, from.Add(time.Minute)); n > want || float64(n) < 0.95*float64(want) {
				t.Errorf("%d calls in minute %d, want %d", n, minute, want)
			}
		}
		if n := within(s.arrived, begin.Add(2*time.Minute), begin.Add(2*time.Minute+time.Second+time.Second/10)); n == 0 {
			t.Error("nothing leaves in the first second after a pause")
		}
	})
}

// A rate that is changed holds for those who wait already too: a lower one at once, a higher one within half a second,
// and at a rate of 0 nothing leaves.
func TestPaceChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{latency: 20 * time.Millisecond}
		s.refuses = s.free
		p := newPacer(PerSecond(1))
		start := time.Now()
		go func() {
			for _, rate := range []float64{40, 0, 10} {
				time.Sleep(time.Minute)
				p.change(PerSecond(rate))
			}
		}()
		drive(t, p, s, 16, 4*time.Minute)
		for minute, want := range []int{60, 2400, 0, 600} {
			from := start.Add(time.Duration(minute)*time.Minute + 1)
			if n := within(s.arrived, from, from.Add(time.Minute)); n > want || float64(n) < 0.95*float64(want) {
				t.Errorf("%d calls in minute %d, want %d", n, minute, want)
			}
		}
		for _, minute := range []time.Duration{1, 3} {
			from := start.Add(minute * time.Minute)
			if within(s.arrived, from, from.Add(600*time.Millisecond)) == 0 {
				t.Errorf("nothing leaves soon after minute %d, when the rate rose", minute)
			}
		}
	})
}
