package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

var idTypes = []string{"user_id", "external_id", "phone", "email", "username",
	"identity", "sync_relation", "custom_field"}

// made are the IDs that are made up from a user's number.
var made = map[string]string{
	"user_id": "5a%022x", "external_id": "external-%d", "phone": "139%08d", "email": "user%d@example.com",
	"username": "user-%d", "identity": "5b0000000000000000000000:idp-%d", "sync_relation": "lark:ou-%d",
	"custom_field": "employeeNo:%d",
}

// users are the pool's users by number. Of those that it begins with only the IDs they came with and what was said of
// them are stored; all else is made from the number, so that a million users take little memory. Those created later
// have the numbers after these.
type users struct {
	idType  string
	ids     []string // of idType
	numbers map[string]int32
	members []string        // that were given of those that the pool begins with, such as email
	values  [][]string      // of these members, by number; "": null
	byID    map[string]int  // of created users, and by given members, gone ones too: type, a blank and ID
	indexed map[string]bool // the types of ID that byID has of given members
	own     map[int]person  // what was created, or changed since, by number
	deleted []uint8         // how many times
	goneAt  []int64         // when last, in nanoseconds
	custom  map[string]bool // the keys of custom data that the pool defines; none: any
	living  int
}

// person holds members of a user, as calls name them.
type person map[string]any

func newUsers(cfg Config) *users {
	u := &users{idType: cfg.IDType, numbers: map[string]int32{}, members: cfg.Members, byID: map[string]int{},
		indexed: map[string]bool{}, own: map[int]person{}}
	if cfg.IDs != nil || cfg.Users != nil {
		u.custom = map[string]bool{"employeeNo": cfg.IDType != "custom_field"}
	}
	if cfg.IDs != nil {
		for id := range cfg.IDs {
			u.begin(id, nil)
		}
	}
	if cfg.Users != nil {
		for id, values := range cfg.Users {
			u.begin(id, values)
		}
	}
	return u
}

// begin adds a user to those that the pool begins with, or says something else of one.
func (u *users) begin(id string, values []string) {
	if key, _, _ := strings.Cut(id, ":"); u.idType == "custom_field" {
		u.custom[key] = true
	}
	i, known := u.numbers[fold(u.idType, id)]
	if !known {
		i = int32(len(u.ids))
		u.numbers[fold(u.idType, id)] = i
		u.ids, u.values = append(u.ids, id), append(u.values, nil)
		u.deleted, u.goneAt, u.living = append(u.deleted, 0), append(u.goneAt, 0), u.living+1
	}
	u.values[i] = values
}

// given is what was said of user i for a member; false: nothing was.
func (u *users) given(i int, member string) (string, bool) {
	at := slices.Index(u.members, member)
	if at < 0 || u.values[i] == nil {
		return "", false
	}
	return u.values[i][at], true
}

// index finds users by a type of ID that was given, from now on.
func (u *users) index(idType string) {
	if u.indexed[idType] || !slices.Contains(u.members, idMember[idType]) {
		return
	}
	u.indexed[idType] = true
	for i := range u.ids {
		if id, _ := u.given(i, idMember[idType]); id != "" {
			u.byID[idType+" "+fold(idType, id)] = i
		}
	}
}

// fold makes IDs that are the same user's the same text: e-mail addresses are compared without regard to case.
func fold(idType, id string) string {
	if idType == "email" {
		return strings.ToLower(id)
	}
	return id
}

// find gives the number of a user who exists.
func (u *users) find(idType, id string) (int, bool) {
	u.index(idType)
	if i, ok := u.byID[idType+" "+fold(idType, id)]; ok && u.deleted[i] == 0 {
		return i, true
	}
	i, ok := u.lookup(idType, id)
	return i, ok && u.deleted[i] == 0
}

// lookup gives the number of a user that the pool began with, who may be gone.
func (u *users) lookup(idType, id string) (int, bool) {
	id = fold(idType, id)
	if idType == u.idType {
		i, ok := u.numbers[id]
		return int(i), ok
	}
	var n int
	_, err := fmt.Sscanf(id, made[idType], &n)
	return n, err == nil && n >= 0 && n < len(u.ids) && u.id(n, idType) == id
}

// id gives an ID of user i, one of those that the pool began with.
func (u *users) id(i int, idType string) string {
	if idType == u.idType {
		return u.ids[i]
	}
	if id, ok := u.given(i, idMember[idType]); ok {
		return id
	}
	return fmt.Sprintf(made[idType], i)
}

// remove deletes a user and says whether there was one.
func (u *users) remove(idType, id string) bool {
	i, ok := u.find(idType, id)
	if !ok {
		return false
	}
	u.deleted[i]++
	u.goneAt[i] = time.Now().UnixNano()
	u.living--
	return true
}

// read gives the number of a user who can be read, which is possible for some time after the deletion.
func (u *users) read(idType, id string, lag time.Duration) (int, bool) {
	i, ok := u.find(idType, id)
	if !ok && lag > 0 {
		if i, ok = u.byID[idType+" "+fold(idType, id)]; !ok {
			i, ok = u.lookup(idType, id)
		}
		ok = ok && time.Since(time.Unix(0, u.goneAt[i])) < lag
	}
	return i, ok
}

