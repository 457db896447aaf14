package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The Chinese pages say, block for block, what the English ones say: the same code, figures, commands and links.
func TestDocsChinese(t *testing.T) {
	for _, path := range []string{"README", "docs/operating"} {
		english, chinese := blocks(docsPage(t, path+".md")), blocks(docsPage(t, path+".zh-CN.md"))
		for i := range max(len(english), len(chinese)) {
			if i == len(english) || i == len(chinese) {
				t.Fatalf("%s has %d blocks in English and %d in Chinese", path, len(english), len(chinese))
			}
			if en, zh := facts(english[i]), facts(chinese[i]); !slices.Equal(en, zh) {
				t.Errorf("%s: a block has %q in English and %q in Chinese\n%s\n%s", path, en, zh, english[i], chinese[i])
			}
			if gap.MatchString(chinese[i]) { // a browser shows the end of a line as a space
				t.Errorf("%s: a line ends inside a clause: %s", path, chinese[i])
			}
		}
	}
}

// blocks are a page's headings, paragraphs, list items, rows of tables, and fenced code.
func blocks(page string) (found []string) {
	code, open := false, false
	for line := range strings.Lines(page) {
		fence := strings.HasPrefix(line, "```")
		starts := !code && (fence || !open || blockStart.MatchString(line))
		blank := !code && line == "\n"
		switch {
		case blank:
		case starts:
			found = append(found, line)
		default:
			found[len(found)-1] += line
		}
		code = code != fence
		open = !blank && (code || !fence) && !strings.HasPrefix(line, "#")
	}
	return found
}

var (
	blockStart = regexp.MustCompile(`^(#|- |\|)`)
	inlineCode = regexp.MustCompile("`[^`]+`")
	gap        = regexp.MustCompile(`\p{Han}\n\p{Han}`)
	figure     = regexp.MustCompile(`\d+(?:[.,:]\d+)*%?`)
)

// facts are what a translation keeps of a block: code as it is; of others the kind, and in whatever order inline
// code, where links lead and numbers.
func facts(block string) []string {
	if strings.HasPrefix(block, "```") {
		return []string{block}
	}
	found := inlineCode.FindAllString(block, -1)
	block = inlineCode.ReplaceAllString(block, "")
	for _, m := range link.FindAllStringSubmatch(block, -1) {
		to, _, _ := strings.Cut(m[1], "#")
		found = append(found, strings.Replace(to, ".zh-CN", "", 1))
	}
	found = append(found, figure.FindAllString(link.ReplaceAllString(block, "]"), -1)...)
	slices.Sort(found)
	mark, _, _ := strings.Cut(block, " ")
	if strings.Trim(mark, "#-|") != "" {
		mark = ""
	}
	return append(found, mark)
}
