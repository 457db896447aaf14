package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulkdelete/internal/tsa"
)

// Each end of a run has its seal stamped anew; openssl and verify agree about all stamps.
func TestSealsAreStamped(t *testing.T) {
	s, p, dir := tsa.New(t, "critical,timeStamping"), newPool(t, 100, ""), t.TempDir()
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 100)
	run := []string{"run", "all.csv", "--yes", "--rate", "500", "--timestamp", s.URL}
	wants(t, p.command(dir, append(run, "--stop-after", "50")...), 5)
	wants(t, p.command(dir, run...), 0)
	for _, seal := range []string{"seal.1.json", "seal.json"} {
		file := filepath.Join(dir, "all.bulkdelete", seal)
		if err := tsa.Verifies(file, file+".tsr", s.Root); err != nil {
			t.Errorf("%s: openssl says %v", seal, err)
		}
	}
	verify := []string{"verify", "all.bulkdelete", "--tsa-certs", s.Root}
	wants(t, p.command(dir, verify...), 0, "the seal was there at 20")
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 0, "unchecked: seal.json.tsr: give --tsa-certs")
	other := tsa.New(t, "critical,timeStamping")
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--tsa-certs", other.Root), 1,
		"seal.json.tsr does not hold: the certificate of ")
	asked := s.Asked.Load()
	wants(t, p.command(dir, run...), 0, "nothing to do")
	if s.Asked.Load() != asked {
		t.Error("a seal that is stamped is stamped again")
	}
	edit(t, filepath.Join(dir, "all.bulkdelete", "seal.json"), replace(`"sealed_at": "2`, `"sealed_at": "1`))
	wants(t, p.command(dir, verify...), 1, "seal.json.tsr does not hold")
	wants(t, p.command(dir, run...), 3, "is not what seal.json.tsr is about")
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--timestamp", "tsa"), 2, "give the URL of a time-stamping server")
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--tsa-certs", "all.csv"), 2, "no root certificate")
}

// A server that does not stamp stops nobody. It is said at the end, the copy is made all the same, and the same command
// tries again, and copies what came of it.
func TestAServerThatDoesNotStamp(t *testing.T) {
	s, p, dir, store := tsa.New(t, "critical,timeStamping"), newPool(t, 100, ""), t.TempDir(), newS3Server(t)
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 100)
	s.Refuses.Store(true)
	url := strings.Replace(s.URL, "http://", "http://ann:hunter2@", 1)
	run := []string{"run", "all.csv", "--yes", "--rate", "500", "--timestamp", url, "--upload", toStore}
	printed := wants(t, store.command(p, dir, run...), 4, "Finished.", "its seal lacks what was to vouch for it",
		"answers 503", "files copied to")
	noSecret(t, dir, printed, "hunter2")
	checkAllGone(t, p, filepath.Join(dir, "all.bulkdelete"), 100)
	wants(t, p.command(dir, "verify", "all.bulkdelete"), 0)
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--tsa-certs", s.Root), 1,
		"seal.json is not timestamped: there is no seal.json.tsr")
	s.Refuses.Store(false)
	wants(t, store.command(p, dir, run...), 0, "nothing to do", "files copied to")
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--tsa-certs", s.Root), 0)
	stamp, err := os.ReadFile(filepath.Join(dir, "all.bulkdelete", "seal.json.tsr"))
	if err != nil || store.get("proofs/all.bulkdelete/seal.json.tsr") != string(stamp) {
		t.Errorf("the stamp was not copied: %v", err)
	}
	copied := len(store.requests("PUT", ""))
	wants(t, store.command(p, dir, run...), 0, "nothing to do")
	if n := len(store.requests("PUT", "")); n != copied {
		t.Errorf("a copy that is there was made again: %d objects", n-copied)
	}
}

// A key that is not valid any more has signed for us while it was, if a timestamp says so.
func TestASignatureOutlivesItsKey(t *testing.T) {
	s, p, dir := tsa.New(t, "critical,timeStamping"), newPool(t, 50, ""), t.TempDir()
	sshKey(t, dir, "ann")
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 50)
	wants(t, p.command(dir, "run", "all.csv", "--yes", "--rate", "500", "--sign-key", "ann", "--timestamp", s.URL), 0)
	verify := []string{"verify", "all.bulkdelete", "--allowed-signers", "allowed_signers"}
	wants(t, p.command(dir, verify...), 0)
	printed := wants(t, p.command(dir, append(verify, "--tsa-certs", s.Root)...), 0)
	_, last, _ := strings.Cut(printed, "the seal was there at ")
	last, _, _ = strings.Cut(last, ": ")
	until, err := time.Parse(time.RFC3339, last)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the next second", func() bool { return time.Since(until) > time.Second })
	edit(t, filepath.Join(dir, "allowed_signers"),
		replace(`namespaces`, `valid-before="`+until.Format("20060102150405Z")+`",namespaces`))
	wants(t, p.command(dir, verify...), 1, "was valid until "+last)
	wants(t, p.command(dir, append(verify, "--tsa-certs", s.Root)...), 0, "signed by ann@")
}
