package chunker

import (
	"strings"
	"testing"
)

// codeOf judges an ID in a file of its own.
func codeOf(t *testing.T, idType, id string) (code, reason string) {
	t.Helper()
	_, rows, err := read(t, []byte("n,the id\nx,\""+strings.ReplaceAll(id, `"`, `""`)+"\"\n"),
		Options{IDType: idType, Column: "the id"})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%s %q: %v (%v)", idType, id, rows, err)
	}
	if r := rows[0]; r.Code != "" {
		return r.Code, r.Reason
	}
	return "ok", ""
}

// No word for nothing, no error of a sheet, no rounded number, sum, comment or line is ever sent as somebody's ID.
func TestCellsThatAreNobody(t *testing.T) {
	for code, cells := range map[string][]string{
		codeEmpty: {"", " ", "NULL", "null", "(null)", "[NULL]", "<NA>", "NA", "N/A", "n/a", "nil", "<nil>", "None",
			"NaN", "nan",
			"NaT", `\N`, "undefined", "-", "--", "—", "–", ".", "...", "?", "无", "無", "空", "没有", "暂无", "未知", "(empty)",
			"[object Object]",
			"[object Undefined]", "{}", "[]", "''", `""`, "/", "k. A.", "keine", "ninguno", "なし", "нет",
			"Not Available"},
		codeSpreadsheet: {"#REF!", "#ERROR!", "#N/A", "#NAME?", "#DIV/0!", "#WERT!", "#¡REF!", "#NV", "Err:502",
			"Err:508", "########",
			"1.38E+10", "1,38E+10", "1.3912345678E10", "1E+05", "123456789012345000", "12345678901234500", `="00123"`,
			"=B2", "=1+1",
			`=VLOOKUP(A1,B:B,1)`, "'00123", "1001.0", "1001.00", "13800138000.0", "1001,0"},
		codeNoUser: {"Total", "TOTAL:", "Total: 300", "合计", "合计：3", "总计 300 人", "小计", "Summe", "Grand Total",
			"(2 rows)", "(1 row)",
			"2 rows", "3 rows affected", "(3 rows affected)", "2 rows in set (0.00 sec)", "2 rows selected.", "共 3 条", "(2 行记录)",
			"# a comment", "#removed", "-- done", "// x", "/* x */", "备注：离职", "-----", "----+----", "=====", "___"},
	} {
		for _, cell := range cells {
			for _, idType := range []string{Username, ExternalID, CustomField} {
				if got, _ := codeOf(t, idType, cell); got != code {
					t.Errorf("%s %q is %s, want %s", idType, cell, got, code)
				}
			}
			for _, idType := range []string{UserID, Phone, Email, Identity, SyncRelation} {
				if got, _ := codeOf(t, idType, cell); got == "ok" {
					t.Errorf("%s %q is accepted", idType, cell)
				}
			}
			pair := "idp:" + cell
			if got, _ := codeOf(t, Identity, pair); got == "ok" {
				t.Errorf("identity %q is accepted", pair)
			}
		}
	}
	for _, pair := range []string{"undefined:null", "null:7", "lark:undefined", "NaN:x", "idp:1.0",
		"idp:123456789012345000"} {
		if got, _ := codeOf(t, SyncRelation, pair); got == "ok" {
			t.Errorf("sync_relation %q is accepted", pair)
		}
	}
}

// What only resembles that is somebody.
func TestCellsThatAreSomebody(t *testing.T) {
	for _, id := range []string{"'tHart", "O'Neil", "totaler", "sumi", "E-7", "1E5", "1e5", "E502", "00123", "1001",
		"1001.5", "null1",
		"na.na", "Nilsson", "Noneman", "无名", "空海", "123456789012345678", "1234567890123450", "2 rowsy", "12users",
		"x#1", "a--b", "7",
		"total.recall", "合计划", "ada", "张三", "kein", "Err", "😀"} {
		if code, reason := codeOf(t, Username, id); code != "ok" {
			t.Errorf("%q is %s: %s", id, code, reason)
		}
	}
	for _, id := range []string{"idp:7", "lark:ou_1", "6319a1504f3b000000000001:x", "wechat:unionid:7"} {
		if code, reason := codeOf(t, Identity, id); code != "ok" {
			t.Errorf("%q is %s: %s", id, code, reason)
		}
	}
}

// A reason names the ID to write only where the cell says it beyond doubt.
func TestAdviceNamesAnIDBeyondDoubt(t *testing.T) {
	for idType, cells := range map[string]map[string]string{ // "": no ID is named
		Phone: {"8613800138000": "+8613800138000", "008613800138000": "+8613800138000",
			"0086 138-0013-8000": "+8613800138000",
			"138 0013 8000":      "13800138000", "(138)00138000": "13800138000", `="13800138000"`: "13800138000",
			"13800138000.0":   "13800138000",
			"8613800138000.0": "+8613800138000", "'13800138000": "13800138000", "tel:+86-138-0013-8000": "+8613800138000",
			"+44 20 7946 0000": "+442079460000", "+44 (0)20 7946 0000": "", "020-7946-0000": "", "138-0013-8000/8001": "",
			"010-12345678-8001": "", "400-800-8820": "", "=B2": "", "1.38E+10": "", "00442079460000": "+442079460000",
			"１３８００１３８０００": "13800138000", "+86 10 1234 5678": "", "=13800138000": ""},
		Email: {"Ada <ada@x.com>": "ada@x.com", "mailto:ada@x.com": "ada@x.com", "a@x.com; b@x.com": "",
			"<a@x.com> <b@x.com>": "",
			"ada@x":               "", "=A2": ""},
		Username:   {`="00123"`: "00123", "=B2": "", "=CONCAT(A1)": "", "1001.0": "1001", "'00123": "00123"},
		ExternalID: {"=B2": "", "1.3912345678E10": ""},
		UserID:     {"'" + a: a, `="` + a + `"`: a, "=B2": "", "{" + a + "}": a},
	} {
		for cell, want := range cells {
			code, reason := codeOf(t, idType, cell)
			_, advice, _ := strings.Cut(reason, ": write ")
			if advice, _, _ = strings.Cut(advice, " without"); code == "ok" || advice != want {
				t.Errorf("%s %q is %s: %s; want the advice %q", idType, cell, code, reason, want)
			}
		}
	}
}

