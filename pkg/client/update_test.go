package client

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"bulkdelete/internal/sandbox"
)

// A status is set by user_id, whichever way the call is authorized, and the answer is matched by it.
func TestSetStatuses(t *testing.T) {
	for _, auth := range []string{"token", "signature"} {
		for spec, shows := range map[string]int{"": 2, "part-shown": 1, "none-shown": 0} {
			synctest.Test(t, func(t *testing.T) {
				faults, err := sandbox.ParseFaults(spec)
				if err != nil {
					t.Fatal(err)
				}
				ids := []string{strings.Repeat("a", 24), strings.Repeat("b", 24)}
				api, err := sandbox.New(sandbox.Config{IDs: slices.Values(ids), Faults: faults,
					Unknown: sandbox.UnknownNotFound})
				if err != nil {
					t.Fatal(err)
				}
				c := newClient(t, api, func(c *Config) { c.Auth = auth })
				shown, receipt, err := c.SetStatuses(t.Context(), []UserStatus{{ids[0], "Suspended"}, {ids[1], "Archived"}})
				if err != nil || len(shown) != shows || receipt.Attempts != 1 {
					t.Fatalf("%s: %d shown, %+v, %v", spec, len(shown), receipt, err)
				}
				if shows > 0 && !strings.Contains(string(shown[ids[0]]), `"Suspended"`) {
					t.Errorf("%s: %s", spec, shown[ids[0]])
				}
				now, _, err := c.Profiles(t.Context(), "user_id", ids)
				if err != nil || !strings.Contains(string(now[0][0]), `"Suspended"`) ||
					!strings.Contains(string(now[1][0]), `"Archived"`) {
					t.Errorf("%s: %s, %v", spec, now, err)
				}
				if _, _, err := c.SetStatuses(t.Context(), []UserStatus{{"x", "Archived"}}); !errors.Is(err, NotFound) {
					t.Errorf("%s: nobody: %v", spec, err)
				}
			})
		}
	}
}
