package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

var (
	// createdAlone are members of CreateUserInfoDto that UpdateUserInfoDto has not.
	createdAlone = strings.Fields("salt otp departmentIds tenantIds identities metadataSource")
	// fixed are those that this sandbox finds users by, and does not change.
	fixed = strings.Fields("email phone username externalId customData")
)

// wrongUpdate says what update-user-batch has against a change, "" for nothing.
func (c person) wrongUpdate() string {
	for name, value := range c {
		switch {
		case name == "userId" || name == "metadata":
		case slices.Contains(createdAlone, name) || value == nil || !fits(name, value):
			return fmt.Sprintf("list.%s is not what it should be", name)
		case slices.Contains(fixed, name):
			return fmt.Sprintf("this sandbox does not change %s", name)
		}
	}
	if c.text("userId") == "" {
		return "userId must be a string"
	}
	return ""
}

// updateUsers changes 1 to 50 users, whom it names by user_id. Who does not exist is met as Unknown says.
func (s *Server) updateUsers(q *request) *answer {
	list, no := q.list()
	if no != nil {
		return no
	}
	for _, c := range list {
		if why := c.wrongUpdate(); why != "" {
			return refuse(400, 0, why)
		}
		if status, ok := s.cfg.Refused[c.text("userId")]; ok {
			return refuse(status, 0, "the batch is refused because of one of its users")
		}
		if _, ok := s.users.find("user_id", c.text("userId")); !ok && s.cfg.Unknown == UnknownNotFound {
			return s.unknown()
		}
	}
	if q.half {
		list = list[:len(list)/2]
	}
	shown, quirks := []map[string]any{}, s.cfg.Faults.Quirks
	for n, c := range list {
		i, ok := s.users.find("user_id", c.text("userId"))
		switch {
		case ok:
			s.users.update(i, c, quirks["resets"])
			if !quirks["none-shown"] && !(quirks["part-shown"] && n%2 == 1) {
				shown = append(shown, s.show(i, nil))
			}
		case s.cfg.Unknown != UnknownSucceeds:
			return s.unknown()
		}
	}
	return succeed(shown)
}

// update changes user i. Where the status becomes another one, the time is noted. reset: what is not given is lost.
func (u *users) update(i int, c person, reset bool) {
	change, now := person{}, stamp(time.Now())
	maps.Copy(change, u.own[i])
	if reset {
		change["name"], change["identities"] = nil, nil
	}
	if status := c["status"]; status != nil && status != u.show(i)["status"] {
		change["statusChangedAt"] = now
	}
	maps.Copy(change, c)
	delete(change, "password")
	change["updatedAt"] = now
	u.own[i] = change
}

// unknown is what a call is answered that names a user who does not exist, unless that is ignored.
func (s *Server) unknown() *answer {
	no := refuse(404, 2004, "the user does not exist")
	if s.cfg.Faults.Quirks["bare-404"] {
		no.api = 0
	}
	if s.cfg.Unknown == UnknownPartial422 {
		no = refuse(422, 0, "there is a user whom that cannot be done to")
	}
	return no
}
