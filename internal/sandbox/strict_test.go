package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What the real API refuses is refused: names that it does not know or in other letters, and pages that there are not.
func TestRequestsThatAreRefused(t *testing.T) {
	s := newServer(t, Config{}, 60)
	key := token(t, s)
	page := func(page, limit any) *http.Request {
		return post("list-users", fields{"options": fields{"pagination": fields{"page": page, "limit": limit}}})
	}
	id := []string{userID(1)}
	for what, c := range map[string]struct {
		r      *http.Request
		status int
	}{
		"page 0":             {page(0, 10), 400},
		"page 1":             {page(1, 50), 200},
		"half a page":        {page(1.5, 10), 400},
		"limit 0":            {page(1, 0), 400},
		"limit 51":           {page(1, 51), 400},
		"no page":            {post("list-users", fields{"options": fields{"pagination": fields{}}}), 200},
		"archived, page 0":   {get("list-archived-users", "page=0"), 400},
		"archived, no page":  {get("list-archived-users", ""), 200},
		"archived, limit 51": {get("list-archived-users", "limit=51"), 400},
		"archived, page x":   {get("list-archived-users", "page=x"), 400},
		"userids":            {post("delete-users-batch", fields{"userids": id}), 400},
		"another name":       {post("delete-users-batch", fields{"userIds": id, "force": true}), 400},
		"useridtype": {post("delete-users-batch",
			fields{"userIds": id, "options": fields{"useridtype": "user_id"}}), 400},
		"a deep name": {post("list-users", fields{"options": fields{"pagination": fields{"Page": 1}}}), 400},
		"accesskeyid": {post("get-management-token",
			fields{"accesskeyid": AccessKeyID, "accessKeySecret": AccessKeySecret}), 400},
		"nobody to delete": {post("delete-users-batch", fields{"userIds": nil}), 400},
	} {
		if a := send(t, s, authorized(c.r, key)); a.StatusCode != c.status || s.Len() != 60 {
			t.Errorf("%s: %.200s", what, a.body)
		}
	}
}

