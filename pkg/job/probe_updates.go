package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
)

const keepsOf = "does update-user-batch keep the other fields?"

// askUpdate suspends the first two users, looks what the answer names and what has become of them, and sets them back.
func (p *Probe) askUpdate(ctx context.Context) error {
	two, before := p.users[:2], p.pairs(ctx)
	if before == nil {
		p.open(keepsOf, "the users cannot be read before")
		return nil
	}
	said, err := p.Client.Ask(ctx, client.Question{Status: suspended, IDs: two})
	if err != nil {
		return err
	}
	after := p.pairs(ctx)
	for began := time.Now(); after != nil && StatusOf(after[1]) != suspended && time.Since(began) < longestLag; {
		if !sleep(ctx, moment) {
			return client.Stopped
		}
		after = p.pairs(ctx)
	}
	if p.judgeUpdate(said, before, after); StatusOf(before[0]) == "" {
		return nil
	}
	_, err = p.Client.Ask(ctx, client.Question{Status: StatusOf(before[0]), IDs: two})
	return err
}

// pairs reads the first two users whole; nil: that cannot be had.
func (p *Probe) pairs(ctx context.Context) []json.RawMessage {
	list, _, err := p.Client.Profiles(ctx, chunker.UserID, p.users[:2])
	if err != nil || len(list[0]) != 1 || len(list[1]) != 1 {
		return nil
	}
	return []json.RawMessage{list[0][0], list[1][0]}
}

func (p *Probe) judgeUpdate(said client.Answer, before, after []json.RawMessage) {
	differ := map[string]bool{}
	for i := range after {
		var was, is map[string]any
		if err := errors.Join(json.Unmarshal(before[i], &was), json.Unmarshal(after[i], &is)); err != nil {
			differ["everything"] = true
		}
		for _, name := range slices.Concat(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is))) {
			differ[name] = differ[name] || !reflect.DeepEqual(was[name], is[name])
		}
	}
	changed, noted := differ["status"], differ["statusChangedAt"]
	maps.DeleteFunc(differ, func(name string, is bool) bool {
		return !is || slices.Contains([]string{"status", "statusChangedAt", "updatedAt"}, name)
	})
	switch {
	case after == nil:
		p.open(keepsOf, "answered "+codes(said)+", and the users cannot be read afterwards")
		return
	case !changed && said.Success:
		p.found(keepsOf, "success, and the status is as it was", "--suspend would call everybody failed")
		return
	case !changed:
		p.found(keepsOf, "refused ("+codes(said)+")", "--suspend cannot be used")
		return
	case len(differ) > 0:
		p.found(keepsOf, "no: other ones afterwards are "+strings.Join(slices.Sorted(maps.Keys(differ)), ", "),
			"--suspend would lose them: do not use it")
	default:
		p.found(keepsOf, "yes", "--suspend and restore change the status alone")
	}
	p.found("does its answer name every user?", fmt.Sprintf("%d of 2", len(said.UserIDs)),
		"nothing: who is not named is read back, in up to 3 calls a chunk")
	means := map[bool]string{true: "--only status-changed<30d-ago can be used",
		false: "--only status-changed spares whom --suspend has suspended"}[noted]
	p.found("does it note when the status was changed?", map[bool]string{true: "yes", false: "no"}[noted], means)
}
