package job

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Limit is a number of users, or a share of them: the N|P% of --max-failures, --max-deletes and --max-rejected. The
// zero Limit sets none.
type Limit struct {
	text  string // as it was given; "": no limit
	share bool
	value float64
}

// ParseLimit reads "500" or "2.5%"; an empty text is no limit.
func ParseLimit(s string) (Limit, error) {
	if s == "" {
		return Limit{}, nil
	}
	if p, ok := strings.CutSuffix(s, "%"); ok {
		f, err := strconv.ParseFloat(p, 64)
		if err != nil || !(f >= 0 && f <= 100) {
			return Limit{}, fmt.Errorf("%q is not a share: give 0%% to 100%%, or a number of users", s)
		}
		return Limit{s, true, f}, nil
	}
	n, err := strconv.ParseUint(s, 10, 48)
	if err != nil {
		return Limit{}, fmt.Errorf("%q is not a number of users: give one such as 500, or a share such as 10%%", s)
	}
	return Limit{s, false, float64(n)}, nil
}

// IsPercent says whether the limit is a share.
func (l Limit) IsPercent() bool { return l.share }

// String gives the limit as it was given.
func (l Limit) String() string { return l.text }

// of gives the limit as a number, of total users.
func (l Limit) of(total int) float64 {
	switch {
	case l.text == "":
		return math.Inf(1)
	case l.share:
		return l.value / 100 * float64(total)
	}
	return l.value
}

// Allows says whether deleting n users of a pool of total stays within the limit.
func (l Limit) Allows(n, total int) bool { return float64(n) <= l.of(total) }

// Reached says whether n of total are as many as the limit names or more. A share counts from a total of from on: of a
// few, one would be half of everything. A limit of 0 is reached by the first.
func (l Limit) Reached(n, total, from int) bool {
	early := l.share && total < from
	return n > 0 && !early && float64(n) >= l.of(total)
}
