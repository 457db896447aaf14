package job

import "testing"

func TestLimit(t *testing.T) {
	for _, c := range []struct {
		limit        string
		failed, done int
		reached      bool
	}{
		{"", 1000, 1000, false},
		{"0", 0, 50, false},
		{"0", 1, 50, true},
		{"5", 4, 50, false},
		{"5", 5, 50, true},
		{"10%", 999, 999, false}, // a share says nothing before the 1,000th user
		{"10%", 99, 1000, false},
		{"10%", 100, 1000, true},
		{"0%", 0, 5000, false},
		{"0%", 1, 5000, true},
		{"2.5%", 24, 1000, false},
		{"2.5%", 25, 1000, true},
	} {
		l, err := ParseLimit(c.limit)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Reached(c.failed, c.done, 1000); got != c.reached {
			t.Errorf("%s with %d of %d: reached %v, want %v", c.limit, c.failed, c.done, got, c.reached)
		}
		if l.String() != c.limit {
			t.Errorf("%q comes back as %q", c.limit, l)
		}
	}
}

func TestLimitOfDeletions(t *testing.T) {
	for _, c := range []struct {
		limit    string
		n, total int
		allowed  bool
	}{
		{"", 1 << 40, 0, true},
		{"0", 0, 0, true},
		{"0", 1, 0, false},
		{"500", 500, 0, true},
		{"500", 501, 0, false},
		{"5%", 50, 1000, true},
		{"5%", 51, 1000, false},
		{"5%", 1, 0, false}, // a pool that says it is empty allows nothing
		{"100%", 1000, 1000, true},
	} {
		l, err := ParseLimit(c.limit)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Allows(c.n, c.total); got != c.allowed {
			t.Errorf("%s: %d of %d allowed %v, want %v", c.limit, c.n, c.total, got, c.allowed)
		}
	}
}

func TestLimitThatIsNone(t *testing.T) {
	for _, s := range []string{"-1", "x", "1.5", "101%", "-1%", "NaN%", "%", "9999999999999999999"} {
		if l, err := ParseLimit(s); err == nil {
			t.Errorf("%q is taken for %s", s, l)
		}
	}
}
