package job

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"bulkdelete/pkg/client"
)

// ProbeRate is how many calls a second a probe makes at the most.
const ProbeRate = 5

// Finding is what a probe has found out about an API.
type Finding struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
	Means    string `json:"means"` // for the options of a run; "": nothing
}

// Probe finds out, with three users that it creates, what nobody documents of an API (docs/genauth-api.md, "What stays
// unknown"). The calls that change something name those three, and user IDs that nobody has.
type Probe struct {
	Client   *client.Client
	Names    []string // of the three, from ProbeNames
	Findings []Finding
	Open     int // questions that were asked, and are not settled

	users    []string      // the user_id of each
	reads    bool          // reading found all three
	readable time.Duration // for how long a deleted user could be read
}

var probeName = regexp.MustCompile(`^bulkdelete-probe-[0-9a-f]{16}-[1-3]$`)

// ProbeNames makes the usernames of three users that no pool has.
func ProbeNames() (names []string) {
	for i, part := 0, random(); i < 3; i++ {
		names = append(names, fmt.Sprintf("bulkdelete-probe-%s-%d", part, i+1))
	}
	return names
}

// AreProbeNames says whether all are usernames that ProbeNames could have made: no others are ever deleted.
func AreProbeNames(names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !probeName.MatchString(name) })
}

func random() string {
	var b [8]byte
	rand.Read(b[:]) //nolint:errcheck // never fails
	return hex.EncodeToString(b[:])
}

// nobody makes user_ids that nobody has: the time in them is that of 1970.
func nobody(n int) (ids []string) {
	for range n {
		ids = append(ids, "00000000"+random())
	}
	return ids
}

// Ask creates the three users and asks everything. Findings has what was found out, also if it fails. Who still exists
// afterwards is for Remove.
func (p *Probe) Ask(ctx context.Context) error {
	if err := p.create(ctx); err != nil {
		return err
	}
	for _, ask := range []func(context.Context) error{p.askReading, p.askAbsent, p.askHowMany, p.askHeaders, p.askRefusal,
		p.askUpdate, p.askUnknown, p.askTwice, p.askBatch} {
		if err := ask(ctx); err != nil {
			return err
		}
	}
	p.found("does a deletion end the user's sessions?", "not asked: nobody logs in as one of the three",
		"take it that sessions were not ended until you have tried it")
	return nil
}

func (p *Probe) found(question, answer, means string) {
	p.Findings = append(p.Findings, Finding{question, answer, means})
}

func (p *Probe) open(question, why string) {
	p.Open++
	p.found(question, "open: "+why, "the program is right either way")
}

func (p *Probe) create(ctx context.Context) error {
	var profiles []json.RawMessage
	for _, name := range p.Names {
		profiles = append(profiles, json.RawMessage(fmt.Sprintf(`{"username":%q,"name":"bulkdelete probe"}`, name)))
	}
	created, _, err := p.Client.CreateUsers(ctx, profiles)
	for _, raw := range created {
		if id := client.UserIDOf(raw); id != "" && !slices.Contains(p.users, id) {
			p.users = append(p.users, id)
		}
	}
	if err == nil && len(p.users) != len(p.Names) {
		err = errors.New("the answer does not show them all")
	}
	if err != nil {
		return fmt.Errorf("the three users could not be created: %w", err)
	}
	return nil
}

// read asks get-user-batch for users by their user_ids.
func (p *Probe) read(ctx context.Context, ids ...string) (client.Answer, error) {
	return p.Client.Ask(ctx, client.Question{IDType: "user_id", IDs: ids})
}

func (p *Probe) delete(ctx context.Context, ids ...string) (client.Answer, error) {
	return p.Client.Ask(ctx, client.Question{Delete: true, IDType: "user_id", IDs: ids})
}

// codes are those of an answer.
func codes(a client.Answer) string {
	text := fmt.Sprintf("HTTP %d", a.HTTPStatus)
	if a.StatusCode != 0 {
		text += fmt.Sprintf(", statusCode %d", a.StatusCode)
	}
	if a.APICode != 0 {
		text += fmt.Sprintf(", apiCode %d", a.APICode)
	}
	return text
}

