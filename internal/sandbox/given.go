package sandbox

import (
	"iter"
	"slices"
)

// given is what the users that the pool began with were said to be, beyond their IDs.
type given struct {
	members []string   // of a user, such as email
	values  [][]string // by the user's number; "": null
	indexed []string   // types of ID that byID has of them
}

// know gives users values of members, in the place of made-up ones.
func (u *users) know(members []string, all iter.Seq2[string, []string]) {
	u.given = given{members: members, values: make([][]string, len(u.ids))}
	for id, values := range all {
		u.given.values[u.numbers[fold(u.idType, id)]] = values
	}
}

// value is what was given of user i for a member; false: nothing was.
func (g given) value(i int, member string) (string, bool) {
	if at := slices.Index(g.members, member); at >= 0 && i < len(g.values) {
		return g.values[i][at], true
	}
	return "", false
}

// index finds users by a type of ID that was given, from now on.
func (u *users) index(idType string) {
	if !slices.Contains(u.given.members, idMember[idType]) || slices.Contains(u.given.indexed, idType) {
		return
	}
	u.given.indexed = append(u.given.indexed, idType)
	for i := range u.ids {
		if id, _ := u.given.value(i, idMember[idType]); id != "" {
			u.byID[idType+" "+fold(idType, id)] = i
		}
	}
}

// put sets what was given of user i.
func (g given) put(i int, out map[string]any) {
	for _, member := range g.members {
		if value, _ := g.value(i, member); value != "" {
			out[member] = value
		} else {
			out[member] = nil
		}
	}
}

// firsts are the first halves of pairs.
func firsts[A, B any](pairs iter.Seq2[A, B]) iter.Seq[A] {
	return func(yield func(A) bool) {
		for a := range pairs {
			if !yield(a) {
				return
			}
		}
	}
}
