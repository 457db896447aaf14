package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func creation(users ...fields) *http.Request {
	return post("create-users-batch", fields{"list": users})
}

func newIdentity(id string) fields {
	return fields{"extIdpId": "5b", "provider": "oidc", "type": "generic", "userIdInIdp": id,
		"userInfoInIdp": fields{}, "originConnIds": []string{}}
}

// What one user has no other can have, a batch is created whole or not at all, and what the vendor's document and its
// live tests do not allow is refused.
func TestCreations(t *testing.T) {
	s := newServer(t, Config{}, 2) // external-0, user0@example.com and so on
	key := token(t, s)
	less := func(name string) fields {
		identity := newIdentity("less")
		delete(identity, name)
		return fields{"username": "less", "identities": []fields{identity}}
	}
	custom := func(n int) fields { // of n characters as JSON
		return fields{"username": fmt.Sprint("c", n),
			"customData": fields{"employeeNo": strings.Repeat("é", n-len(`{"employeeNo":""}`))}}
	}
	for _, c := range []struct {
		name  string
		users []fields
		want  int
		left  int
	}{
		{"two", []fields{{"email": "a@b.c", "identities": []fields{newIdentity("i")}},
			{"username": "x", "externalId": "x", "departmentIds": []string{"d"}}}, 200, 4},
		{"another's address in other letters", []fields{{"username": "y"}, {"email": "A@B.C"}}, 409, 4},
		{"a first user's external ID", []fields{{"username": "y", "externalId": "external-1"}}, 409, 4},
		{"another's identity", []fields{{"username": "y", "identities": []fields{newIdentity("i")}}}, 409, 4},
		{"one twice in a batch", []fields{{"username": "u"}, {"username": "u"}}, 409, 4},
		{"a member of no user", []fields{{"username": "y", "userId": "z"}}, 400, 4},
		{"a member in other letters", []fields{{"username": "y", "eMail": "y@b.c"}}, 400, 4},
		{"a status that there is not", []fields{{"username": "y", "status": "Gone"}}, 400, 4},
		{"a text that is none", []fields{{"email": 7}}, 400, 4},
		{"an identity without its place", []fields{less("extIdpId")}, 400, 4},
		{"an identity without userInfoInIdp", []fields{less("userInfoInIdp")}, 400, 4},
		{"an identity without originConnIds", []fields{less("originConnIds")}, 400, 4},
		{"nobody", nil, 400, 4},
		{"51", slices.Repeat([]fields{{"username": "y"}}, 51), 400, 4},
		{"one without any ID", []fields{{"username": "y"}, {"externalId": "y"}}, 400, 4},
		{"no e-mail address", []fields{{"email": "a.b.c"}}, 400, 4},
		{"no phone", []fields{{"phone": "12x45678"}}, 400, 4},
		{"a country and no phone", []fields{{"username": "y", "phoneCountryCode": "+86"}}, 400, 4},
		{"a country and a phone", []fields{{"phone": "13800000000", "phoneCountryCode": "+86"}}, 200, 5},
		{"custom data that is long", []fields{custom(1023)}, 200, 6},
		{"custom data that is too long", []fields{custom(1024)}, 400, 6},
		{"custom data that the pool has not",
			[]fields{{"username": "y", "customData": fields{"EmployeeNo": "1"}}}, 400, 6},
	} {
		if a := send(t, s, authorized(creation(c.users...), key)); a.StatusCode != c.want || s.Len() != c.left {
			t.Errorf("%s: %s, %d users are left", c.name, a.body, s.Len())
		}
	}
	if !s.Has("identity", "5b:i") || !s.Has("sync_relation", "oidc:i") || !s.Has("email", "A@b.c") {
		t.Error("a new user is not found by each ID")
	}
	if a := send(t, s, authorized(post("delete-users-batch",
		fields{"userIds": []string{"x"}, "options": fields{"userIdType": "external_id"}}), key)); s.Len() != 5 {
		t.Errorf("a new user is not deleted: %s", a.body)
	}
	if a := send(t, s, authorized(get("list-archived-users", "limit=50"), key)); !strings.Contains(a.body, `"userId":"6a`) {
		t.Errorf("who is gone is not in the archive: %s", a.body)
	}
	if a := send(t, s, authorized(creation(fields{"username": "x", "externalId": "x"}), key)); a.StatusCode != 200 {
		t.Errorf("what a user who is gone had is not free again: %s", a.body)
	}
}

// What Node 20's JSON.stringify(JSON.parse(...)) prints.
func TestStringifyAsNodeDoes(t *testing.T) {
	for _, c := range [][2]string{
		{`{"b":1,"a":2,"10":3,"9":4,"01":5,"4294967295":6,"4294967294":7,"-1":8}`,
			`{"9":4,"10":3,"4294967294":7,"b":1,"a":2,"01":5,"4294967295":6,"-1":8}`},
		{`[0,-0,1.0,100,1e21,1e20,123456789012345680000,1e-6,1e-7]`,
			`[0,0,1,100,1e+21,100000000000000000000,123456789012345680000,0.000001,1e-7]`},
		{`[1.5e300,5e-324,0.1,2.50,1e2,-1E-9,9007199254740993]`,
			`[1.5e+300,5e-324,0.1,2.5,100,-1e-9,9007199254740992]`},
		{`{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`},
		{`[1e999,null,"\u2028"]`, `[null,null,"` + "\u2028" + `"]`},
		{`["\\u2028<>&",true,[],{}]`, `["\\u2028<>&",true,[],{}]`},
	} {
		text, want := c[0], c[1]
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if got := stringify(ordered(d)); got != want {
			t.Errorf("%s\nis written as\n%s\nnot\n%s", text, got, want)
		}
	}
}
