package sandbox

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Outage is a time without any answer, which begins once a share of the users that the pool began with is gone.
type Outage struct {
	For  time.Duration
	From float64 // 0 to 1
}

// parseOutage reads "20s@30%"; "20s" alone begins at once.
func parseOutage(value string) (o Outage, err error) {
	length, from, _ := strings.Cut(value, "@")
	if o.For, err = time.ParseDuration(length); err == nil && from != "" {
		o.From, err = parseShare(from)
	}
	if err != nil || o.For <= 0 {
		return o, errors.New("give a time and when it begins, such as 20s@30%")
	}
	return o, nil
}

// parseShare reads 30% or 0.3.
func parseShare(value string) (share float64, err error) {
	number, isPercent := strings.CutSuffix(value, "%")
	share, err = strconv.ParseFloat(number, 64)
	if isPercent {
		share /= 100
	}
	if err != nil || !(share >= 0 && share <= 1) {
		return 0, errors.New("give a share such as 5%")
	}
	return share, nil
}

// isOut says whether nobody answers at present. What happens once in a night happens here: the outage begins, and all
// tokens that were given are taken back.
func (s *Server) isOut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, now := s.cfg.Faults, time.Now()
	gone := 1 - float64(s.users.living)/float64(max(1, len(s.users.ids)))
	if f.Revoke != nil && gone >= *f.Revoke && !s.revoked {
		clear(s.auth.tokens)
		s.revoked = true
	}
	if f.Outage.For > 0 && gone >= f.Outage.From && s.outage.IsZero() {
		s.outage = now.Add(f.Outage.For)
	}
	return now.Before(s.outage)
}