// askReading reads all three, who may become readable some seconds after they were created.
func (p *Probe) askReading(ctx context.Context) error {
	a, err := p.until(ctx, longestLag, func(a client.Answer) bool { return p.sees(a, p.users...) }, p.users...)
	if err != nil {
		return err
	}
	if p.reads = p.sees(a, p.users...); p.reads {
		p.found("does reading find users?", "yes", "--verify, --backup, --match and --only can be used")
	} else {
		p.Open++
		p.found("does reading find users?", fmt.Sprintf("%d of 3 (%s)", len(a.UserIDs), codes(a)),
			"--verify, --backup, --match and --only cannot be used: a run with them stops")
	}
	id := "no request ID on success"
	means := "the proof has request IDs of failures alone"
	if a.RequestID != "" {
		id, means = "yes", "the vendor can look up each call of the proof"
	}
	p.found("do successes have a request ID?", id, means)
	p.askClock(a)
	return nil
}

// sees says whether a reading found all of ids.
func (p *Probe) sees(a client.Answer, ids ...string) bool {
	return !slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(a.UserIDs, id) })
}

func (p *Probe) askClock(a client.Answer) {
	const question = "how far are the clocks apart?"
	if a.Date.IsZero() {
		p.found(question, "the server does not say", "")
		return
	}
	by := time.Since(a.Date)
	switch {
	case by.Abs() <= 2*time.Second:
		p.found(question, "2 seconds at the most", "--auth signature can be used")
	case by > 0:
		p.found(question, fmt.Sprintf("this machine is %s ahead", by.Round(time.Second)),
			"--auth signature corrects that; dates of the proof are this machine's")
	default:
		p.found(question, fmt.Sprintf("this machine is %s behind", by.Abs().Round(time.Second)),
			"--auth signature corrects that; dates of the proof are this machine's")
	}
}

func (p *Probe) askAbsent(ctx context.Context) error {
	a, err := p.read(ctx, nobody(1)...)
	if err != nil {
		return err
	}
	const question = "what does reading a user who does not exist give?"
	switch {
	case len(a.UserIDs) > 0:
		return errors.New("the API shows a user under an ID that nobody has: nothing that it says can be believed")
	case a.Success:
		p.found(question, "an empty list", "who does not exist is absent at once")
	case a.NoData:
		p.found(question, "success without data", "believed after five attempts: reading nobody takes some seconds")
	case a.APICode == 2004 || a.APICode == 2210:
		p.found(question, "no such user ("+codes(a)+")", "who does not exist is absent at once")
	default:
		p.found(question, "a refusal ("+codes(a)+")", "--verify, --backup, --match and --only fail where nobody exists")
	}
	return nil
}

// askHowMany reads the three among users who do not exist, the first and the last place being theirs.
func (p *Probe) askHowMany(ctx context.Context) error {
	for _, n := range []int{21, 50} {
		ids := slices.Concat(p.users[:1], nobody(n-3), p.users[1:])
		a, err := p.read(ctx, ids...)
		if err != nil {
			return err
		}
		answer := fmt.Sprintf("no: finds %d of 3 (%s)", len(a.UserIDs), codes(a))
		if p.sees(a, p.users...) {
			answer = "yes"
		}
		p.found(fmt.Sprintf("does reading take %d IDs a call?", n), answer,
			fmt.Sprintf("nothing: the program asks for %d at a time", client.ReadBatch))
	}
	return nil
}

func (p *Probe) askHeaders(ctx context.Context) error {
	names := []string{"x-authing-userpool-id", "x-genauth-userpool-id"}
	var enough []string
	for i, name := range names {
		a, err := p.Client.Ask(ctx, client.Question{IDType: "user_id", IDs: p.users, Without: names[1-i : 2-i]})
		if err != nil {
			return err
		}
		if a.Success {
			enough = append(enough, name)
		}
	}
	bare, err := p.Client.Ask(ctx, client.Question{IDType: "user_id", IDs: p.users, Without: names})
	if err != nil {
		return err
	}
	answer := "both are needed"
	switch {
	case bare.Success:
		answer = "none is needed"
	case len(enough) > 0:
		answer = strings.Join(enough, " or ") + "; without: " + codes(bare)
	}
	p.found("which header names the user pool?", answer, "nothing: the program sends both, or signs")
	return nil
}

func (p *Probe) askRefusal(ctx context.Context) error {
	a, err := p.Client.Ask(ctx, client.Question{IDType: "user_id", IDs: p.users, Broken: true})
	if err != nil {
		return err
	}
	const question = "what is broken authority answered?"
	switch {
	case a.Success:
		p.found(question, "it is accepted", "something in front of the API answers for it: do not go on")
	case a.HTTPStatus == 401 || a.StatusCode == 401 || slices.Contains([]int{2020, 2206, 2207, 1300}, a.APICode):
		p.found(question, codes(a), "nothing: the program renews a token once, and then stops")
	default:
		p.Open++
		p.found(question, codes(a), "the program cannot tell that from other refusals: a run longer than a token fails")
	}
	return nil
}
