package chunker

import (
	"fmt"
	"strings"
	"testing"

	"bulkdelete/pkg/who"
)

// lines makes a text of lines in which {N} is the user ID number N.
func lines(text ...string) []byte {
	out := strings.Join(text, "\n") + "\n"
	for i := range 10 {
		out = strings.ReplaceAll(out, fmt.Sprintf("{%d}", i), hexID(i))
	}
	return []byte(out)
}

// The header is looked for in the first rows, and what stands above it is not data. Where there are two readings,
// neither is taken: the words that name the choices are looked for.
func TestHeaderAmongTheFirstRows(t *testing.T) {
	email, phone, username := Options{IDType: Email}, Options{IDType: Phone}, Options{IDType: Username}
	by := func(o Options, column string) Options { o.Column = column; return o }
	bare := func(o Options, column string) Options { o.Column, o.NoHeader = column, true; return o }
	for name, x := range map[string]struct {
		text []byte
		o    Options
		want string // rows, or "refused: " and the words
	}{
		"titles above":       {lines("Leavers November", "", "userId,name", "{1},Ada"), Options{}, "4 ok"},
		"padded title":       {lines("Leavers,,", ",,", "name,userId,x", "Ada,{1},y"), Options{}, "4 ok"},
		"semicolons, titled": {lines("Leavers, November", "userId;name", "{1};A, B", "{2};C"), Options{}, "3 ok, 4 ok"},
		"the admin above": {lines("Exported by,admin@corp.com", "Name,Email,Dept", "Ada,ada@x.com,R"), email,
			"refused: line 1 admin@corp.com line 2 --column \"Email\" --no-header --column 2"},
		"the admin above, chosen": {lines("Exported by,admin@corp.com", "Name,Email,D", "Ada,ada@x.com,R"),
			by(email, "Email"), "3 ok"},
		"the admin above, data": {lines("Ada,ada@x.com", "Name,Email", "Ben,ben@x.com"),
			bare(email, "2"), "1 ok, 2 type, 3 ok"},
		"the admin in column 1": {lines("admin@corp.com,2025", "Name,Email", "Ada,ada@x.com"),
			email, "refused: line 1 admin@corp.com"},
		"the admin and a number": {lines("By,admin@corp.com", "Name,Email", "Ada,ada@x.com"),
			by(email, "2"), "refused: line 1 admin@corp.com"},
		"a hotline above": {lines("Hotline,400-800-8820", "Name,Phone", "Ada,13800138000"),
			phone, "refused: line 1 400-800-8820"},
		"a pool above": {lines("Pool,64b0d1c2e3f4051627384950", "Name,userId", "Ada,{1}"),
			Options{}, "refused: line 1 64b0d1c2e3f4051627384950"},
		"a pool above one column": {lines("64b0d1c2e3f4051627384950", "userId", "{1}"),
			Options{}, "refused: line 1 64b0d1c2e3f4051627384950"},
		"an address above IDs": {lines("Exported by,admin@corp.com", "Name,userId", "Ada,{1}"), Options{}, "3 ok"},
		"two rows fit": {lines("Account,ACME Corp", "Name,Login", "Ada,ada"),
			username, "refused: lines 1 and 2 Account Login --column"},
		"two rows fit, chosen":     {lines("Account,ACME Corp", "Name,Login", "Ada,ada"), by(username, "Login"), "3 ok"},
		"a word in another column": {lines("username,kind", "ada,account", "ben,account"), username, "2 ok, 3 ok"},
		"a word beside phones":     {lines("phone,kind", "13800138000,mobile", "13900139000,tel"), phone, "2 ok, 3 ok"},
		"a name above usernames":   {lines("ada", "login", "ben"), username, "refused: line 1 \"ada\" line 2"},
		"a title above usernames":  {lines("Leavers in May", "login", "ben"), username, "3 ok"},
		"broken first of addresses": {lines("ada@exmaple,boss@x.com", "ben@x.com,boss@x.com"),
			email, "refused: 2 could hold --column"},
		"broken first address":   {lines("ada@exmaple,Ada", "ben@x.com,Ben"), email, "1 type, 2 ok"},
		"mendable first phone":   {lines("139 1234 5678", "13800138000"), phone, "1 type, 2 ok"},
		"mendable first ID":      {lines("6319a1504f3b00000000001", "{1}"), Options{}, "1 type, 2 ok"},
		"first row lacks its ID": {lines(",Ada", "{1},Ben"), by(Options{}, "1"), "1 empty, 2 ok"},
		"two names": {lines("User Name,login", "Ada L,ada", "Ben B,ben"),
			username, "refused: 2 columns could hold"},
		"two IDs":                  {lines("ID,Authing ID", "{1},{2}"), Options{}, "refused: 2 columns could hold"},
		"an ID and a row's number": {lines("ID,Authing ID", "1,{2}", "2,{3}"), Options{}, "2 ok, 3 ok"},
		"two addresses":            {lines("email,mail", "a@x.com,b@x.com"), email, "refused: 2 columns could hold"},
		"managers":                 {lines("Email,Manager Email", "a@x.com,m@x.com"), email, "2 ok"},
		"managers alone": {lines("name,manager.email,Email (manager)", "Ada,m@x.com,m@x.com"),
			email, "refused: no column is named"},
		"PowerShell's type line": {lines("#TYPE System.Management.Automation.PSCustomObject", `"userId","n"`, `"{1}","x"`),
			Options{}, "3 ok"},
		"Entra's version line": {lines("version:v1.0", "User name [userPrincipalName] Required", "ada@x.com"),
			email, "3 ok"},
		"named in two columns":      {lines("Mail,x", "y,Mail", "a,b"), by(email, "Mail"), "refused: two columns are named"},
		"a number is no name below": {lines("x,y", "1,{1}", "2,{2}"), by(Options{}, "2"), "2 ok, 3 ok"},
		"a title that is a name":    {lines("Emails", "Email,Name", "a@x.com,Ada"), email, "3 ok"},
		"title, no header":          {lines("Leavers", "{1},Ada", "{2},Ben"), by(Options{}, "1"), "2 ok, 3 ok"},
		"title, unknown header":     {lines("Leavers", "Kennung,Name", "ada,Ada"), by(username, "1"), "3 ok"},
		"a title, and nobody":       {lines("Leavers", "a,", "b,"), by(Options{}, "2"), "3 empty"},
		"titles and a number":       {lines("Export of the day", "Name,Kennung", "Ada,{1}"), by(Options{}, "2"), "3 ok"},
	} {
		_, rows, err := read(t, x.text, x.o)
		words, refused := strings.CutPrefix(x.want, "refused: ")
		switch {
		case refused != (err != nil) || !refused && summary(rows) != x.want:
			t.Errorf("%s: %q, %v, want %q", name, summary(rows), err, x.want)
		case refused:
			for word := range strings.FieldsSeq(words) {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%s: %v does not say %s", name, err, word)
				}
			}
		}
	}
}

