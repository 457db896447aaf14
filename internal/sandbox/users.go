package sandbox

import (
	"fmt"
	"iter"
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

// users are the pool's users by number. Of those that it begins with only the IDs they came with are stored; all
// else is made from the number, so that a million users take little memory. Those created later have the numbers
// after these.
type users struct {
	idType  string
	ids     []string // of idType
	numbers map[string]int32
	created []created
	byID    map[string]int  // of created users, gone ones too: type, a blank and ID
	deleted []uint8         // how many times
	goneAt  []int64         // when last, in nanoseconds
	custom  map[string]bool // the keys of custom data that the pool defines; none: any
	living  int
	given   given
	changed map[int]created // what update-user-batch has changed, by the user's number
}

// created is a user of create-users-batch: what came, and what the API added.
type created map[string]any

func newUsers(idType string, ids iter.Seq[string]) *users {
	u := &users{idType: idType, numbers: map[string]int32{}, byID: map[string]int{},
		changed: map[int]created{}}
	if ids == nil {
		return u
	}
	u.custom = map[string]bool{"employeeNo": idType != "custom_field"}
	for id := range ids {
		if key, _, _ := strings.Cut(id, ":"); idType == "custom_field" {
			u.custom[key] = true
		}
		if _, known := u.numbers[fold(idType, id)]; !known {
			u.numbers[fold(idType, id)] = int32(len(u.ids))
			u.ids = append(u.ids, id)
		}
	}
	u.deleted, u.goneAt = make([]uint8, len(u.ids)), make([]int64, len(u.ids))
	u.living = len(u.ids)
	return u
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
	if id, ok := u.given.value(i, idMember[idType]); ok {
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

// optional are the members of a user that are shown only if they are asked for, by what asks for them.
var optional = map[string]string{"withIdentities": "identities", "withCustomData": "customData",
	"withDepartmentIds": "departmentIds", "withTenantIds": "tenantIds"}

// showPart gives user i with no more than was asked for.
func (u *users) showPart(i int, asked map[string]any) map[string]any {
	out := u.show(i)
	for ask, member := range optional {
		if asked[ask] != "true" && asked[ask] != true {
			delete(out, member)
		}
	}
	return out
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
	if i >= len(u.ids) {
		maps.Copy(out, u.created[i-len(u.ids)])
	} else {
		maps.Copy(out, u.first(i))
	}
	maps.Copy(out, u.changed[i])
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
	u.given.put(i, out)
	return out
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// idMember is the member of a user that holds an ID of a type; "": that is no member.
var idMember = map[string]string{"user_id": "userId", "external_id": "externalId",
	"email": "email", "phone": "phone", "username": "username"}

// keys are all IDs that name the user, as byID has them.
func (c created) keys() (keys []string) {
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
		keys = append(keys, fmt.Sprintf("custom_field %s:%v", name, value))
	}
	return keys
}

// unique are the types of ID that no two users share.
var unique = []string{"external_id", "email", "phone", "username", "identity"}

// add creates a user and gives the number.
func (u *users) add(c created) int {
	i := len(u.ids) + len(u.created)
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
	u.created = append(u.created, c)
	u.deleted, u.goneAt = append(u.deleted, 0), append(u.goneAt, 0)
	u.living++
	for _, key := range c.keys() {
		u.byID[key] = i
	}
	return i
}
