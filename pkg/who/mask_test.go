package who

import (
	"strings"
	"testing"
)

// What names somebody is taken out of a text, and the words around it stay.
func TestMask(t *testing.T) {
	cells := []string{"6319a150f38b2ffc80a4df5a", " Ann Example ", "ann@example.com", "13800000001", "张三", "Li", "yes", ""}
	for text, want := range map[string]string{
		"success": "success",
		"user 6319a150f38b2ffc80a4df5a does not exist":  "user *** does not exist",
		"ANN EXAMPLE is an administrator":               "*** is an administrator",
		"<Ann@Example.COM> is locked":                   "<***> is locked",
		"用户张三不存在":                                       "用户***不存在",
		"yes, Li may not":                               "yes, Li may not",
		"somebody.else@example.org (+86 138-0000-0001)": "*** (***)",
		"phone 13800000001":                             "phone ***",
		"statusCode 400, apiCode 20100, 120 ms":         "statusCode 400, apiCode 20100, 120 ms",
	} {
		if got := Mask(text, cells); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	if got := Mask("ann@example.com.example.com", []string{"example.com", "ann@example.com"}); strings.Contains(got, "ann") {
		t.Error(got)
	}
}
