package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
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
	page, limit := max(1, in.Options.Pagination.Page), cmp.Or(in.Options.Pagination.Limit, 10)
	if limit < 1 || limit > 50 {
		return refuse(400, 0, "limit must be 1 to 50")
	}
	list := []map[string]any{}
	skip := (page - 1) * limit
	for i := 0; i < len(s.users.deleted) && len(list) < limit; i++ {
		if s.users.deleted[i] > 0 {
			continue
		}
		if skip--; skip < 0 {
			list = append(list, s.users.showPart(i, nil))
		}
	}
	return succeed(map[string]any{"totalCount": s.users.living, "list": list})
}
