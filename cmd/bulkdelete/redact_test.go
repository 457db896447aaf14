package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// gossip is an API that says everything it knows of a user whom it refuses.
func gossip(t *testing.T, p *pool, refused string, says string) {
	t.Helper()
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.HasSuffix(r.URL.Path, "delete-users-batch") && bytes.Contains(body, []byte(refused)) {
			fmt.Fprintf(w, `{"statusCode":400,"message":%q,"requestId":"gossip-1"}`, says)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		p.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	p.url = h.URL
}

// someone is a row of writePeople.
func someone(i int) []string {
	return []string{userID(i), fmt.Sprintf("person.%d@mail.example.com", i), fmt.Sprintf("+86138%08d", i),
		fmt.Sprintf("Given%d Family%d", i, i)}
}

// writePeople writes rows of people, and gives what names them: IDs, e-mail addresses, phone numbers and names.
func writePeople(t *testing.T, path string, people ...int) (names []string) {
	t.Helper()
	text := "userId,email,phone,name\n"
	for _, i := range people {
		text += strings.Join(someone(i), ",") + "\n"
		names = append(names, someone(i)...)
		names = append(names, fmt.Sprintf("Family%d", i), fmt.Sprintf("138%08d", i))
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return names
}

// holds fails the test for each file of a folder that holds one of those names, in any case.
func holds(t *testing.T, dir string, names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		folded := strings.ToLower(string(text))
		for _, name := range names {
			if len(name) >= 5 && strings.Contains(folded, strings.ToLower(name)) {
				t.Errorf("%s holds %s", path, name)
				return err
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

// A redacted folder names nobody, whatever the API said; what is left still proves, and the list, to whoever has it,
// that it was about exactly these people.
func TestRedactedFoldersNameNobody(t *testing.T) {
	p, dir := newPool(t, 115, ""), t.TempDir() // five are absent
	sshKey(t, dir, "ann")
	names := writePeople(t, filepath.Join(dir, "all.csv"), append(upTo(120), 1)...)
	writePeople(t, filepath.Join(dir, "admins.csv"), 7, 8)
	bad := someone(60)
	says := fmt.Sprintf("%s (%s, %s), whose phone is %s, is a boss of stranger@mail.example.com",
		bad[0], strings.ToUpper(bad[3]), bad[1], bad[2])
	gossip(t, p, bad[0], says)
	folder := filepath.Join(dir, "all.bulkdelete")
	said := wants(t, p.command(dir, "run", "all.csv", "--yes", "--rate", "500", "--column", "userId", "--sample", "0",
		"--backup", "--protect", "admins.csv", "--sign-key", "ann", "--workers", "1"), 1, "1 user failed")
	if !strings.Contains(said, "whose phone is ***, is a boss of ***") || strings.Contains(said, bad[0]) {
		t.Errorf("the log does not say why, or names somebody:\n%s", said)
	}
	wants(t, p.command(dir, "restore", "all.bulkdelete", "--yes", "--rate", "500", "--sign-key", "ann"), 0)
	audit, err := os.ReadFile(filepath.Join(folder, "audit.csv"))
	if err != nil || !strings.Contains(string(audit), "*** (***, ***), whose phone is ***, is a boss of ***") {
		t.Errorf("%v: the audit keeps nothing of the API's message:\n%s", err, audit)
	}
	verify := []string{"verify", "all.bulkdelete", "--allowed-signers", "allowed_signers"}
	wants(t, p.command(dir, verify...), 1, "1 failed", "whole, but 1 user failed")

	before := snapshot(t, folder)
	wants(t, p.command(dir, "report", "all.bulkdelete", "--redact"), 3, "not confirmed", "deleted.csv",
		"restore/restored.csv")
	if len(snapshot(t, folder)) != len(before) {
		t.Error("something is erased that was not confirmed")
	}
	if err := os.Rename(filepath.Join(dir, "all.csv"), filepath.Join(dir, "moved.csv")); err != nil {
		t.Fatal(err)
	}
	wants(t, p.command(dir, "report", "all.bulkdelete", "--redact", "--yes", "--sign-key", "ann"), 1, "1 user failed")
	holds(t, folder, append(names, "stranger@mail.example.com"))
	left := slices.Sorted(func(yield func(string) bool) {
		for name := range snapshot(t, folder) {
			if !strings.HasPrefix(name, "/restore/") && !yield(name) {
				return
			}
		}
	})
	want := []string{"/audit.csv", "/report.html", "/run.json", "/seal.1.json", "/seal.1.json.sig", "/seal.json",
		"/seal.json.sig", "/summary.json"}
	if !slices.Equal(left, want) {
		t.Errorf("left are %v", left)
	}
	for _, name := range []string{"/audit.csv", "/run.json", "/summary.json", "/restore/audit.csv"} {
		if snapshot(t, folder)[name] != before[name] {
			t.Errorf("%s has changed", name)
		}
	}

	wants(t, p.command(dir, verify...), 1, "redacted: ", "unchecked: the users behind", "signed by ann@",
		"whole, but 1 user failed")
	whole := append(verify, "--input", "moved.csv", "--protect", "admins.csv")
	printed := wants(t, p.command(dir, whole...), 1, "whole, but 1 user failed")
	if strings.Contains(printed, "unchecked: the users behind") {
		t.Errorf("with the lists given back:\n%s", printed)
	}
	wants(t, p.command(dir, append(verify, "--input", "moved.csv", "--protect", "moved.csv")...), 1,
		"--protect names other people")
	writePeople(t, filepath.Join(dir, "other.csv"), append(upTo(119), 121)...)
	wants(t, p.command(dir, append(verify, "--input", "other.csv", "--protect", "admins.csv")...), 1,
		"other.csv is not the input of this run")
}

// Whoever erases more, or edits what is left, is seen; a redacted folder is gone on with by nobody, and a redaction that
// died is ended by the same command.
func TestWhatBecomesOfARedactedFolder(t *testing.T) {
	p, dir := newPool(t, 100, ""), t.TempDir()
	writePeople(t, filepath.Join(dir, "all.csv"), upTo(100)...)
	run := []string{"run", "all.csv", "--yes", "--rate", "500", "--column", "userId", "--sample", "0", "--backup"}
	redact := []string{"report", "all.bulkdelete", "--redact", "--yes"}
	folder := filepath.Join(dir, "all.bulkdelete")
	wants(t, p.command(dir, append(run, "--stop-after", "50")...), 5)
	wants(t, p.command(dir, redact...), 3, "is not finished")
	wants(t, p.command(dir, run...), 0)
	deleted, err := os.ReadFile(filepath.Join(folder, "deleted.csv"))
	if err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(folder, "deleted.csv"), line(7, gone))
	wants(t, p.command(dir, redact...), 3, "is not what was sealed, so nothing is erased: deleted.csv")
	if err := os.WriteFile(filepath.Join(folder, "deleted.csv"), deleted, 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, p.command(dir, redact...), 0)
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 0, "redacted: backup.jsonl.zst, deleted.csv")
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--input", "all.csv"), 0)
	wants(t, p.command(dir, run...), 3, "its lists of people were erased")
	wants(t, p.command(dir, "restore", "all.bulkdelete", "--yes"), 3, "its lists of people were erased")
	wants(t, p.command(dir, "report", "all.bulkdelete"), 0, "Finished.")
	wants(t, p.command(dir, redact...), 0)
	if text := snapshot(t, folder)["/report.html"]; !strings.Contains(text, "It names nobody") {
		t.Error("the page does not say that people were erased")
	}

	if err := os.WriteFile(filepath.Join(folder, "deleted.csv"), deleted, 0o600); err != nil { // as if it had died
		t.Fatal(err)
	}
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 1, "deleted.csv is redacted, and still there")
	wants(t, p.command(dir, redact...), 0)
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 0)
	edit(t, filepath.Join(folder, "report.html"), replace("100", "101"))
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 1, "report.html differs")
	if err := os.Rename(filepath.Join(dir, "all.csv"), filepath.Join(dir, "moved.csv")); err != nil {
		t.Fatal(err)
	}
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 1, "report.html is not what the audit and the summary make")
	edit(t, filepath.Join(folder, "report.html"), replace("101", "100"))
	seal := snapshot(t, folder)["/seal.json"]
	_, sum, _ := strings.Cut(seal[strings.Index(seal, "deleted.csv"):], `"sha256": "`)
	edit(t, filepath.Join(folder, "seal.json"), replace(sum[:64], strings.Repeat("0", 64)))
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--input", "moved.csv"), 1,
		"deleted.csv was redacted, and is not what was sealed before")
	edit(t, filepath.Join(folder, "seal.json"), replace(strings.Repeat("0", 64), sum[:64]))
	edit(t, filepath.Join(folder, "audit.csv"), line(2, gone))
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 1, "audit.csv, line 2")
}
