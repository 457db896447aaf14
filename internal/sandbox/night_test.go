package sandbox

import (
	"testing"
	"testing/synctest"
	"time"
)

// An outage begins once its share of the users is gone, answers nobody, and ends; tokens are taken back once.
func TestABadNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Config{}, 10)
		key := token(t, s)
		var err error
		if s.cfg.Faults, err = ParseFaults("outage=20s@30%,revoke=50%"); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if a := send(t, s, authorized(deletion(userID(i)), key)); a.StatusCode != 200 {
				t.Fatalf("before the outage: %s", a.body)
			}
		}
		for range 2 {
			if a := send(t, s, authorized(deletion(userID(3)), key)); !a.cut || s.Len() != 7 {
				t.Errorf("in the outage: %s, %d users", a.body, s.Len())
			}
			time.Sleep(19 * time.Second)
		}
		for i := 3; i < 5; i++ {
			if a := send(t, s, authorized(deletion(userID(i)), key)); a.StatusCode != 200 {
				t.Errorf("after it: %s", a.body)
			}
		}
		if a := send(t, s, authorized(deletion(userID(5)), key)); a.StatusCode == 200 || s.Len() != 5 {
			t.Errorf("with a token that was taken back: %s", a.body)
		}
		if a := send(t, s, authorized(deletion(userID(5)), token(t, s))); a.StatusCode != 200 {
			t.Errorf("with a new token: %s", a.body)
		}
	})
	for _, wrong := range []string{"outage=30%", "outage=-1s", "outage=1s@200%", "revoke=x", "revoke"} {
		if _, err := ParseFaults(wrong); err == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
}
