package attest

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Signers are people and their keys, as a file of ALLOWED SIGNERS lists them (see ssh-keygen(1)): of its options
// namespaces, valid-after and valid-before hold here. Keys of certificate authorities (cert-authority) are passed over.
type Signers struct {
	path string
	all  []signer
}

type signer struct {
	names          string // as the file has them: one, or several with commas between
	key            string // its fingerprint
	namespaces     string // patterns; "": all
	after, before  time.Time
	certifiesOther bool
}

// Signature is who made one.
type Signature struct {
	By  string // as the list has it
	Key string // its fingerprint
}

// String names both, or the key where nobody is known to have it.
func (s Signature) String() string {
	if s.By == "" {
		return s.Key
	}
	return s.By + " (" + s.Key + ")"
}

// ReadSigners reads a list.
func ReadSigners(file string) (*Signers, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s, n := &Signers{path: file}, 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		one, err := parseSigner(line)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", file, n, err)
		}
		s.all = append(s.all, one)
	}
	if len(s.all) == 0 {
		return nil, fmt.Errorf("%s lists nobody", file)
	}
	return s, nil
}

// parseSigner reads names, options and key. The latter two are written as in a file of authorized keys.
func parseSigner(line string) (s signer, err error) {
	names, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		names, rest, _ = strings.Cut(quoted, `"`)
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if names == "" || err != nil {
		return s, errors.New("give names, options if any, a key's type and the key")
	}
	s.names = names
	s.key = ssh.FingerprintSHA256(key)
	for _, option := range options {
		if err := s.set(option); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *signer) set(option string) (err error) {
	name, value, _ := strings.Cut(option, "=")
	value = strings.Trim(value, `"`)
	switch strings.ToLower(name) {
	case "cert-authority":
		s.certifiesOther = true
	case "namespaces":
		s.namespaces = value
	case "valid-after":
		s.after, err = parseTime(value)
	case "valid-before":
		s.before, err = parseTime(value)
	default:
		err = fmt.Errorf("there is no option %s", name)
	}
	return err
}

// parseTime reads YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, in local time unless a Z follows.
func parseTime(text string) (time.Time, error) {
	digits, zone := text, time.Local
	if d, ok := strings.CutSuffix(text, "Z"); ok {
		digits, zone = d, time.UTC
	}
	const layout = "20060102150405"
	if n := len(digits); n == 8 || n == 12 || n == 14 {
		if t, err := time.ParseInLocation(layout[:n], digits, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time such as 20261231 or 20261231235959Z", text)
}

// Verify says who signed a text. The list has to have allowed that at a time: the one when the signature is known to
// have been there, or else now.
func (s *Signers) Verify(text, signature []byte, at time.Time) (Signature, error) {
	key, err := SignedWith(text, signature)
	if err != nil {
		return Signature{}, err
	}
	why := ""
	for _, one := range s.all {
		if one.key != key || one.certifiesOther {
			continue
		}
		if why = one.forbids(at); why == "" {
			return Signature{one.names, key}, nil
		}
	}
	if why != "" {
		return Signature{}, fmt.Errorf("%s does not allow it: the key %s %s", s.path, key, why)
	}
	return Signature{}, fmt.Errorf("nobody in %s has the key that made it, %s", s.path, key)
}

// NameOf is who has a key, "" for nobody.
func (s *Signers) NameOf(k *Key) string {
	for _, one := range s.all {
		if one.key == k.Fingerprint() {
			return one.names
		}
	}
	return ""
}

// forbids says why a key does not sign for us, "" if it does.
func (s signer) forbids(at time.Time) string {
	switch {
	case s.namespaces != "" && !matches(s.namespaces, Namespace):
		return fmt.Sprintf("of %s signs for %s, not for %s", s.names, s.namespaces, Namespace)
	case at.Before(s.after):
		return fmt.Sprintf("of %s is valid from %s on", s.names, s.after.Format(time.RFC3339))
	case !s.before.IsZero() && at.After(s.before):
		return fmt.Sprintf("of %s was valid until %s", s.names, s.before.Format(time.RFC3339))
	}
	return ""
}

// matches holds a name to a list of patterns, of which those behind a ! exclude.
func matches(patterns, name string) bool {
	plain := strings.NewReplacer(`\`, `\\`, `[`, `\[`) // * and ? alone are special
	match := func(pattern string) bool {
		ok, err := path.Match(plain.Replace(strings.TrimSpace(pattern)), name)
		return ok && err == nil
	}
	all := strings.Split(patterns, ",")
	excluded := slices.ContainsFunc(all, func(p string) bool { return strings.HasPrefix(p, "!") && match(p[1:]) })
	return !excluded && slices.ContainsFunc(all, match)
}
