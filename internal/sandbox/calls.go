package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
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
	return succeed(map[string]any{"access_token": s.auth.issue(s.cfg), "expires_in": seconds})
}

// read reads the body, and gives what is answered if that cannot be done.
func (q *request) read(into any) *answer {
	if media, _, _ := strings.Cut(q.Header.Get("Content-Type"), ";"); media != "application/json" {
		return refuse(400, 0, fmt.Sprintf("the content type %q is not application/json", media))
	}
	if err := json.Unmarshal(q.body, into); err != nil {
		return refuse(400, 0, fmt.Sprintf("the body is not JSON: %v", err))
	}
	return nil
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
	unknown := refuse(404, 2004, "the user does not exist")
	for _, id := range in.UserIDs {
		if status, ok := s.cfg.Refused[id]; ok {
			return refuse(status, 0, "the batch is refused because of one of its users")
		}
	}
	for _, id := range in.UserIDs {
		if _, ok := s.users.find(idType, id); !ok && s.cfg.Unknown == UnknownNotFound {
			return unknown
		}
	}
	for _, id := range in.UserIDs {
		if !s.users.remove(idType, id) && s.cfg.Unknown == UnknownPartial {
			return unknown
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
	if !ok {
		return refuse(400, 0, "userIds must be an array")
	}
	idType, _ := q.query["userIdType"].(string)
	idType = cmp.Or(idType, "user_id")
	if no := checkIDs(ids, idType); no != nil {
		return no
	}
	list := []map[string]any{}
	for _, id := range ids {
		if i, ok := s.users.find(idType, id); ok {
			list = append(list, s.users.showPart(i, q.query))
		}
	}
	return succeed(list)
}

// listUsers counts users and shows a page of them.
func (s *Server) listUsers(q *request) *answer {
	var in struct {
		Options struct{ Pagination struct{ Page, Limit int } }
	}
	if no := q.read(&in); no != nil {
		return no
	}
	return s.page(in.Options.Pagination.Page, in.Options.Pagination.Limit, false)
}

// listArchived counts the users who were deleted and shows a page of them.
func (s *Server) listArchived(q *request) *answer {
	var number [2]int
	for i, name := range []string{"page", "limit"} {
		text, _ := q.query[name].(string)
		number[i], _ = strconv.Atoi(text)
	}
	return s.page(number[0], number[1], true)
}

// page shows some of those who are gone, or of those who are not.
func (s *Server) page(page, limit int, gone bool) *answer {
	page, limit = max(1, page), cmp.Or(limit, 10)
	if limit < 1 || limit > 50 {
		return refuse(400, 0, "limit must be 1 to 50")
	}
	total, list := 0, []map[string]any{}
	for i, times := range s.users.deleted {
		if (times > 0) != gone {
			continue
		}
		if total++; total > (page-1)*limit && len(list) < limit {
			list = append(list, s.users.showPart(i, nil))
		}
	}
	return succeed(map[string]any{"totalCount": total, "list": list})
}
