package client

import (
	"cmp"
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"testing"
)

// vector is one of the vendor's Node SDK's signatures; see testdata/signature-vectors.json.
type vector struct {
	Name, Method, Path, Body     string
	AccessKeyID, AccessKeySecret string
	Headers                      map[string]string
	Query                        json.RawMessage
	StringToSign, Signature      string
	Authorization, Dialect       string
}

func vectors(t *testing.T) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/signature-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors, Variants []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return append(file.Vectors, file.Variants...)
}

func TestSignaturesOfTheVendorsSDK(t *testing.T) {
	all := vectors(t)
	if len(all) < 20 {
		t.Fatalf("only %d vectors", len(all))
	}
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			var params, again map[string]any
			if err := json.Unmarshal([]byte(cmp.Or(v.Body, string(v.Query), "{}")), &params); err != nil {
				t.Fatal(err)
			}
			body := stringify(params)
			if err := json.Unmarshal([]byte(body), &again); err != nil || !reflect.DeepEqual(again, params) ||
				v.Body != "" && len(body) != len(v.Body) { // the order of the members is ours
				t.Errorf("the body is %s, want %s (%v)", body, v.Body, err)
			}
			h := http.Header{}
			for name, value := range v.Headers {
				h.Set(name, value)
			}
			prefix, scheme := "x-authing-", "authing"
			if v.Dialect != "" {
				prefix, scheme = "x-genauth-", "GenAuth"
			}
			text := stringToSign(v.Method, v.Path, h, prefix, params)
			if text != v.StringToSign {
				t.Fatalf("string to sign:\n%q, want\n%q", text, v.StringToSign)
			}
			if got := scheme + " " + v.AccessKeyID + ":" + sign(v.AccessKeySecret, text); got != v.Authorization {
				t.Errorf("authorization %s, want %s", got, v.Authorization)
			}
		})
	}
}

// JSON.stringify's own escapes, as ECMA-262 has them: encoding/json differs in <, >, &, U+2028 and U+2029.
func TestJSONIsWhatStringifyWrites(t *testing.T) {
	for text, want := range map[string]string{
		"<>&":            `"<>&"`,
		"\u2028\u2029":   "\"\u2028\u2029\"",
		"\b\f\n\r\t\x01": `"\b\f\n\r\t\u0001"`,
		"\x7f\u0080/":    "\"\x7f\u0080/\"",
		`"\'`:            `"\"\\'"`,
		"a\xffb":         "\"a\uFFFDb\"",
		"张三😀":            `"张三😀"`,
		"":               `""`,
	} {
		if got := stringify(text); got != want {
			t.Errorf("%q becomes %s, want %s", text, got, want)
		}
	}
}
