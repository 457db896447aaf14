package client

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"bulkdelete/internal/sandbox"
)

// What the client writes is what Node 20's JSON.stringify(JSON.parse(...)) makes of it again, so that a signature over
// it holds. Members that are array indices come first; the order of the others is ours.
func TestJSONThatNodeWritesTheSameWay(t *testing.T) {
	for _, c := range [][2]string{
		{`{"b":1,"a":2,"10":3,"9":4,"01":5,"4294967295":6,"4294967294":7,"-1":8}`,
			`{"9":4,"10":3,"4294967294":7,"-1":8,"01":5,"4294967295":6,"a":2,"b":1}`},
		{`[0,-0,1.0,100,1e21,1e20,123456789012345680000,1e-6,1e-7]`,
			`[0,0,1,100,1e+21,100000000000000000000,123456789012345680000,0.000001,1e-7]`},
		{`[1.5e300,5e-324,0.1,2.50,1e2,-1E-9,9007199254740993]`,
			`[1.5e+300,5e-324,0.1,2.5,100,-1e-9,9007199254740992]`},
		{`{"a":{"2":[{"1":null,"0":true}],"":""},"é":"\u2028<>&\u0007\u001f\ud83d\ude00/"}`,
			`{"a":{"2":[{"0":true,"1":null}],"":""},"é":"` + "\u2028" + `<>&\u0007\u001f😀/"}`},
	} {
		text, want := c[0], c[1]
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if got := stringify(v); got != want {
			t.Errorf("%s\nis written as\n%s\nnot\n%s", text, got, want)
		}
	}
}

const ada = `{"userId":"a1","createdAt":"2024-01-01T00:00:00Z","status":"Activated","workStatus":"Active",
	"externalId":"e1","email":"Ada@Example.com","name":"Ada <&>\u2028","nickname":"","phone":null,"loginsCount":7,
	"customData":{"b":1e21,"10":"ten","9":[null,-0]},"departmentIds":[],
	"identities":[{"identityId":"i1","extIdpId":"x","provider":"oidc","type":"generic","userIdInIdp":"u",
		"accessToken":"secret"}]}`

// The request fits the vendor's document, its signature holds, and the new user has what could be given back.
func TestCreateUsers(t *testing.T) {
	for _, auth := range []string{"token", "signature"} {
		synctest.Test(t, func(t *testing.T) {
			api, err := sandbox.New(sandbox.Config{})
			if err != nil {
				t.Fatal(err)
			}
			c := newClient(t, api, func(c *Config) { c.Auth = auth })
			ben := json.RawMessage(`{"userId":"b1","username":"ben","phoneCountryCode":"+86",
				"customData":{"employeeNo":"7","x":null}}`)
			created, _, err := c.CreateUsers(t.Context(), []json.RawMessage{json.RawMessage(ada), ben})
			if err != nil || len(created) != 2 || created[0] == nil || created[1] == nil ||
				UserIDOf(created[0]) == "a1" {
				t.Fatalf("created %s: %v", created, err)
			}
			profiles, _, err := c.Profiles(t.Context(), "email", []string{"ada@example.com", "nobody@example.com"})
			if err != nil || len(profiles[0]) != 1 || len(profiles[1]) != 0 {
				t.Fatalf("profiles %s: %v", profiles, err)
			}
			var u struct {
				Name       string
				CustomData map[string]any
				Identities []map[string]any
			}
			if err := json.Unmarshal(profiles[0][0], &u); err != nil {
				t.Fatal(err)
			}
			identity := u.Identities[0]
			if u.Name != "Ada <&>\u2028" || len(u.CustomData) != 3 ||
				identity["accessToken"] != nil || identity["userIdInIdp"] != "u" {
				t.Errorf("the new user is %s", profiles[0][0])
			}
		})
	}
}

