package chunker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// ownPrefix starts the columns that a run adds to failed.csv. They are passed over, so that the file can be fed back.
const ownPrefix = "bulkdelete_"

// layout is what the first record says about all others.
type layout struct {
	column int  // of the IDs, from 0
	header bool // the first record is a header
	named  bool // the column was found by the header's name
	note   string
}

// findColumn finds the column of the IDs in the first record's cells, and whether that record is a header or data.
func findColumn(cells []string, o Options) (layout, error) {
	for i, c := range cells {
		cells[i] = string(trim([]byte(c)))
	}
	if o.Column != "" {
		return askedColumn(cells, o)
	}
	ours := usable(cells)
	if !o.NoHeader {
		for _, fits := range []func(string) bool{
			func(name string) bool { return spelledAs(name, headerNames(o.IDType).exact) },
			func(name string) bool { return spelledAs(name, headerNames(o.IDType).loose) },
		} {
			switch found := pick(cells, ours, fits); {
			case len(found) == 1:
				return layout{column: found[0], header: true, named: true}, nil
			case len(found) > 1:
				return layout{}, fmt.Errorf("%d columns could hold the %s: "+
					"choose one with --column; the columns are %s", len(found), o.IDType, listColumns(cells))
			}
		}
	}
	if len(ours) == 1 {
		return numbered(cells, ours[0], o), nil
	}
	return headless(cells, ours, o)
}

// headless finds the column by what the first record holds, when no name fits.
func headless(cells []string, ours []int, o Options) (layout, error) {
	found := pick(cells, ours, func(cell string) bool { return isData(cell, o.IDType) && checkable(o.IDType) })
	if len(found) == 1 {
		return numbered(cells, found[0], o), nil
	}
	what := "no column is named like a " + o.IDType
	if o.NoHeader {
		what = "without a header it is not clear which column holds the " + o.IDType
	}
	return layout{}, fmt.Errorf("%s: choose one with --column; the columns are %s", what, listColumns(cells))
}

// askedColumn finds --column: a very name, else a name in a loose spelling, else a number.
func askedColumn(cells []string, o Options) (layout, error) {
	if !o.NoHeader {
		for _, fits := range []func(string) bool{
			func(name string) bool { return name == o.Column },
			func(name string) bool { return fold(name) == fold(o.Column) },
		} {
			switch found := pick(cells, every(cells), fits); {
			case len(found) == 1:
				return layout{column: found[0], header: true, named: true}, nil
			case len(found) > 1:
				return layout{}, fmt.Errorf("%d columns are named %s: give --column a number; the columns are %s",
					len(found), quote(o.Column), listColumns(cells))
			}
		}
	}
	n, err := strconv.Atoi(o.Column)
	switch {
	case err != nil && o.NoHeader:
		return layout{}, fmt.Errorf("without a header a column has no name: "+
			"give --column a number from 1 to %d", len(cells))
	case err != nil || n < 1 || n > len(cells):
		return layout{}, fmt.Errorf("there is no column %s: the columns are %s", quote(o.Column), listColumns(cells))
	}
	return numbered(cells, n-1, o), nil
}

// numbered says what the first record is when the column is known by its place alone.
func numbered(cells []string, column int, o Options) layout {
	l, cell := layout{column: column}, cells[column]
	switch {
	case o.NoHeader:
	case isData(cell, o.IDType):
		l.note = "the first row is data, not a header: its cell is itself an ID"
		if t := looksLike([]byte(cell)); t != "" {
			l.note = "the first row is data, not a header: its cell is itself a " + t
		}
	default:
		l.header = true
		l.note = fmt.Sprintf("the first row is taken for the header, with %s for the IDs: "+
			"if it is a user, give --no-header", quote(cell))
	}
	return l
}

// usable gives the columns that may hold the IDs: all but those that a run added.
func usable(cells []string) []int {
	ours := func(name string) bool { return !strings.HasPrefix(strings.ToLower(name), ownPrefix) }
	return pick(cells, every(cells), ours)
}

// every gives all columns.
func every(cells []string) []int {
	all := make([]int, len(cells))
	for i := range all {
		all[i] = i
	}
	return all
}

// pick gives those of the columns whose cell fits.
func pick(cells []string, columns []int, fits func(string) bool) []int {
	var found []int
	for _, i := range columns {
		if fits(cells[i]) {
			found = append(found, i)
		}
	}
	return found
}

// isData says whether a first row's cell is an ID itself, or one that a spreadsheet damaged, so that no user is lost to
// a missing header.
func isData(cell, idType string) bool {
	if cell == "" {
		return false
	}
	if looksLike([]byte(cell)) != "" {
		return true
	}
	c := checker{idType: idType}
	switch idType {
	case UserID, Phone, Email:
		code, _ := c.judge([]byte(cell))
		return code == "" || code == CodeSpreadsheet
	case Identity, SyncRelation:
		code, _ := c.judge([]byte(cell))
		return code == "" && !namesBothHalves(cell)
	}
	return false
}

// namesBothHalves tells a header such as extIdpId:userIdInIdp from an identity.
func namesBothHalves(cell string) bool {
	left, right, _ := strings.Cut(cell, ":")
	words := []string{"extidpid", "idpid", "idp", "provider", "connection", "source", "userid", "useridinidp",
		"id", "openid", "unionid", "identity", "relation", "身份源", "用户id"}
	return spelledAs(left, words) && spelledAs(right, words)
}

// fold makes spellings of a header comparable: lower case, half width, without spaces, hyphens and underscores.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0xff01 && r <= 0xff5e { // full-width ASCII
			r -= 0xfee0
		}
		if r == '-' || r == '_' || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Pd, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

func spelledAs(name string, words []string) bool { return slices.Contains(words, fold(name)) }

// names are a type's headers as fold writes them. An exact name beats the loose ones.
type names struct{ exact, loose []string }

func headerNames(idType string) names {
	switch idType {
	case UserID:
		return names{[]string{"userid", "用户id"},
			[]string{"id", "uid", "userids", "authinguserid", "genauthuserid", "用户编号", "用户标识"}}
	case Phone:
		return names{[]string{"phone", "手机号"},
			[]string{"phonenumber", "mobile", "mobilephone", "mobilenumber", "cellphone", "tel",
				"telephone", "手机", "手机号码", "电话", "电话号码", "联系电话", "移动电话"}}
	case Email:
		return names{[]string{"email", "邮箱"},
			[]string{"emailaddress", "mail", "mailaddress", "邮箱地址", "电子邮箱",
				"电子邮件", "邮件", "邮件地址"}}
	case Username:
		return names{[]string{"username", "用户名"},
			[]string{"login", "loginname", "account", "accountname", "账号", "帐号", "账户", "登录名"}}
	case ExternalID:
		return names{[]string{"externalid", "外部id"},
			[]string{"extid", "externaluserid", "外部用户id", "外部编号"}}
	case Identity:
		return names{[]string{"identity", "身份"}, []string{"identities", "identityid", "外部身份"}}
	case SyncRelation:
		return names{[]string{"syncrelation", "同步关系"}, []string{"syncrelations", "syncid"}}
	default:
		return names{[]string{"customfield", "自定义字段"}, []string{"customfields", "customdata", "自定义数据"}}
	}
}
