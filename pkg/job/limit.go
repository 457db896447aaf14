package job

import (
	"fmt"
	"strconv"
	"strings"
)

// Limit is a number of users, or a share of them: the N|P% of --max-failures and --max-deletes. The zero Limit sets
// none.
type Limit struct {
	unit  byte // 0: no limit, 'n': users, '%': a share of them
	value float64
}

// percentFrom is the number of users from which on a share of them says something.
const percentFrom = 1000

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
		return Limit{unit: '%', value: f}, nil
	}
	n, err := strconv.ParseUint(s, 10, 48)
	if err != nil {
		return Limit{}, fmt.Errorf("%q is not a number of users: give one such as 500, or a share such as 10%%", s)
	}
	return Limit{unit: 'n', value: float64(n)}, nil
}

// IsPercent says whether the limit is a share.
func (l Limit) IsPercent() bool { return l.unit == '%' }

// reached says whether failed users, of done users, are as many as the limit names or more. A share counts from the
// 1,000th user on: before that one bad chunk would be half of everything. A limit of 0 is reached by the first failure.
func (l Limit) reached(failed, done int) bool {
	switch {
	case l.unit == 0 || failed == 0:
		return false
	case l.IsPercent():
		return done >= percentFrom && float64(failed) >= l.value/100*float64(done)
	}
	return float64(failed) >= l.value
}

// Allows says whether deleting n users of a pool of total stays within the limit.
func (l Limit) Allows(n, total int) bool {
	switch {
	case l.unit == 0:
		return true
	case l.IsPercent():
		return float64(n) <= l.value/100*float64(total)
	}
	return float64(n) <= l.value
}

// String gives the limit as ParseLimit reads it.
func (l Limit) String() string {
	switch l.unit {
	case 0:
		return ""
	case '%':
		return strconv.FormatFloat(l.value, 'f', -1, 64) + "%"
	}
	return strconv.FormatFloat(l.value, 'f', -1, 64)
}
