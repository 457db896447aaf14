package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bulkdelete/pkg/client"
)

const (
	longestLag  = 15 * time.Second // that reading back waits for: the sum of lags
	longestLook = time.Minute      // that a probe looks for a deleted user
	moment      = time.Second / 2  // between two looks
)

// until reads users until the answer is as wanted, or for so long.
func (p *Probe) until(ctx context.Context, most time.Duration, wanted func(client.Answer) bool, ids ...string) (
	client.Answer, error,
) {
	for began := time.Now(); ; {
		a, err := p.read(ctx, ids...)
		denied := slices.Contains([]int{401, 402, 403}, a.StatusCode) // which no waiting mends
		if err != nil || denied || wanted(a) || time.Since(began) >= most {
			return a, err
		}
		if !sleep(ctx, moment) {
			return a, client.Stopped
		}
	}
}

// isGone says whether an answer is that nobody, or only others, can be found.
func isGone(a client.Answer, id string) bool {
	said := a.Success || a.NoData || a.APICode == 2004 || a.APICode == 2210
	return said && !slices.Contains(a.UserIDs, id)
}

func (p *Probe) askUnknown(ctx context.Context) error {
	a, err := p.delete(ctx, nobody(1)...)
	if err != nil {
		return err
	}
	const question = "what is the deletion of an unknown ID alone answered?"
	switch {
	case a.Success:
		p.found(question, "success", "who was gone before counts as deleted; --backup or --only look first, and tell")
	case a.APICode == 2004 || a.APICode == 2210:
		p.found(question, "no such user ("+codes(a)+")", "who was gone before is absent at once")
	default:
		p.found(question, "refused ("+codes(a)+")", "each such user is read back before being called absent")
	}
	return nil
}

// askTwice deletes the third user with the ID given twice, and looks how long that user can be read: where it was
// refused, after a deletion that names the user once.
func (p *Probe) askTwice(ctx context.Context) error {
	const question = "what is a deletion that names an ID twice answered?"
	id, means := p.users[2], "nothing: the program names nobody twice"
	said, err := p.delete(ctx, id, id)
	if err != nil {
		return err
	}
	read, err := p.watch(ctx, id)
	switch {
	case err != nil:
		return err
	case said.Success:
		p.found(question, "success", means)
	case isGone(read, id) && p.sees(read, p.users[0]):
		p.found(question, "the user is deleted, and the answer is a failure ("+codes(said)+")", means)
	case !p.sees(read, p.users[0]):
		p.open(question, "answered "+codes(said)+", and reading does not find who exists")
	default:
		p.found(question, "refused ("+codes(said)+")", means)
		if said, err = p.delete(ctx, id); err != nil {
			return err
		}
		if read, err = p.watch(ctx, id); err != nil {
			return err
		}
	}
	p.judgeReadable(said, read, id)
	return nil
}

// watch reads a user until nobody is found, and takes the time. One who exists is asked for too, so that an answer
// without both says nothing.
func (p *Probe) watch(ctx context.Context, id string) (client.Answer, error) {
	began := time.Now()
	a, err := p.until(ctx, longestLook, func(a client.Answer) bool {
		return isGone(a, id) || !p.sees(a, p.users[0])
	}, id, p.users[0])
	p.readable = time.Since(began)
	return a, err
}

func (p *Probe) judgeReadable(said, read client.Answer, id string) {
	const question = "how long can a deleted user be read?"
	took := "about " + p.readable.Round(time.Second/10).String()
	switch {
	case !p.sees(read, p.users[0]):
		p.open(question, "reading does not find who exists ("+codes(read)+")")
	case !isGone(read, id) && !said.Success:
		p.open(question, "the deletion was refused ("+codes(said)+")")
	case !isGone(read, id):
		p.found(question, fmt.Sprintf("longer than %s", longestLook), "--verify would call everybody failed: leave it out")
	case p.readable > longestLag:
		p.found(question, took, fmt.Sprintf("--verify waits for %s, and would call users failed: leave it out", longestLag))
	case p.readable > time.Second:
		p.found(question, took, "--verify waits that long after each chunk")
	default:
		p.found(question, "not at all: gone within a second", "--verify takes a call or three a chunk, and no waiting")
	}
}

// askBatch deletes the first two users with an unknown ID between them.
func (p *Probe) askBatch(ctx context.Context) error {
	const question = "what becomes of a batch with one unknown ID?"
	first, last := p.users[0], p.users[1]
	said, err := p.delete(ctx, first, nobody(1)[0], last)
	if err != nil {
		return err
	}
	wait := min(p.readable+p.readable/2+2*time.Second, longestLook)
	a, err := p.until(ctx, wait, func(a client.Answer) bool { return isGone(a, first) && isGone(a, last) }, first, last)
	if err != nil {
		return err
	}
	p.judgeBatch(question, said, a, isGone(a, first), isGone(a, last))
	return nil
}

func (p *Probe) judgeBatch(question string, said, read client.Answer, first, last bool) {
	believed := p.reads && p.readable < longestLook && (read.Success || first && last)
	switch {
	case !believed:
		p.open(question, "answered "+codes(said)+", and reading does not tell who was deleted")
	case said.Success && first && last:
		p.found(question, "the unknown ID is ignored, the others are deleted: success",
			"a batch takes one call, whoever is gone already")
	case said.Success:
		p.found(question, "success, and users are left", "--verify is needed: success does not mean deleted")
	case !first && !last:
		p.found(question, "refused as a whole, nobody is deleted ("+codes(said)+")",
			"batches with absent users are taken apart, with more calls; --backup or --only name only who exists")
	case first && last:
		p.found(question, "the others are deleted, and the answer is a failure ("+codes(said)+")",
			"who is gone afterwards is read back and counts as deleted")
	default:
		p.found(question, "part is done, then a failure ("+codes(said)+")",
			"batches with absent users are taken apart; who is gone afterwards is read back and counts as deleted")
	}
}

// RemoveProbe deletes those of users with these names who exist, one a call, and gives the names of those who may
// exist all the same. All are named at first, since who was just created may not be readable yet. Where reading cannot
// be believed, the answers to the deletions are.
func RemoveProbe(ctx context.Context, api *client.Client, names []string) (left []string, err error) {
	if left = names; !AreProbeNames(names) {
		return left, errors.New("these are not the names of users that a probe made")
	}
	for began := time.Now(); ; {
		var refused []string
		for _, name := range left {
			if _, failed := api.DeleteUsers(ctx, "username", []string{name}); failed != nil &&
				!errors.Is(failed, client.NotFound) {
				refused, err = append(refused, name), failed
			}
		}
		living, _, blind := api.Existing(ctx, "username", left)
		switch {
		case blind != nil:
			return refused, err
		case len(living) == 0:
			return nil, nil
		case time.Since(began) > longestLook:
			return living, err
		}
		if left = living; !sleep(ctx, moment) {
			return left, context.Cause(ctx)
		}
	}
}