// Every member of a user is there, with null where nothing is known, and what has to be asked for only if it was.
func TestUsersAsTheAPIShowsThem(t *testing.T) {
	s := newServer(t, Config{}, 20)
	key := token(t, s)
	show := func(more string) (list []fields) {
		two := fmt.Sprintf("userIds[]=%s&userIds[]=%s%s", userID(0), userID(2), more)
		a := send(t, s, authorized(get("get-user-batch", two), key))
		if err := json.Unmarshal(a.Data, &list); err != nil || len(list) != 2 {
			t.Fatal(a.body)
		}
		return list
	}
	plain, full := show(""), show("&withTenantIds=true&withCustomData=true&withIdentities=true&withDepartmentIds=true")
	for _, name := range []string{"nickname", "birthdate", "lastIp", "tenantId"} {
		if value, has := plain[0][name]; !has || value != nil {
			t.Errorf("%s is %v", name, value)
		}
	}
	for _, name := range []string{"lastLogin", "statusChangedAt", "createdAt"} {
		if _, err := time.Parse(time.RFC3339, fmt.Sprint(plain[1][name])); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if plain[0]["lastLogin"] != nil {
		t.Error("everybody has logged in")
	}
	for _, name := range optional {
		if plain[0][name] != nil || full[0][name] == nil {
			t.Errorf("%s is %v, and asked for %v", name, plain[0][name], full[0][name])
		}
	}
	listed := send(t, s, authorized(post("list-users", fields{"options": fields{"withCustomData": true}}), key))
	if !strings.Contains(listed.body, "employeeNo") || strings.Contains(listed.body, "extIdpId") {
		t.Errorf("list-users shows %.200s", listed.body)
	}
}

// The token stands alone or behind Bearer, and what is no call is answered with JSON, whatever its path.
func TestWaysOfTheSDKs(t *testing.T) {
	s := newServer(t, Config{}, 1)
	r := authorized(get("get-user-batch", "userIds="+userID(0)), "")
	r.Header.Set("Authorization", token(t, s))
	if a := send(t, s, r); a.StatusCode != 200 || !strings.Contains(a.body, userID(0)) {
		t.Error(a.body)
	}
	r = httptest.NewRequest(http.MethodGet, "/", nil)
	r.URL.Path = "/\x7f\"\U0001f600\x01"
	var page struct{ Message string }
	a := transmit(s, r)
	if json.Unmarshal([]byte(a.body), &page) != nil || a.http != 404 || page.Message != "Cannot GET "+r.URL.Path {
		t.Errorf("HTTP %d %s", a.http, a.body)
	}
}

// Messages are in the language that was asked for.
func TestLanguages(t *testing.T) {
	s := newServer(t, Config{Unknown: UnknownNotFound}, 1)
	for lang, want := range map[string]string{"": "the user does not exist", "en-US": "the user does not exist",
		"zh-CN": "用户不存在"} {
		r := authorized(deletion("x"), token(t, s))
		r.Header.Set("x-authing-lang", lang)
		if a := send(t, s, r); !strings.Contains(a.body, want) {
			t.Errorf("%s: %s", lang, a.body)
		}
	}
}

// Each quirk is what its comment says.
func TestQuirks(t *testing.T) {
	query := func(name string, ids ...string) *http.Request {
		q := name + "=" + strings.Join(ids, "&"+name+"=")
		return get("get-user-batch", q)
	}
	named := func(idType string, id string) *http.Request {
		return get("get-user-batch", "userIds="+id+"&userIdType="+idType)
	}
	short, long := strings.Repeat("x", 99_000), strings.Repeat("x", 101_000)
	for _, c := range []struct {
		spec, unknown string
		r             *http.Request
		want          string // a part of the answer
		left          int    // of three users
	}{
		{"", UnknownNotFound, deletion("x"), `"apiCode":2004`, 3},
		{"bare-404", UnknownNotFound, deletion(userID(0), "x"),
			`does not exist","requestId":"sandbox-00000002","statusCode":404}`, 3},
		{"bare-404", UnknownPartial, deletion(userID(0), "x"), `"statusCode":404}`, 2},
		{"", "", query("userIds[]", "x", "y"), `"data":[]`, 3},
		{"absent-404", "", query("userIds[]", "x", "y"), `"apiCode":2004`, 3},
		{"absent-404", "", query("userIds[]", "x", userID(0)), userID(0), 3},
		{"absent-null", "", query("userIds[]", "x", "y"),
			`{"message":"","requestId":"sandbox-00000002","statusCode":200}`, 3},
		{"no-brackets", "", query("userIds%5B%5D", userID(0)), `"data":[]`, 3},
		{"no-brackets", "", query("userIds[]", userID(0)), `"data":[]`, 3},
		{"no-brackets", "", query("userIds", userID(0), userID(1)), userID(1), 3},
		{"part-created", "", creation(fields{"username": "a"}, fields{"username": "user-0"}), `"username":"a"`, 4},
		{"encrypted", "", named("email", "user0@example.com"), `=","emailVerified"`, 3},
		{"small-413", "", deletion(short), `"statusCode":200`, 3},
		{"small-413", "", deletion(long), `"statusCode":413`, 3},
	} {
		f, err := ParseFaults(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(t, Config{Unknown: c.unknown, Faults: f}, 3)
		if a := transmit(s, authorized(c.r, token(t, s))); !strings.Contains(a.body, c.want) || s.Len() != c.left {
			t.Errorf("%s: %.200s, %d users", c.spec, a.body, s.Len())
		}
	}
}

func TestQuirksOfTokens(t *testing.T) {
	for spec, want := range map[string]string{"": UserPool + UserPool, "no-claim": "",
		"other-pool": UserPool + "74b0d1c2e3f4051627384950"} {
		f, err := ParseFaults(spec)
		if err != nil {
			t.Fatal(err)
		}
		s, is := newServer(t, Config{Faults: f}, 0), ""
		for range 2 {
			is += poolIn(t, token(t, s))
		}
		if is != want {
			t.Errorf("%s: tokens are for %q", spec, is)
		}
	}
	s := newServer(t, Config{Faults: Faults{Quirks: map[string]bool{"code-2020": true}}}, 0)
	seen := map[int]bool{}
	for range 8 {
		a := transmit(s, authorized(deletion("x"), "bad"))
		if seen[a.StatusCode] = true; a.APICode != 2020 {
			t.Error(a.body)
		}
	}
	if len(seen) != 4 || seen[401] {
		t.Errorf("statusCodes are %v", seen)
	}
}

// Who is deleted can be read for a while, and others use up the limit.
func TestReadableAndOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := ParseFaults("readable=3s,others=7")
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(t, Config{Faults: f, RateLimit: 10}, 2)
		key := token(t, s)
		ask := func() reply { return transmit(s, authorized(get("get-user-batch", "userIds="+userID(0)), key)) }
		transmit(s, authorized(deletion(userID(0)), key))
		if a := ask(); !strings.Contains(a.body, userID(0)) || s.Has("user_id", userID(0)) {
			t.Errorf("just deleted: %s", a.body)
		}
		if a := ask(); a.http != 429 {
			t.Errorf("a fourth call: %s", a.body)
		}
		time.Sleep(3 * time.Second)
		if a := ask(); !strings.Contains(a.body, `"data":[]`) {
			t.Errorf("deleted long ago: %s", a.body)
		}
	})
	if _, err := New(Config{Faults: Faults{Others: 1}}); err == nil {
		t.Error("others who share no limit are taken")
	}
}

func poolIn(t *testing.T, token string) string {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Pool string `json:"scoped_userpool_id"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims.Pool
}