// The formats of one phone are one person; numbers of two countries are two.
func TestFormatsOfOnePhone(t *testing.T) {
	for text, want := range map[string]string{
		"13800138000\n+8613800138000":              "2 ok, 3 duplicate",
		"+8613800138000\n13800138000\n13800138001": "2 ok, 3 duplicate, 4 ok",
		"442079460000\n+442079460000":              "2 ok, 3 duplicate",
		"+13805551234\n13805551234":                "2 ok, 3 ok",
		"4008008820\n+4008008820":                  "2 ok, 3 ok",
	} {
		_, rows, err := read(t, []byte("phone\n"+text+"\n"), Options{IDType: Phone})
		if err != nil || summary(rows) != want {
			t.Errorf("%q: %s (%v), want %s", text, summary(rows), err, want)
		}
	}
	_, rows, err := read(t, []byte("phone\n8613800138000\n13800138000\n"), Options{IDType: Phone, NoValidate: true})
	if err != nil || summary(rows) != "2 ok, 3 duplicate" {
		t.Errorf("not validated: %s (%v)", summary(rows), err)
	}
}

// A sum below another column than the first is nobody either.
func TestSumBesideItsLabel(t *testing.T) {
	_, rows, err := read(t, []byte("dept,externalId\nR&D,17\nTotal,18\n合计,19\nTotally,20\nTotal,E-7\n"),
		Options{IDType: ExternalID})
	if want := "2 ok, 3 no_user, 4 no_user, 5 ok, 6 ok"; err != nil || summary(rows) != want {
		t.Errorf("%s (%v), want %s", summary(rows), err, want)
	}
}

// A sum may look like a phone too.
func TestSumOfPhones(t *testing.T) {
	_, rows, err := read(t, []byte("dept,phone\nR&D,13800138000\nTotal,10000\n"), Options{IDType: Phone})
	if want := "2 ok, 3 no_user"; err != nil || summary(rows) != want {
		t.Errorf("%s (%v), want %s", summary(rows), err, want)
	}
}

// Where numbers have a common length, and zeros in front, a shorter one has lost them.
func TestLostZeros(t *testing.T) {
	for ids, want := range map[string]string{
		"00123 124 00125":         "2 ok, 3 spreadsheet, 4 ok",
		"00123 00124 E-7 12":      "2 ok, 3 ok, 4 ok, 5 spreadsheet",
		"00123 124 125":           "2 ok, 3 ok, 4 ok",       // one alone may be somebody's name
		"00123 0124 125":          "2 ok, 3 ok, 4 ok",       // of any length
		"00123 00124 125 1234567": "2 ok, 3 ok, 4 ok, 5 ok", // of any length
	} {
		text := "externalId\n" + strings.ReplaceAll(ids, " ", "\n") + "\n"
		if _, rows, err := read(t, []byte(text), Options{IDType: ExternalID}); err != nil || summary(rows) != want {
			t.Errorf("%s: %s (%v), want %s", ids, summary(rows), err, want)
		}
	}
}

// A header that is repeated between the rows, as files are put together, is nobody.
func TestHeaderRepeated(t *testing.T) {
	_, rows, err := read(t, []byte("login,n\nada,x\nlogin,n\nLOGIN,n\nusername,n\nben,y\n"),
		Options{IDType: Username, Column: "login"})
	if want := "2 ok, 3 no_user, 4 no_user, 5 no_user, 6 ok"; err != nil || summary(rows) != want {
		t.Errorf("%s (%v), want %s", summary(rows), err, want)
	}
}

// A quote that is not closed takes rows in: whoever stands there is in rejected.csv, not lost.
func TestQuoteThatSwallowsRows(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{"userId,n,m\n{1},x,y\n{2},\"Tex,y\n{3},Ben,y\n{4},Amy\",y\n{5},z,y\n", "2 ok, 3 columns, 6 ok"},
		{"n,userId\n\"Tex,{1}\nBen,{2}\nAmy\",{3}\nz,{4}\n", "2 columns, 5 ok"},
		{"userId,n\n{1},\"Main St 5, Hof\nGermany, EU\"\n{2},x\n", "2 ok, 4 ok"},
	} {
		_, rows, err := read(t, lines(strings.TrimSuffix(x.text, "\n")), Options{})
		if err != nil || summary(rows) != x.want {
			t.Errorf("%q: %s (%v), want %s", x.text, summary(rows), err, x.want)
		}
	}
	refused(t, "junk in a cell of two lines", lines("userId,n", "{1},\"Tex", "Ben \"x\" y\"", "{2},x"), 2, Options{})
	_, rows, err := read(t, []byte("username,n\nada,\"Tex\nben,x\ncay,Amy\"\ndan,x\n"), Options{IDType: Username})
	if err != nil || summary(rows) != "2 columns, 5 ok" ||
		!strings.Contains(string(rows[0].Raw), "\nben,x\n") {
		t.Errorf("usernames: %s (%v) %q", summary(rows), err, rows[0].Raw)
	}
}