// nulls are the members that real users have as null where nothing is known.
var nulls = append(strings.Fields("lastLogin lastIp lastLoginApp lastMfaTime loginsCount mainDepartmentId "+
	"passwordLastSetAt passwordSecurityLevel postIdList registerSource statusChangedAt userSourceId tenantId"),
	slices.DeleteFunc(slices.Clone(stringMembers), func(s string) bool { return s == "password" || s == "salt" })...)

// show gives user i as the API describes users: with all members, nulls among them.
func (u *users) show(i int) map[string]any {
	out := make(map[string]any, 64)
	for _, name := range nulls {
		out[name] = nil
	}
	maps.Copy(out, map[string]any{"workStatus": "Active", "status": "Activated", "gender": "U", "emailVerified": false,
		"phoneVerified": false, "userSourceType": "adminCreated", "resetPasswordOnNextLogin": false})
	if i < len(u.ids) {
		maps.Copy(out, u.first(i))
	}
	maps.Copy(out, u.own[i])
	return out
}

// first gives what one of those whom the pool began with has. One in ten has never logged in, and one in ten has had
// no other status than the first.
func (u *users) first(i int) map[string]any {
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second)
	idp, inIdp, _ := strings.Cut(u.id(i, "identity"), ":")
	provider, synced, _ := strings.Cut(u.id(i, "sync_relation"), ":")
	key, value, _ := strings.Cut(u.id(i, "custom_field"), ":")
	out := map[string]any{
		"userId": u.id(i, "user_id"), "createdAt": stamp(at), "updatedAt": stamp(at), "loginsCount": i % 10,
		"externalId": u.id(i, "external_id"), "username": u.id(i, "username"),
		"email": u.id(i, "email"), "phone": u.id(i, "phone"),
		"identities": []map[string]any{
			{"identityId": fmt.Sprintf("5c%022x", i), "extIdpId": idp, "provider": "oidc", "type": "generic",
				"userIdInIdp": inIdp, "userInfoInIdp": map[string]any{}, "originConnIds": []string{}},
			{"identityId": fmt.Sprintf("5d%022x", i), "extIdpId": "5e0000000000000000000000", "provider": provider,
				"type": "open_id", "userIdInIdp": synced, "userInfoInIdp": map[string]any{}, "originConnIds": []string{}},
		},
		"customData":    map[string]any{key: value},
		"departmentIds": []string{fmt.Sprintf("5f%022x", i%3)},
		"tenantIds":     []string{},
	}
	if i%10 > 0 {
		out["lastLogin"] = stamp(at.AddDate(0, 0, i%600))
	}
	if i%10 != 1 {
		out["statusChangedAt"] = stamp(at.AddDate(0, 0, i%300))
	}
	for _, member := range u.members {
		if value, ok := u.given(i, member); value != "" {
			out[member] = value
		} else if ok {
			out[member] = nil
		}
	}
	return out
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// idMember is the member of a user that holds an ID of a type; "": that is no member.
var idMember = map[string]string{"user_id": "userId", "external_id": "externalId",
	"email": "email", "phone": "phone", "username": "username"}

// keys are all IDs that name the user, as byID has them.
func (c person) keys() (keys []string) {
	for _, t := range idTypes {
		if id, _ := c[idMember[t]].(string); id != "" {
			keys = append(keys, t+" "+fold(t, id))
		}
	}
	identities, _ := c["identities"].([]any)
	for _, each := range identities {
		m, _ := each.(map[string]any)
		keys = append(keys, fmt.Sprintf("identity %v:%v", m["extIdpId"], m["userIdInIdp"]),
			fmt.Sprintf("sync_relation %v:%v", m["provider"], m["userIdInIdp"]))
	}
	custom, _ := c["customData"].(map[string]any)
	for name, value := range custom {
		keys = append(keys, "custom_field "+name+":"+text(value))
	}
	return keys
}

// unique are the types of ID that no two users share.
var unique = []string{"external_id", "email", "phone", "username", "identity"}

// add creates a user and gives the number.
func (u *users) add(c person) int {
	i := len(u.deleted)
	at := stamp(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second))
	c["userId"], c["createdAt"], c["updatedAt"], c["statusChangedAt"] = fmt.Sprintf("6a%022x", i), at, at, at
	delete(c, "password")
	delete(c, "salt")
	delete(c, "otp")
	identities, _ := c["identities"].([]any)
	for n, each := range identities {
		if m, ok := each.(map[string]any); ok {
			m["identityId"] = fmt.Sprintf("6b%020x%02x", i, n)
		}
	}
	u.own[i] = c
	u.deleted, u.goneAt = append(u.deleted, 0), append(u.goneAt, 0)
	u.living++
	for _, key := range c.keys() {
		u.byID[key] = i
	}
	return i
}
