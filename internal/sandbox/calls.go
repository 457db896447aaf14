package sandbox

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// getToken exchanges the access key for a management token.
func (s *Server) getToken(q *request) answer {
	var in struct{ AccessKeyID, AccessKeySecret string }
	if err := readBody(q, &in); err != nil {
		return refuse(400, 0, err.Error())
	}
	if in.AccessKeyID != s.cfg.AccessKeyID || in.AccessKeySecret != s.cfg.AccessKeySecret {
		return refuse(401, 2020, "the access key is not valid")
	}
	token := s.auth.issue(s.cfg)
	seconds := int(s.cfg.TokenLifetime / time.Second)
	return answer{status: 200, data: map[string]any{"access_token": token, "expires_in": seconds}}
}

func readBody(q *request, into any) error {
	if media, _, _ := strings.Cut(q.header.Get("Content-Type"), ";"); media != "application/json" {
		return fmt.Errorf("the content type %q is not application/json", media)
	}
	if err := json.Unmarshal(q.body, into); err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	return nil
}

// deleteUsers deletes 1 to 50 users.
func (s *Server) deleteUsers(q *request) answer {
	var in struct {
		UserIDs []string
		Options struct{ UserIDType string }
	}
	if err := readBody(q, &in); err != nil {
		return refuse(400, 0, err.Error())
	}
	idType, bad := checkIDs(in.UserIDs, in.Options.UserIDType)
	if bad != nil {
		return *bad
	}
	if q.half {
		in.UserIDs = in.UserIDs[:len(in.UserIDs)/2]
	}
	for _, id := range in.UserIDs {
		if status, ok := s.cfg.Refused[id]; ok {
			return refuse(status, 0, "the batch is refused because of one of its users")
		}
	}
	if s.cfg.Unknown == UnknownNotFound {
		for _, id := range in.UserIDs {
			if _, ok := s.users.find(idType, id); !ok {
				return refuse(404, 2004, "the user does not exist")
			}
		}
	}
	for _, id := range in.UserIDs {
		if !s.users.remove(idType, id) && s.cfg.Unknown == UnknownPartial {
			return refuse(404, 2004, "the user does not exist")
		}
	}
	return answer{status: 200, api: 20001, message: "success", data: map[string]any{"success": true}}
}

func checkIDs(ids []string, idType string) (string, *answer) {
	if idType == "" {
		idType = "user_id"
	}
	if !knownType(idType) {
		a := refuse(400, 0, "userIdType is not one of the known ones")
		return "", &a
	}
	if len(ids) < 1 || len(ids) > 50 {
		a := refuse(400, 0, fmt.Sprintf("userIds has %d entries and must have 1 to 50", len(ids)))
		return "", &a
	}
	return idType, nil
}

// getUsers reads users; those that do not exist are left out.
func (s *Server) getUsers(q *request) answer {
	if s.cfg.ReadDenied {
		return refuse(403, 0, "reading users is not permitted")
	}
	ids, ok := q.query["userIds"].([]string)
	if !ok {
		return refuse(400, 0, "userIds must be an array")
	}
	idType, _ := q.query["userIdType"].(string)
	idType, bad := checkIDs(ids, idType)
	if bad != nil {
		return *bad
	}
	with := func(what string) bool { return q.query["with"+what] == "true" }
	list := []map[string]any{}
	for _, id := range ids {
		if i, ok := s.users.find(idType, id); ok {
			list = append(list, s.users.show(i, with("Identities"), with("CustomData"), with("DepartmentIds")))
		}
	}
	return answer{status: 200, data: list}
}

// listUsers counts users and shows a page of them.
func (s *Server) listUsers(q *request) answer {
	var in struct {
		Options struct{ Pagination struct{ Page, Limit int } }
	}
	if err := readBody(q, &in); err != nil {
		return refuse(400, 0, err.Error())
	}
	page, limit := max(1, in.Options.Pagination.Page), in.Options.Pagination.Limit
	if limit == 0 {
		limit = 10
	}
	if limit < 1 || limit > 50 {
		return refuse(400, 0, "limit must be 1 to 50")
	}
	list := []map[string]any{}
	for i := range s.users.page(page, limit) {
		list = append(list, s.users.show(i, false, false, false))
	}
	return answer{status: 200, data: map[string]any{"totalCount": s.users.living, "list": list}}
}

// listArchived shows deleted users, the first deleted first.
func (s *Server) listArchived(q *request) answer {
	number := func(name string, def int) int {
		text, _ := q.query[name].(string)
		if n, err := strconv.Atoi(text); err == nil {
			return n
		}
		return def
	}
	page, limit := max(1, number("page", 1)), number("limit", 10)
	if limit < 1 || limit > 50 {
		return refuse(400, 0, "limit must be 1 to 50")
	}
	list := []map[string]any{}
	gone := s.users.gone
	for _, i := range gone[min(len(gone), (page-1)*limit):min(len(gone), page*limit)] {
		list = append(list, map[string]any{"userId": s.users.id(int(i), "user_id")})
	}
	return answer{status: 200, data: map[string]any{"totalCount": len(gone), "list": list}}
}
