package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The page has Chinese where the locale or --lang asks for it, report gives it another language, and whatever it is
// the folder stays whole.
func TestLanguageOfThePage(t *testing.T) {
	p := newPool(t, 20, "")
	dir := t.TempDir()
	page, audit := filepath.Join(dir, "all.bulkdelete", "report.html"), filepath.Join(dir, "all.bulkdelete", "audit.csv")
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 20)
	check := func(chinese bool) {
		t.Helper()
		text, err := os.ReadFile(page)
		if err != nil || strings.Contains(string(text), "已完成：20 个用户已不存在。") != chinese {
			t.Errorf("Chinese is %v: %v", !chinese, err)
		}
		wants(t, p.command(dir, "verify", "all.bulkdelete"), 0)
	}
	run := func(locale string, args ...string) {
		t.Helper()
		if err := os.RemoveAll(filepath.Dir(page)); err != nil {
			t.Fatal(err)
		}
		c := p.command(dir, append([]string{"run", "all.csv", "--yes", "--sample", "0"}, args...)...)
		c.Env = append(c.Env, "LC_ALL=", "LC_MESSAGES=", "LANG="+locale)
		wants(t, c, 0)
	}
	run("en_US.UTF-8")
	check(false)
	run("zh_CN.UTF-8", "--lang", "en")
	check(false)
	run("C.UTF-8", "--lang", "zh")
	check(true)
	run("zh_CN.UTF-8")
	check(true)
	before, _ := os.ReadFile(audit)
	for _, lang := range []string{"en", "zh"} {
		wants(t, p.command(dir, "report", "all.bulkdelete", "--lang", lang), 0)
		check(lang == "zh")
	}
	if after, err := os.ReadFile(audit); err != nil || string(after) != string(before) {
		t.Error("the audit changed")
	}
	wants(t, p.command(dir, "report", "all.bulkdelete"), 0)
	check(true)
	wants(t, p.command(dir, "report", "all.bulkdelete", "--redact", "--yes", "--lang", "en"), 2, "stays in its language")
	wants(t, p.command(dir, "run", "all.csv", "--lang", "de"), 2, "give en or zh")
}
