package client

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
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

// toParams reads JSON into params, in the order that stands there.
func toParams(t *testing.T, text []byte) params {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(text)))
	value := readValue(t, d)
	p, ok := value.(params)
	if !ok {
		t.Fatalf("%s is no object", text)
	}
	return p
}

func readValue(t *testing.T, d *json.Decoder) any {
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	switch token {
	case json.Delim('{'):
		p := params{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			p = append(p, param{name.(string), readValue(t, d)})
		}
		d.Token()
		return p
	case json.Delim('['):
		list := []string{}
		for d.More() {
			list = append(list, readValue(t, d).(string))
		}
		d.Token()
		return list
	}
	return token
}

func TestSignaturesOfTheVendorsSDK(t *testing.T) {
	all := vectors(t)
	if len(all) < 20 {
		t.Fatalf("only %d vectors", len(all))
	}
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			var p params
			switch {
			case v.Body != "":
				p = toParams(t, []byte(v.Body))
				if got := stringify(p); got != v.Body {
					t.Errorf("the body is %s, want %s", got, v.Body)
				}
			case len(v.Query) > 0:
				p = toParams(t, v.Query)
			}
			h := http.Header{}
			for name, value := range v.Headers {
				h.Set(name, value)
			}
			prefix, scheme := "x-authing-", "authing"
			if v.Dialect != "" {
				prefix, scheme = "x-genauth-", "GenAuth"
			}
			text := stringToSign(v.Method, v.Path, h, prefix, p)
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
