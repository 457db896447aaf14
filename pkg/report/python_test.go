package report

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"bulkdelete/internal/aloud"
)

func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		aloud.Skip(t, "there is no python3 here to compare with: %v", err)
	}
	return path
}

const hashesLines = `
import hashlib, json, sys
for line in sys.stdin.buffer:
    text = json.dumps(json.loads(line), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    print(hashlib.sha256(text.encode()).hexdigest(), flush=True)
`

// What was asked has one form, the one that Python's json.dumps writes, so that anybody can check the chain.
func TestCanonicalFormIsPythons(t *testing.T) {
	cmd := exec.Command(python(t), "-c", hashesLines)
	in, err := cmd.StdinPipe()
	must(t, err)
	pipe, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	out := bufio.NewReader(pipe)
	awkward := []rune("\x00\x01\b\t\n\f\r\x1f\x7f\u0085\u2028\u2029\ufeff😀é\"\\/<>&'{}:,\uffff𐀀")
	text := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.RuneFrom(awkward)))
	rapid.Check(t, func(rt *rapid.T) {
		asked := map[string]any{}
		for name, value := range rapid.MapOf(text, text).Draw(rt, "asked") {
			asked[name] = value
		}
		asked["options"] = rapid.MapOf(text, text).Draw(rt, "options")
		raw, err := json.Marshal(asked)
		if rapid.Bool().Draw(rt, "without escapes") {
			raw, err = marshal(asked, "")
		}
		if err != nil {
			rt.Fatal(err)
		}
		got, err := canonical(raw)
		if err != nil {
			rt.Fatal(err)
		}
		if _, err := in.Write(append(raw[:len(strings.TrimSuffix(string(raw), "\n"))], '\n')); err != nil {
			rt.Fatal(err)
		}
		want, err := out.ReadString('\n')
		if sum := sha256.Sum256(got); err != nil || hex.EncodeToString(sum[:])+"\n" != want {
			rt.Fatalf("%s is made of %s (%v)", got, raw, err)
		}
	})
	must(t, in.Close())
	_, err = io.Copy(io.Discard, out)
	must(t, err)
	must(t, cmd.Wait())
}

// The few lines of the package's documentation check an audit without this program.
func TestLinesOfTheDocumentationCheckTheChain(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	must(t, err)
	var lines strings.Builder
	for line := range strings.Lines(string(doc)) {
		if code, ok := strings.CutPrefix(line, "//\t"); ok {
			lines.WriteString(code)
		}
	}
	run, rows := threeRows()
	fillIn(&run.Asked)
	run.Asked.Reason = "<é \u2028 😀> \"quoted\" \\ \x01"
	dir := ended(t, folder(t, run, rows...), run, 0)
	check := func() error {
		cmd := exec.Command(python(t), "-c", lines.String())
		cmd.Dir = dir.Path
		out, err := cmd.CombinedOutput()
		if err != nil && !strings.Contains(string(out), "AssertionError") {
			t.Fatalf("%s", out)
		}
		return err
	}
	if err := check(); err != nil {
		t.Error(err)
	}
	audit := read(t, dir, AuditName)
	write(t, dir, AuditName, strings.Replace(audit, "absent", "failed", 1))
	if check() == nil {
		t.Error("an edited row is not seen")
	}
	write(t, dir, AuditName, audit)
	write(t, dir, RunName, strings.Replace(read(t, dir, RunName), "tenant", "another", 1))
	if check() == nil {
		t.Error("an edit of what was asked is not seen")
	}
}