// A creation that may have been carried out is not repeated: that could make two users of one.
func TestACreationInDoubtIsNotRepeated(t *testing.T) {
	const users = `{"statusCode":200,"message":"","data":[{"userId":"n","externalId":"e1"}]}`
	for _, c := range []struct {
		answers []string
		kind    Kind
		sent    int
		inDoubt bool
	}{
		{[]string{"200 " + users}, "", 1, false},
		{[]string{`429 {"statusCode":429}`, "200 " + users}, "", 2, false},
		{[]string{"cut", "200 " + users}, Unavailable, 1, true},
		{[]string{`503 {"statusCode":503}`, "200 " + users}, Unavailable, 1, true},
		{[]string{`200 {"statusCode":500}`, "200 " + users}, ServerError, 1, true},
		{[]string{`200 {"statusCode":200}`, "200 " + users}, ServerError, 1, true},
		{[]string{`200 {"statusCode":200,"data":{"success":true}}`}, ServerError, 1, true},
		{[]string{`200 {"statusCode":409}`}, Refused, 1, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := &answers{list: c.answers}
			created, r, err := newClient(t, h, nil).CreateUsers(t.Context(), []json.RawMessage{json.RawMessage(ada)})
			if (c.kind != "") != (err != nil) || err != nil && !errors.Is(err, c.kind) ||
				r.InDoubt != c.inDoubt || len(h.seen) != c.sent {
				t.Errorf("%q: sent %d times, in doubt %v, %v", c.answers, len(h.seen), r.InDoubt, err)
			}
			if c.kind == "" && UserIDOf(created[0]) != "n" {
				t.Errorf("%q: created %s", c.answers, created)
			}
		})
	}
}

func TestKeyOf(t *testing.T) {
	for profile, want := range map[string][2]string{
		ada:                              {"external_id", "e1"},
		`{"email":"a@b.c","phone":"1"}`:  {"email", "a@b.c"},
		`{"phone":"139","username":"u"}`: {"phone", "139"},
		`{"username":"u"}`:               {"username", "u"},
		`{"identities":[{"extIdpId":"x","userIdInIdp":"y"}]}`: {"identity", "x:y"},
		`{"userId":"a"}`: {"", ""},
		`[]`:             {"", ""},
	} {
		if idType, id := KeyOf(json.RawMessage(profile)); (idType != want[0]) || id != want[1] {
			t.Errorf("%s has the key %s %s", profile, idType, id)
		}
	}
}

// Some servers may answer "no such user" where others leave the user out, and are believed without a control.
func TestProfilesOfNobody(t *testing.T) {
	for answer, ok := range map[string]bool{
		`200 {"statusCode":404,"apiCode":2004}`: true,
		`200 {"statusCode":404,"apiCode":2210}`: true,
		`200 {"statusCode":404}`:                false, // a page that is not there says nothing about a user
	} {
		synctest.Test(t, func(t *testing.T) {
			h := &answers{list: []string{answer}}
			profiles, _, err := newClient(t, h, nil).Profiles(t.Context(), "user_id", []string{"a", "b"})
			if !ok && err == nil {
				t.Errorf("%s passes for nobody", answer)
			}
			if ok && (err != nil || len(profiles) != 2 || len(profiles[0])+len(profiles[1]) > 0 || len(h.seen) != 3) {
				t.Errorf("%s: %s after %d calls, %v", answer, profiles, len(h.seen), err)
			}
		})
	}
}

