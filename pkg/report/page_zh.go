package report

import (
	"fmt"
	"html"
	"regexp"
	"strings"
)

// besideEnglish writes Chinese beside the page's verdict, headings and labels.
func besideEnglish(page []byte) []byte {
	words := chineseLabels()
	said := regexp.MustCompile(`>([^<>]+)</(h[1-3]|dt|th|b|small)>`)
	return said.ReplaceAllFunc(page, func(all []byte) []byte {
		m := said.FindSubmatch(all)
		english, tag := html.UnescapeString(string(m[1])), m[2]
		chinese := words[english]
		if string(tag) == "h1" {
			chinese = chineseVerdict(english)
		}
		if chinese == "" {
			return all
		}
		return fmt.Appendf(nil, `>%s <span lang="zh-CN">%s</span></%s>`, m[1], html.EscapeString(chinese), tag)
	})
}

// chineseVerdict puts the verdict into Chinese, clause by clause. N is a number; of one thing English says it in
// another way.
func chineseVerdict(sentence string) string {
	one := strings.NewReplacer("N", "([0-9,]*[0-9])", "users", "users?", "rows", "rows?", " are ", " (?:is|are) ")
	for _, c := range [][2]string{
		{"Unfinished: N of N users done, N still to come.", "未完成：共 $2 个用户，已处理 $1 个，还剩 $3 个。"},
		{"Finished, but N of N users may still exist.", "已结束，但 $2 个用户中有 $1 个可能仍然存在。"},
		{"Finished, but N of N users may still be missing.", "已结束，但 $2 个用户中有 $1 个可能仍未恢复。"},
		{"Finished, but N of N users may still log in.", "已结束，但 $2 个用户中有 $1 个可能仍能登录。"},
		{"Finished, but N of N users may still be suspended.", "已结束，但 $2 个用户中有 $1 个可能仍处于停用状态。"},
		{"Finished: nothing was sent, and N input rows are invalid.", "已完成：什么也没发送，输入中有 $1 行无效。"},
		{"Finished: there was no user to delete.", "已完成：没有需要删除的用户。"},
		{"Finished: there was no user to restore.", "已完成：没有需要恢复的用户。"},
		{"Finished: there was no user to suspend.", "已完成：没有需要停用的用户。"},
		{"Finished: there was no user to reinstate.", "已完成：没有需要恢复状态的用户。"},
		{"Finished: ", "已完成："},
		{"N users are gone", "$1 个用户已不存在"},
		{"N users are there again", "$1 个用户已恢复"},
		{"N users are suspended", "$1 个用户已停用"},
		{"N users are no longer suspended by the run", "$1 个用户的停用已撤销"},
		{"N users are spared, none is gone", "$1 个用户全部豁免，没有删除任何人"},
		{"N users are spared, none is suspended", "$1 个用户全部豁免，没有停用任何人"},
		{", N absent", "，不存在 $1 个"},
		{", N spared", "，豁免 $1 个"},
		{", but N input rows are invalid, so never sent.", "，但输入中有 $1 行无效，因此从未发送。"},
		{", N of them because the list describes somebody else.", "，其中 $1 个是因为名单所指的另有其人。"},
		{", but N more users are not in the backup.", "，但另有 $1 个用户不在备份中。"},
		{".", "。"},
	} {
		sentence = regexp.MustCompile(one.Replace(regexp.QuoteMeta(c[0]))).ReplaceAllString(sentence, c[1])
	}
	return sentence
}

// chineseLabels are the page's headings and labels, in the terms of the vendor's console.
func chineseLabels() map[string]string {
	return map[string]string{
		"The proof": "证明", "Every row of the input, once": "输入的每一行，各计一次",
		"Every user of the backup, once": "备份中的每个用户，各计一次", "Failed and unknown": "失败与未知",
		"Spared because of who they are": "因用户身份而豁免", "Rejected before anything was sent": "发送之前已剔除",
		"What was asked, and when": "任务内容与时间", "Who ran it, and who approved": "谁执行、谁批准", "Pace": "速率",
		"Chunks that needed attention":                           "需要关注的批次",
		"The first rows of each reason; all are in failed.csv":   "每种原因的前几行；全部见 failed.csv",
		"The first rows of each reason; all are in spared.csv":   "每种原因的前几行；全部见 spared.csv",
		"The first rows of each reason; all are in rejected.csv": "每种原因的前几行；全部见 rejected.csv",

		"Input": "输入文件", "Input's SHA-256": "输入摘要", "Asked": "发起", "Host": "API 地址", "User pool": "用户池",
		"IDs are of type": "ID 类型", "Options": "选项", "Chunks": "批次", "First call": "首次调用", "Last answer": "最后应答",
		"Took": "耗时", "Exit code": "退出码", "Program": "程序", "Line": "行号", "Reason": "原因", "How many": "数量",
		"Chunk": "批次", "Lines": "行号", "Users": "用户", "Attempts": "尝试次数",

		"deleted": "已删除", "absent": "不存在", "spared": "已豁免", "restored": "已恢复", "exists": "已存在", "failed": "失败",
		"unknown": "未知", "remaining": "剩余", "rejected": "已剔除",
		"suspended": "已停用", "the API said that it suspended them, or reading shows it": "API 确认已停用，或回读可见",
		"they have the status that they had": "已恢复原来的状态", "changed meanwhile: left alone": "其间已变更，未作改动",
		"the API said that it deleted them":                           "API 确认已删除",
		"the API says that no such user exists":                       "API 称没有这个用户",
		"found, and not sent: not whom the list or a condition means": "找到但未发送：不是名单或条件所指的人",
		"there again": "已重新创建",
		"a user with the same ID was there: left alone": "已有相同 ID 的用户，未作改动",
		"the API refused for good":                      "API 明确拒绝",
		"no answer, and reading back did not settle it": "没有应答，回读也无法确定",
		"their turn has not come":                       "还没轮到", "never sent": "从未发送",
	}
}
