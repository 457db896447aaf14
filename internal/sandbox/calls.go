package sandbox

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// getToken exchanges the access key for a management token.
func (s *Server) getToken(q *request) *answer {
	var in struct{ AccessKeyID, AccessKeySecret string }
	if no := q.read(&in); no != nil {
		return no
	}
	if in.AccessKeyID != s.cfg.AccessKeyID || in.AccessKeySecret != s.cfg.AccessKeySecret {
		return refuse(401, 2020, "the access key is not valid")
	}
	seconds := int(s.cfg.TokenLifetime / time.Second)
	return succeed(map[string]any{"access_token": s.issue(), "expires_in": seconds})
}

// members are the names that a call's body may have, letter by letter, those inside of objects with the way to them.
// The users of create-users-batch and update-user-batch have checks of their own.
var members = map[string][]string{
	"get-management-token": {"accessKeyId", "accessKeySecret"},
	"delete-users-batch":   {"userIds", "options", "options.userIdType"},
	"update-user-batch": strings.Fields("list options options.resetPasswordOnNextLogin " +
		"options.passwordEncryptType options.autoGeneratePassword options.sendPasswordResetedNotification " +
		"options.sendPasswordResetedNotification.sendDefaultEmailNotification " +
		"options.sendPasswordResetedNotification.sendDefaultPhoneNotification " +
		"options.sendPasswordResetedNotification.inputSendEmailNotification " +
		"options.sendPasswordResetedNotification.inputSendPhoneNotification " +
		"options.sendPasswordResetedNotification.appId"),
	"list-users": strings.Fields("keywords advancedFilter searchQuery options " +
		"options.pagination options.pagination.page options.pagination.limit options.sort " +
		"options.fuzzySearchOn options.withCustomData options.withPost " +
		"options.withIdentities options.withDepartmentIds options.flatCustomData"),
	"create-users-batch": strings.Fields("list options options.keepPassword options.autoGeneratePassword " +
		"options.resetPasswordOnFirstLogin options.departmentIdType options.sendNotification options.passwordEncryptType " +
		"options.sendNotification.sendEmailNotification options.sendNotification.sendPhoneNotification " +
		"options.sendNotification.appId"),
}

// read reads the body, and gives what is answered if that cannot be done. encoding/json alone would take names in any
// case, and names that nobody knows.
func (q *request) read(into any) *answer {
	if media, _, _ := strings.Cut(q.Header.Get("Content-Type"), ";"); media != "application/json" {
		return refuse(400, 0, fmt.Sprintf("the content type %q is not application/json", media))
	}
	if name := stranger(q.body, "", members[q.name]); name != "" {
		return refuse(400, 0, fmt.Sprintf("property %s should not exist", name))
	}
	if err := json.Unmarshal(q.body, into); err != nil {
		return refuse(400, 0, fmt.Sprintf("the body is not JSON: %v", err))
	}
	return nil
}

// stranger gives a name in an object that is not among known, "" for none. way leads to the object.
func stranger(text []byte, way string, known []string) string {
	var object map[string]json.RawMessage
	json.Unmarshal(text, &object) //nolint:errcheck // read says what is wrong with it
	for name, value := range object {
		if name = way + name; !slices.Contains(known, name) {
			return name
		}
		inner := func(k string) bool { return strings.HasPrefix(k, name+".") }
		if slices.ContainsFunc(known, inner) {
			if found := stranger(value, name+".", known); found != "" {
				return found
			}
		}
	}
	return ""
}

// deleteUsers deletes 1 to 50 users.
func (s *Server) deleteUsers(q *request) *answer {
	var in struct {
		UserIDs []string
		Options struct{ UserIDType string }
	}
	if no := q.read(&in); no != nil {
		return no
	}
	idType := cmp.Or(in.Options.UserIDType, "user_id")
	if no := checkIDs(in.UserIDs, idType); no != nil {
		return no
	}
	if q.half {
		in.UserIDs = in.UserIDs[:len(in.UserIDs)/2]
	}
	for _, id := range in.UserIDs {
		if status, ok := s.cfg.Refused[id]; ok {
			return refuse(status, 0, "the batch is refused because of one of its users")
		}
	}
	for _, id := range in.UserIDs {
		if _, ok := s.users.find(idType, id); !ok && s.cfg.Unknown == UnknownNotFound {
			return s.unknown()
		}
	}
	for _, id := range in.UserIDs {
		if !s.users.remove(idType, id) && s.cfg.Unknown != UnknownSucceeds {
			return s.unknown()
		}
	}
	return &answer{status: 200, api: 20001, message: "success", data: map[string]any{"success": true}}
}