// Twenty rows are searched and not more.
func TestHeaderInTheTwentiethRow(t *testing.T) {
	for above, want := range map[int]bool{19: true, 20: false} {
		text := lines(strings.Repeat("note\n", above)+"name,userId", "Ada,{1}")
		if _, rows, err := read(t, text, Options{}); (err == nil && len(rows) == 1) != want {
			t.Errorf("%d rows above: %v (%v)", above, rows, err)
		}
	}
}

// Names of columns as consoles, databases and people write them.
func TestSpellingsOfHeaders(t *testing.T) {
	for idType, names := range map[string]string{
		UserID: `userId|User ID|user_id|USER-ID|UserID|用户ID|用户 ID|用户 ID（必填）|用户ID*|* 用户ID|userId*|users.id|users.user_id|
			"public"."users"."id"|u.id|id|ID|uid|_id|用戶 ID|使用者ID|Authing ID|GenAuth User ID|authing_user_id|user_id (required)|
			User ID [required]|【用户ID】|userId:|＃用户ID|#userId|用户编号|ｕｓｅｒＩｄ|用户ID(userId)|用户唯一标识`,
		Phone: `phone|Phone Number|phone_number|Mobile|Mobile Phone|Mobile phone number|mobilePhone|profile.mobilePhone|手机|
			手机号|
			手机号码|手机号（必填）|手机号（含国家码）|手機|手機號碼|電話|电话|联系电话|Tel.|Tel|telephoneNumber|Cell Phone|手机号*|用户手机号|
			phone (primary)|users.phone|行動電話|Phone No.|msisdn|手机号(phone)`,
		Email: `email|E-Mail|e_mail|Email Address|Email Address [Required]|EmailAddress|Mail|mail|邮箱|邮箱地址|电子邮箱|电子邮件|
			邮箱（选填）|電子郵件|電子信箱|郵箱|userPrincipalName|User principal name|profile.email|user.email|Primary email|
			PrimarySmtpAddress|Email*|email (unique)|UPN|users/email|用户邮箱`,
		Username: `username|User Name|user_name|Username *|登录名|用户名|用户名（必填）|用戶名|使用者名稱|账号|帐号|帳號|login|Login Name|
			profile.login|sAMAccountName|User name [userPrincipalName] Required|account|logonName|登入帳號|userLogin|users.username`,
		ExternalID: `externalId|External ID|external_id|外部ID|外部 ID|ext_id|原系统 ID|原系统ID（必填）|外部編號`,
		Identity:   `identity|Identities`, SyncRelation: `syncRelation|同步关系`, CustomField: `customField|自定义字段|custom_data`,
	} {
		for name := range strings.SplitSeq(names, "|") {
			h := typeOf(idType)
			if name = strings.TrimSpace(name); h.level(name) == 0 {
				t.Errorf("%s: %s is not found", idType, name)
			}
		}
	}
	for idType, names := range map[string]string{
		UserID: `user pool id|userPoolId|manager id|manager.id|department_id|ID (manager)|employeeId|
			Manager (userId)|tenantId|order id`,
		Phone: `Manager Phone|phone verified|Phone (manager)|work phone|phoneCountryCode|boss.mobile`,
		Email: `manager.email|Email (manager)|Manager (email)|secondEmail|email verified|emailVerified|Sent by email|
			created_by.email|Supervisor [email]|recovery email`,
		Username: `name|displayName|first name|account status|manager.login|company account|昵称|姓名`,
	} {
		for name := range strings.SplitSeq(names, "|") {
			h := typeOf(idType)
			if name = strings.TrimSpace(name); h.level(name) > 0 {
				t.Errorf("%s: %s names somebody else", idType, name)
			}
		}
	}
}