// What creating somebody would come to is known beforehand.
func TestForesee(t *testing.T) {
	long := strings.Repeat("x", mostCustom)
	for _, c := range []struct{ profile, never, lost, sealed, sent string }{
		{`{"username":"u","name":null,"nickname":"","departmentIds":[]}`, "", "", "", `{"username":"u"}`},
		{`{"userId":"x","externalId":"e","identities":[{"extIdpId":"a","userIdInIdp":"b"}]}`,
			"no e-mail address, phone or username", "identities that are not whole", "", ""},
		{`{"username":"u","phoneCountryCode":"+86","phone":""}`, "", "phoneCountryCode", "", `{"username":"u"}`},
		{`{"phone":"13800000000","phoneCountryCode":"+86"}`, "", "", "",
			`{"phone":"13800000000","phoneCountryCode":"+86"}`},
		{`{"username":"u","mainDepartmentId":"d","postIdList":["p"],"resetPasswordOnNextLogin":true,"workStatus":"Closed"}`,
			"", "mainDepartmentId postIdList resetPasswordOnNextLogin workStatus", "", ""},
		{`{"username":"u","loginsCount":7,"lastLogin":"2024-01-01T00:00:00Z","postIdList":[],"mainDepartmentId":null,` +
			`"resetPasswordOnNextLogin":false,"workStatus":"Active"}`, "", "", "", `{"username":"u"}`},
		{`{"username":"u","tenantIds":["t"],"metadataSource":{"a":{"b":1}},"customData":{"a":null,"b":1}}`, "", "", "",
			`{"customData":{"b":1},"metadataSource":{"a":{"b":1}},"tenantIds":["t"],"username":"u"}`},
		{`{"username":"u","identities":[{"identityId":"i","extIdpId":"x","provider":"oidc","type":"generic",` +
			`"userIdInIdp":"y","userInfoInIdp":null,"refreshToken":"t"}]}`, "", "identities.refreshToken", "",
			`{"identities":[{"extIdpId":"x","identityId":"i","originConnIds":[],"provider":"oidc","type":"generic",` +
				`"userIdInIdp":"y","userInfoInIdp":{}}],"username":"u"}`},
		{`{"username":"u","customData":{"k":"` + long + `"}}`, "custom data of 1024 characters", "", "", ""},
		{`{"username":"u","customData":{"k":"` + long[len(`{"k":""}`)+1:] + `"}}`, "", "", "", ""},
		{`{"email":"zZk1vB2c3D4e5F6g7H8i9J0kLmNo=="}`, "an e-mail address that is none", "", "email", ""},
		{`{"email":"a****@example.com"}`, "an e-mail address that is none", "", "email", ""},
		{`{"username":"u","phone":"138****8000"}`, "a phone that is none", "", "phone", ""},
		{`{"username":"6319a1504f3f2504e0c82bf14c8ae9aa","name":"a3f5c9d1e7b2486f90a1b2c3d4e5f607"}`, "", "", "name", ""},
		{`{"username":"u","name":"Wolfeschlegelsteinhausenbergerdorff","address":"12 Long Street, Springfield"}`,
			"", "", "", ""},
		{`[]`, "the profile cannot be read", "", "", ""},
	} {
		got := Foresee(json.RawMessage(c.profile))
		if !strings.Contains(got.Never, c.never) || (got.Never == "") != (c.never == "") ||
			strings.Join(got.Lost, " ") != c.lost || strings.Join(got.Sealed, " ") != c.sealed ||
			c.sent != "" && stringify(got.user) != c.sent {
			t.Errorf("%.80s\nis %+v", c.profile, got)
		}
	}
}

// An API that shows no data where nobody exists is believed after some attempts, and as an empty list is: if the same
// means find somebody.
func TestReadingsWithoutData(t *testing.T) {
	const bare, empty = `200 {"statusCode":200,"message":""}`, `200 {"statusCode":200,"message":"","data":null}`
	const somebody = `200 {"statusCode":200,"data":{"totalCount":1,"list":[{"userId":"z"}]}}`
	const found = `200 {"statusCode":200,"data":[{"userId":"z"}]}`
	for _, c := range []struct {
		answers []string
		retries int
		ok      bool
	}{
		{append(slices.Repeat([]string{bare}, 6), somebody, found), 5, true},
		{append(slices.Repeat([]string{empty}, 6), somebody, found), 5, true},
		{append(slices.Repeat([]string{empty}, 6), somebody, `200 {"statusCode":200,"data":[]}`), 5, false},
		{append(slices.Repeat([]string{empty}, 2), somebody, found), 1, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := &answers{list: c.answers}
			client := newClient(t, h, func(cfg *Config) { cfg.Retries = c.retries })
			living, _, err := client.Existing(t.Context(), "user_id", []string{"a"})
			if (err == nil) != c.ok || len(living) > 0 {
				t.Errorf("%q: %q, %v", c.answers, living, err)
			}
		})
	}
}