func checkIDs(ids []string, idType string) *answer {
	if made[idType] == "" {
		return refuse(400, 0, "userIdType is not one of the known ones")
	}
	if len(ids) < 1 || len(ids) > 50 {
		return refuse(400, 0, fmt.Sprintf("userIds has %d entries and must have 1 to 50", len(ids)))
	}
	return nil
}

// getUsers reads users; those that do not exist are left out.
func (s *Server) getUsers(q *request) *answer {
	if s.cfg.ReadDenied {
		return refuse(403, 0, "reading users is not permitted")
	}
	ids, ok := q.query["userIds"].([]string)
	if one, alone := q.query["userIds"].(string); alone && one != "" {
		ids, ok = []string{one}, true
	}
	if !ok {
		return refuse(400, 0, "userIds must be an array")
	}
	idType, _ := q.query["userIdType"].(string)
	idType = cmp.Or(idType, "user_id")
	if no := checkIDs(ids, idType); no != nil {
		return no
	}
	list, quirks := []map[string]any{}, s.cfg.Faults.Quirks
	for _, id := range ids {
		if i, ok := s.users.read(idType, id, s.cfg.Faults.Readable); ok {
			list = append(list, s.show(i, q.query))
		}
	}
	written, _ := url.QueryUnescape(q.URL.RawQuery) //nolint:errcheck // it was read before
	switch {
	case quirks["no-brackets"] && strings.Contains(written, "userIds[]="):
		list = list[:0]
	case quirks["absent-404"] && len(list) == 0:
		return refuse(404, 2004, "the users do not exist")
	case quirks["absent-null"] && len(list) == 0:
		return succeed(nil)
	}
	return succeed(list)
}

// optional are the members of a user that are shown only if they are asked for, by what asks for them.
var optional = map[string]string{"withIdentities": "identities", "withCustomData": "customData",
	"withDepartmentIds": "departmentIds", "withTenantIds": "tenantIds"}

// show gives user i with what was asked for and, where the pool encrypts them, some members unreadable.
func (s *Server) show(i int, asked map[string]any) map[string]any {
	out := s.users.show(i)
	for ask, member := range optional {
		if asked[ask] != "true" && asked[ask] != true {
			delete(out, member)
		}
	}
	for _, name := range []string{"email", "phone", "name", "identityNumber"} {
		if text, _ := out[name].(string); text != "" && s.cfg.Faults.Quirks["encrypted"] {
			sum := sha256.Sum256([]byte(text))
			out[name] = base64.StdEncoding.EncodeToString(sum[:])
		}
	}
	return out
}

// listUsers counts users and shows a page of them.
func (s *Server) listUsers(q *request) *answer {
	var in struct{ Options map[string]any }
	if no := q.read(&in); no != nil {
		return no
	}
	page, _ := in.Options["pagination"].(map[string]any)
	return s.page(page, func(i int) map[string]any { return s.show(i, in.Options) }, false)
}

// listArchived counts the users who were deleted and shows a page of them.
func (s *Server) listArchived(q *request) *answer {
	return s.page(q.query, func(i int) map[string]any {
		return map[string]any{"userId": s.users.show(i)["userId"], "archivedAt": stamp(time.Unix(0, s.users.goneAt[i]))}
	}, true)
}

// page shows some of those who are gone, or of those who are not.
func (s *Server) page(asked map[string]any, show func(i int) map[string]any, gone bool) *answer {
	page, limit := 1.0, 10.0
	for name, to := range map[string]*float64{"page": &page, "limit": &limit} {
		if value := asked[name]; value != nil {
			*to, _ = strconv.ParseFloat(fmt.Sprint(value), 64) //nolint:errcheck // 0, which is refused
		}
	}
	if page < 1 || limit < 1 || limit > 50 || page != math.Trunc(page) || limit != math.Trunc(limit) {
		return refuse(400, 0, "page must be 1 or more, and limit 1 to 50")
	}
	total, list := 0, []map[string]any{}
	for i, times := range s.users.deleted {
		if (times > 0) != gone {
			continue
		}
		if total++; float64(total) > (page-1)*limit && len(list) < int(limit) {
			list = append(list, show(i))
		}
	}
	return succeed(map[string]any{"totalCount": total, "list": list})
}
