package chunker

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The kinds of ID that the API knows (docs/genauth-api.md, "Endpoints").
const (
	UserID       = "user_id"
	Phone        = "phone"
	Email        = "email"
	Username     = "username"
	ExternalID   = "external_id"
	Identity     = "identity"
	SyncRelation = "sync_relation"
	CustomField  = "custom_field"
)

// idType is what is known of a type of ID.
type idType struct {
	name     string
	distinct bool                   // its IDs are told from any other text
	exact    string                 // headers, as fold writes them
	loose    string                 // further ones, which an exact one beats
	fits     func(id []byte) bool   // nil: any text does
	reason   func(id string) string // why an ID does not fit
}

var idTypes = []idType{
	{UserID, true, "userid 用户id 用戶id 使用者id usersid authingid authinguserid authing用户id genauthid genauthuserid " +
		"genauth用户id", "id uid _id userids 用户编号 用户标识 用户唯一标识 用戶編號 用戶標識", isUserID, userIDReason},
	{Phone, true, "phone 手机号 手機號", "phones phonenumber phoneno userphone userphonenumber primaryphone mobile mobileno " +
		"mobilephone mobilephonenumber mobilenumber cell cellphone cellphonenumber cellnumber tel telno telephone " +
		"telephonenumber handphone msisdn contactphone contactnumber 手机 手机号码 电话 电话号码 联系电话 联系手机 移动电话 " +
		"移动手机 用户手机 用户手机号 绑定手机 绑定手机号 手機 手機號碼 電話 電話號碼 聯絡電話 行動電話", isPhone, phoneReason},
	{Email, true, "email 邮箱 郵箱", "emails emailaddress useremail useremailaddress primaryemail primaryemailaddress " +
		"loginemail emailid mail mailaddress primarysmtpaddress userprincipalname upn 邮箱地址 用户邮箱 电子邮箱 电子邮箱地址 " +
		"电子邮件 电子邮件地址 邮件 邮件地址 郵箱地址 電子郵箱 電子郵件 電子郵件地址 電子信箱 信箱 電郵 電郵地址 郵件",
		isEmail, emailReason},
	{Username, false, "username 用户名 用戶名 使用者名稱", "usernames login logins loginname loginid userlogin logon logonname " +
		"userlogonname account accountname accountid samaccountname userprincipalname upn preferredusername " +
		"账号 帐号 账户 帐户 登录名 登录账号 登录帐号 用户账号 用户帐号 帳號 帳戶 賬號 登入名 登入帳號 登入名稱", nil, nil},
	{ExternalID, false, "externalid 外部id", "extid externaluserid originalid originaluserid 外部用户id 外部编号 外部系统id " +
		"原系统id 原系统用户id 原用户id 外部用戶id 外部編號 外部系統id 原系統id", nil, nil},
	{Identity, false, "identity 身份", "identities identityid useridentity 外部身份", isPair, pairReason("extIdpId")},
	{SyncRelation, false, "syncrelation 同步关系 同步關係", "syncrelations syncid", isPair, pairReason("provider")},
	{CustomField, false, "customfield 自定义字段", "customfields customdata 自定义数据 自定義欄位 自訂欄位", nil, nil},
}

// typeOf gives a type by its name, without a name if there is none.
func typeOf(name string) idType {
	for _, t := range idTypes {
		if t.name == name {
			return t
		}
	}
	return idType{}
}

// article puts the article before a type's name: an email, a phone.
func article(name string) string {
	if strings.ContainsAny(name[:1], "aei") {
		return "an " + name
	}
	return "a " + name
}

// looksLike names the type that an ID plainly is of, and "" when it could be of several or none.
func looksLike(id []byte) string {
	switch {
	case isUserID(id):
		return UserID
	case isEmail(id):
		return Email
	case len(id) >= 8 && isPhone(id) && (id[0] == '+' || len(id) == 11 && id[0] == '1'):
		return Phone
	}
	return ""
}

// isUserID says whether an ID has 24 hexadecimal digits, in either case.
func isUserID(id []byte) bool {
	var bits [12]byte
	if len(id) != 2*len(bits) {
		return false
	}
	_, err := hex.Decode(bits[:], id)
	return err == nil
}

// isPhone says whether an ID has 5 to 15 digits, with or without a + in front.
func isPhone(id []byte) bool {
	id = bytes.TrimPrefix(id, []byte("+"))
	return 5 <= len(id) && len(id) <= 15 && isNumber(id)
}

