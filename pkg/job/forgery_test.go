package job

import (
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/attest"
	"bulkdelete/pkg/report"
)

// files are what a run's folder holds.
type files map[string]string

func filesOf(t *testing.T, dir string) files {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := files{}
	for _, f := range found {
		if report.IsPassing(f.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name()] = string(text)
	}
	return all
}

// replace makes a folder that holds others hold these.
func (f files) replace(dir string, others files) error {
	for name := range others {
		if _, stays := f[name]; !stays {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	for name, text := range f {
		if was, there := others[name]; !there || was != text {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// signer makes a key without ssh-keygen, and gives its line in a list of allowed signers.
func signer(t *testing.T, name string) (k *attest.Key, private ssh.Signer, line string) {
	t.Helper()
	_, secret, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(secret, name)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err = attest.OpenKey(path, ""); err != nil {
		t.Fatal(err)
	}
	if private, err = ssh.NewSignerFromSigner(secret); err != nil {
		t.Fatal(err)
	}
	return k, private, name + " " + string(ssh.MarshalAuthorizedKey(private.PublicKey()))
}

// vouched has the fixture's seal signed.
func (b *fixture) vouched(k *attest.Key) files {
	b.t.Helper()
	r, err := Reopen(b.t.Context(), b.dir, "")
	if err != nil {
		b.t.Fatal(err)
	}
	if err := (Attestor{Key: k}).Vouch(b.t.Context(), r); err != nil {
		b.t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		b.t.Fatal(err)
	}
	return filesOf(b.t, b.dir)
}

// forger is somebody who may write everything and has a key, but none that is allowed.
type forger struct {
	*rand.Rand
	genuine []files    // folders as runs left them
	made    []files    // and what somebody made of one who knows how this program works
	own     ssh.Signer // the forger's
	allowed ssh.Signer // of somebody who signs other things for the forger
}

func pick[T any](f *forger, from []T) T { return from[f.IntN(len(from))] }

func (f *forger) name(in files) string { return pick(f, slices.Sorted(maps.Keys(in))) }

// sign has somebody sign, in a namespace.
func sign(text string, by ssh.Signer, namespace string) string {
	s, err := sshsig.Sign(strings.NewReader(text), by, sshsig.HashSHA512, namespace)
	if err != nil {
		panic(err)
	}
	return string(sshsig.Armor(s))
}

// attempt is a folder that no run has left, with what was done.
func (f *forger) attempt() (forged files, done []string) {
	for forged == nil || slices.ContainsFunc(f.genuine, func(g files) bool { return maps.Equal(g, forged) }) {
		forged, done = maps.Clone(pick(f, f.genuine)), []string{"a genuine folder"}
		if f.IntN(2) == 0 {
			forged, done = maps.Clone(pick(f, f.made)), []string{"a folder made up"}
		}
		for range 1 + f.IntN(3) {
			done = append(done, f.edit(forged))
		}
	}
	return forged, done
}

// edit does one thing to a folder.
func (f *forger) edit(in files) (what string) {
	other := pick(f, append(slices.Clone(f.genuine), f.made...))
	name := f.name(in)
	text := in[name]
	if name == report.SignatureName { // whose text is edited when it is replaced
		name, text = report.SealName, in[report.SealName]
	}
	switch f.IntN(9) {
	case 0:
		if text == "" {
			return "nothing"
		}
		at := f.IntN(len(text))
		in[name] = text[:at] + string(rune('0'+f.IntN(10))) + text[at+1:]
		return fmt.Sprintf("byte %d of %s changed", at, name)
	case 1:
		in[name] = text[:f.IntN(len(text)+1)]
		return name + " cut"
	case 2:
		delete(in, name)
		return name + " removed"
	case 3:
		in[pick(f, []string{"notes.txt", report.RemainingName, "seal.7.json", report.StampName})] = text
		return "a file put in"
	case 4:
		name := f.name(other)
		in[name] = other[name]
		return name + " of another folder"
	case 5:
		for _, end := range []string{"", ".sig"} {
			in["seal.json"+end] = other["seal.1.json"+end]
		}
		return "an older seal"
	case 6:
		lines := strings.SplitAfter(text, "\n")
		at := f.IntN(len(lines))
		in[name] = strings.Join(slices.Delete(lines, at, at+1), "")
		return fmt.Sprintf("line %d of %s taken out", at+1, name)
	case 7:
		in[report.SealName], in[report.SignatureName] = other[report.SealName], other[report.SignatureName]
		return "the seal of another folder"
	}
	seal := in[report.SealName]
	in[report.SignatureName] = pick(f, []string{sign(seal, f.own, attest.Namespace), sign(seal, f.allowed, "git"),
		sign("another text", f.allowed, attest.Namespace), other[report.SignatureName], ""})
	return "another signature"
}

// forge makes folders of one of the fixture's that hold together by every hash.
func (b *fixture) forgeries(f *forger, from files) (made []files) {
	b.t.Helper()
	for i := range 24 {
		if err := from.replace(b.dir, filesOf(b.t, b.dir)); err != nil {
			b.t.Fatal(err)
		}
		b.forgeAll(func(run *report.Run, rows []report.Row) []report.Row {
			r := &rows[f.IntN(len(rows))]
			switch i % 8 {
			case 0:
				r.Outcome = report.Absent
			case 1:
				r.Outcome = report.Failed
			case 2:
				r.Message = "as if"
			case 3:
				r.StartedAt = r.StartedAt.AddDate(-1, 0, 0)
			case 4:
				run.Asked.UserPool = "another"
			case 5:
				run.Asked.Reason, run.Asked.By = "an order of the court", "somebody@else"
			case 6:
				run.Last().Approved, run.Last().By = "typed", "somebody@else"
			default:
				rows = rows[:len(rows)-1]
			}
			return rows
		})
		if i%3 == 0 {
			made = append(made, filesOf(b.t, b.dir)) // with the seal as it was
		}
		b.remake()
		one := filesOf(b.t, b.dir)
		made = append(made, one)
		if f := b.verified(Expect{}); i%8 != 7 && (!f.Whole || !f.Finished) {
			b.t.Fatalf("a forgery that should pass but for its signature does not: %q", f.Problems)
		}
	}
	return made
}

// TestNobodyForges tries 10,000 edits by somebody who may write everything and has no key of the list. None is
// accepted, and each has its reason named.
func TestNobodyForges(t *testing.T) {
	ann, private, line := signer(t, "ann")
	_, own, _ := signer(t, "eve")
	list := filepath.Join(t.TempDir(), "allowed_signers")
	if err := os.WriteFile(list, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	signers, err := attest.ReadSigners(list)
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	f := &forger{Rand: rand.New(rand.NewPCG(seed, 0)), own: own, allowed: private}
	for range 2 {
		b := newFixture(t, sandbox.Config{}, 23, 23)
		b.chunk, b.cfg.Workers = 8, 1
		b.adjust = func(j *Job) { j.StopAfter = 10 }
		b.run(t.Context()) //nolint:errcheck // it is stopped
		b.vouched(ann)
		b.adjust = nil
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		whole := b.vouched(ann)
		if found := b.verified(Expect{Signers: signers}); !found.Whole || !found.Finished || found.SignedBy == "" {
			t.Fatalf("untouched: %+v", found)
		}
		f.genuine = append(f.genuine, whole)
		f.made = append(f.made, b.forgeries(f, whole)...)
	}
	tryAll(t, f, Expect{Signers: signers})
}

func tryAll(t *testing.T, f *forger, want Expect) {
	left, workers := 10_000, sync.WaitGroup{}
	if testing.Short() {
		left = 500
	}
	var mu sync.Mutex // of f, left and reasons
	reasons := map[string]int{}
	for range runtime.GOMAXPROCS(0) {
		dir, before := t.TempDir(), files{}
		workers.Go(func() {
			for {
				mu.Lock()
				if left--; left < 0 || t.Failed() {
					mu.Unlock()
					return
				}
				forged, done := f.attempt()
				mu.Unlock()
				if err := forged.replace(dir, before); err != nil {
					t.Error(err)
				}
				before = forged
				v, err := Verify(t.Context(), dir, want)
				reason := fmt.Sprint(err)
				if err == nil {
					v.Close() //nolint:errcheck // it was only read
					if v.Whole && v.Finished {
						t.Errorf("accepted: %q: %+v", done, v)
					}
					reason = strings.Join(append(v.Problems, "unfinished"), "; ")
				}
				mu.Lock()
				reasons[strings.Fields(reason)[0]]++
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	t.Logf("reasons: %v", reasons)
}
