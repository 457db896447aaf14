package report

import (
	"regexp"
	"strings"
	"testing"
)

// A page with Chinese is the English one, and beside its verdict and every heading and label stands the Chinese.
func TestPageInChinese(t *testing.T) {
	said := regexp.MustCompile(`<(?:h[1-3]|dt|th|small)[^>]*>.*?</|<b class=.*?</`)
	added := regexp.MustCompile(` <span lang="zh-CN">(.*?)</span>`)
	for _, deed := range []Deed{Delete, Suspend, Restore, Reinstate} {
		run, s := madeUp(t, 20_000, 400, false)
		run.Asked.Deed, s.Deed, s.SparedBy = deed, deed, map[string]int{"only: created": 1}
		s.stats.SparedRows = s.stats.FailedRows
		english := rendered(t, run, s)
		run.Last().Lang = "zh"
		page := rendered(t, run, s)
		if added.ReplaceAllString(page, "") != english || strings.Contains(english, "zh-CN") {
			t.Errorf("%s: the page differs in more than what is beside the English", deed)
		}
		for _, text := range said.FindAllString(page, -1) {
			clock, shared := strings.Contains(text, "UTC"), strings.HasSuffix(text, ">ID</")
			if !clock && !shared && !strings.Contains(text, `<span lang="zh-CN">`) {
				t.Errorf("%s: no Chinese beside %s", deed, text)
			}
		}
		if n := len(added.FindAllString(page, -1)); n < 40 {
			t.Errorf("%s: there are only %d pieces of Chinese", deed, n)
		}
		run.Last().Lang = "en"
		if rendered(t, run, s) != english {
			t.Errorf("%s: the page is not in English", deed)
		}
	}
}

// Whatever an outcome is called and means has Chinese.
func TestOutcomesInChinese(t *testing.T) {
	words := chineseLabels()
	for _, o := range outcomes {
		if words[string(o.Outcome)] == "" || words[o.meaning] == "" {
			t.Errorf("there is no Chinese for %s: %s", o.Outcome, o.meaning)
		}
	}
}

func TestVerdictInChinese(t *testing.T) {
	for english, want := range map[string]string{
		"Finished: 1,000,000 users are gone.": "已完成：1,000,000 个用户已不存在。",
		"Finished: 1 user is gone.":           "已完成：1 个用户已不存在。",
		"Finished: 48 users are gone, 2 spared, 2 of them because the list describes somebody else.": "" +
			"已完成：48 个用户已不存在，豁免 2 个，其中 2 个是因为名单所指的另有其人。",
		"Finished: 50 users are gone, but 1 input row is invalid, so never sent.": "" +
			"已完成：50 个用户已不存在，但输入中有 1 行无效，因此从未发送。",
		"Finished: 7 users are there again, but 1 more user is not in the backup.": "" +
			"已完成：7 个用户已恢复，但另有 1 个用户不在备份中。",
		"Finished, but 10 of 5,000 users may still be missing.":       "已结束，但 5,000 个用户中有 10 个可能仍未恢复。",
		"Unfinished: 1,007 of 5,000 users done, 3,993 still to come.": "未完成：共 5,000 个用户，已处理 1,007 个，还剩 3,993 个。",
		"Finished: nothing was sent, and 3 input rows are invalid.":   "已完成：什么也没发送，输入中有 3 行无效。",
		"Finished: 50 users are spared, none is gone.":                "已完成：50 个用户全部豁免，没有删除任何人。",
		"Finished: 7 users are suspended, 1 absent, 2 spared.":        "已完成：7 个用户已停用，不存在 1 个，豁免 2 个。",
		"Finished: 1 user is no longer suspended by the run.":         "已完成：1 个用户的停用已撤销。",
		"Finished, but 3 of 7 users may still log in.":                "已结束，但 7 个用户中有 3 个可能仍能登录。",
		"Finished, but 3 of 7 users may still be suspended.":          "已结束，但 7 个用户中有 3 个可能仍处于停用状态。",
		"Finished: 2 users are spared, none is suspended.":            "已完成：2 个用户全部豁免，没有停用任何人。",
		"Finished: there was no user to reinstate.":                   "已完成：没有需要恢复状态的用户。",
		"Finished: there was no user to suspend.":                     "已完成：没有需要停用的用户。",
		"Finished: there was no user to restore.":                     "已完成：没有需要恢复的用户。",
	} {
		if got := chineseVerdict(english); got != want {
			t.Errorf("%s\n%s, want\n%s", english, got, want)
		}
	}
}