func isNumber(id []byte) bool {
	return !bytes.ContainsFunc(id, func(r rune) bool { return r < '0' || r > '9' })
}

// isEmail says whether an ID is an e-mail address alone: up to 64 characters, an @, and a domain.
func isEmail(id []byte) bool {
	name, domain, _ := bytes.Cut(id, []byte("@"))
	return len(name) > 0 && utf8.RuneCount(name) <= 64 && !bytes.ContainsAny(name, "\t\n\f\r <>()\",;:\\") &&
		isDomain(domain)
}

// isDomain says whether text is two names or more with dots between. A hyphen stands inside of a name only.
func isDomain(text []byte) bool {
	names := 0
	for name := range bytes.SplitSeq(text, []byte(".")) {
		names++
		foreign := func(r rune) bool { return r != '-' && !unicode.IsLetter(r) && !unicode.IsNumber(r) }
		if len(name) == 0 || name[0] == '-' || name[len(name)-1] == '-' || bytes.ContainsFunc(name, foreign) {
			return false
		}
	}
	return names > 1
}

func userIDReason(id string) string {
	const want = "a user_id has 24 hexadecimal digits"
	bare := strings.Trim(id, `'"<>()[]{},;`)
	if isUserID([]byte(bare)) {
		return fmt.Sprintf("%s: write %s without the characters around it", want, bare)
	}
	for i, r := range id {
		if !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return fmt.Sprintf("%s, this has %q as character %d: correct it from its source",
				want, r, utf8.RuneCountInString(id[:i])+1)
		}
	}
	return fmt.Sprintf("%s, this has %d: correct it from its source", want, len(id))
}

// isChineseMobile says whether a phone is a mobile of mainland China as it is dialled there.
func isChineseMobile(id []byte) bool {
	return len(id) == 11 && id[0] == '1' && id[1] >= '3' && isNumber(id)
}

// isLostPlus says whether a phone is a Chinese mobile with its country and without the + in front, as programs leave it
// that take it for a number.
func isLostPlus(id []byte) bool {
	return len(id) == 13 && bytes.HasPrefix(id, []byte("86")) && isChineseMobile(id[2:])
}

// phoneReason names a phone only if it is a Chinese mobile or has its country: of another one nobody knows whether its
// digits are an extension, or a zero that is dialled inside of the country only.
func phoneReason(id string) string {
	digits := strings.Map(func(r rune) rune {
		switch {
		case r >= '０' && r <= '９':
			return r - '０' + '0'
		case r == '＋':
			return '+'
		case strings.ContainsRune("-.()（） ", r) || unicode.IsSpace(r) || unicode.Is(unicode.Pd, r):
			return -1
		}
		return r
	}, strings.TrimPrefix(strings.TrimSuffix(id, ".0"), "tel:"))
	if rest, ok := strings.CutPrefix(digits, "00"); ok {
		digits = "+" + rest
	}
	if isLostPlus([]byte(digits)) {
		digits = "+" + digits
	}
	mobile := isChineseMobile([]byte(strings.TrimPrefix(digits, "+86")))
	abroad := strings.HasPrefix(digits, "+") && !strings.HasPrefix(digits, "+86") && !strings.HasPrefix(digits, "+0") &&
		len(digits) >= 9 && !strings.Contains(id, "(0)")
	if (mobile || abroad) && isPhone([]byte(digits)) {
		return fmt.Sprintf("a phone has digits alone, with or without a + in front: write %s", digits)
	}
	return "not a phone (5 to 15 digits, with or without a + and the country in front): correct it from its source"
}

func emailReason(id string) string {
	bare := strings.TrimPrefix(id, "mailto:")
	if i, j := strings.IndexByte(bare, '<'), strings.LastIndexByte(bare, '>'); i >= 0 && j > i {
		bare = bare[i+1 : j]
	}
	bare = strings.Trim(bare, ` ;,.<>'"`)
	if isEmail([]byte(bare)) && strings.Count(id, "@") == 1 {
		return "not an e-mail address alone: write " + bare
	}
	return "not an e-mail address (name@example.com): correct it from its source"
}

// isPair says whether an ID has two parts with a colon between.
func isPair(id []byte) bool {
	left, right, ok := bytes.Cut(id, []byte(":"))
	return ok && len(bytes.TrimSpace(left)) > 0 && len(bytes.TrimSpace(right)) > 0
}

func pairReason(left string) func(string) string {
	return func(string) string {
		return fmt.Sprintf("not of the form <%s>:<userIdInIdp>: put both parts in, with a colon between", left)
	}
}