// Columns of names are found as those of IDs are, and are not taken for the IDs' own.
func TestFieldOf(t *testing.T) {
	for header, want := range map[string]string{"Name": who.Name, "Full Name*": who.Name, "姓名（必填）": who.Name,
		"姓名": who.Name, "First-Name": who.GivenName, "last_name": who.FamilyName, "nickName": who.Nickname,
		"profile.firstName": who.GivenName, "Name [displayName] Required": who.Name, "manager.name": "",
		"Name (manager)": "", "User name": Username, "email": Email, "city": ""} {
		if got := FieldOf(header); got != want {
			t.Errorf("%q is %q, want %q", header, got, want)
		}
	}
}

// Files that a run made come back as they are: their own columns are the header's mark, never data, and made anew.
func TestOwnFilesComeBack(t *testing.T) {
	for name, x := range map[string]struct {
		text      string
		o         Options
		rows      string
		header    string
		firstRaw  string
		refusedBy string
	}{
		"rejected.csv": {"phone,n,bulkdelete_line,bulkdelete_reason\n13800138000,x,7,\"a, b\"\n", Options{IDType: Phone},
			"2 ok", "phone,n", "13800138000,x", ""},
		"by number": {"column_1,username,bulkdelete_line,bulkdelete_reason\nx,ada,7,r\n",
			Options{IDType: Username, Column: "2"}, "2 ok", "column_1,username", "x,ada", ""},
		"no header, as told": {"user_id,column_2,bulkdelete_line\n" + a + ",\"x \"\"y\"\"\",7\n", Options{NoHeader: true},
			"2 ok", "user_id,column_2", a + `,"x ""y"""`, ""},
		"a username": {"username,bulkdelete_line\nada,7\n", Options{IDType: Username, NoHeader: true, Column: "1"},
			"2 ok", "username", "ada", ""},
		"columns moved": {"bulkdelete_line,userId,bulkdelete_reason,n\n7," + a + ",r,x\n", Options{},
			"2 ok", "userId,n", a + ",x", ""},
		"a cell too few": {"userId,n,m,bulkdelete_line,bulkdelete_reason\n" + a + ",x,7,r\n", Options{},
			"2 columns", "userId,n,m", a + ",x", ""},
		"empty cells": {"a,userId,c,bulkdelete_line\n," + a + ",,7\n", Options{}, "2 ok", "a,userId,c", "," + a + ",", ""},
		"a user called so": {"username,n\nada,x\nbulkdelete_bot,y\n", Options{IDType: Username}, "2 ok, 3 ok",
			"username,n", "ada,x", ""},
		"own column asked for": {"bulkdelete_line,userId\n7," + a + "\n", Options{Column: "1"}, "", "", "",
			"never holds the IDs"},
		"own column by name": {"bulkdelete_line,userId\n7," + a + "\n",
			Options{Column: "bulkdelete_line", NoHeader: true}, "", "", "",
			"never holds the IDs"},
	} {
		p, rows, err := read(t, []byte(x.text), x.o)
		switch {
		case x.refusedBy != "":
			if err == nil || !strings.Contains(err.Error(), x.refusedBy) {
				t.Errorf("%s: %v, want %s", name, err, x.refusedBy)
			}
		case err != nil || summary(rows) != x.rows || string(p.Bare(p.HeaderRaw)) != x.header ||
			string(p.Bare(rows[0].Raw)) != x.firstRaw:
			t.Errorf("%s: %s, %v: %+v", name, summary(rows), err, rows)
		}
	}
}

// A line that programs put in front of a table is passed over there and nowhere else: below the header it is a row like
// any other, which may name somebody and has to be accounted for.
func TestMarksBelowTheHeaderAreRows(t *testing.T) {
	for text, want := range map[string]string{
		"version:v1\ncustomField\nversion:v2\nteam:a\n": "3 ok, 4 ok",
		"customField\n#TYPE x\nteam:a\n":                "2 no_user, 3 ok",
	} {
		if _, rows, err := read(t, []byte(text), Options{IDType: CustomField}); err != nil || summary(rows) != want {
			t.Errorf("%q: %s (%v), want %s", text, summary(rows), err, want)
		}
	}
}
