package attest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Namespace is that of all signatures here: ssh-keygen -Y verify -n bulkdelete. It keeps a signature that somebody gave
// for anything else, such as a commit, from passing for one of these.
const Namespace = "bulkdelete"

// Key signs. It may be used by any number of goroutines.
type Key struct {
	public  ssh.PublicKey
	private ssh.Signer // nil: an agent has it
	agent   string     // that one's socket
}

// agentWaits is how long an agent may take, which may ask a person or wait for a touch.
const agentWaits = time.Minute

// OpenKey reads a private key, or the public key of one that the SSH agent behind a socket holds, and finds out by a
// trial whether it signs. A private key that a passphrase protects is looked for in the agent.
func OpenKey(path, agentSocket string) (*Key, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	k := &Key{agent: agentSocket}
	private, err := ssh.ParsePrivateKey(text)
	locked, isLocked := errors.AsType[*ssh.PassphraseMissingError](err)
	switch {
	case err == nil:
		k.private, k.public = private, private.PublicKey()
	case isLocked && locked.PublicKey != nil:
		k.public = locked.PublicKey
	case isLocked:
		return nil, fmt.Errorf("%s: a passphrase protects it: ssh-add it, and give its public key", path)
	default:
		if k.public, _, _, _, err = ssh.ParseAuthorizedKey(text); err != nil {
			return nil, fmt.Errorf("%s is neither a private nor a public SSH key", path)
		}
	}
	if _, err := k.Sign([]byte("trial\n")); err != nil {
		return nil, fmt.Errorf("%s cannot sign: %w", path, err)
	}
	return k, nil
}

// Fingerprint names the key as ssh-keygen -l does: SHA256: and 43 characters.
func (k *Key) Fingerprint() string { return ssh.FingerprintSHA256(k.public) }

// Sign gives the signature of a text, as ssh-keygen -Y sign -n bulkdelete writes it.
func (k *Key) Sign(text []byte) ([]byte, error) {
	if k.private != nil {
		return sign(text, k.private)
	}
	if k.agent == "" {
		return nil, errors.New("its private key has to be in an SSH agent, and SSH_AUTH_SOCK names none")
	}
	conn, err := net.DialTimeout("unix", k.agent, agentWaits)
	if err != nil {
		return nil, fmt.Errorf("the SSH agent: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(agentWaits)); err != nil {
		return nil, err
	}
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		return nil, fmt.Errorf("the SSH agent: %w", err)
	}
	for _, s := range signers {
		if ssh.FingerprintSHA256(s.PublicKey()) == k.Fingerprint() {
			return sign(text, s)
		}
	}
	return nil, errors.New("the SSH agent does not hold its private key: ssh-add puts it there")
}

func sign(text []byte, with ssh.Signer) ([]byte, error) {
	s, err := sshsig.Sign(bytes.NewReader(text), with, sshsig.HashSHA512, Namespace)
	if err != nil {
		return nil, err
	}
	return sshsig.Armor(s), nil
}

// SignedWith gives the fingerprint of the key that a signature of a text was made with, whoever has it.
func SignedWith(text, signature []byte) (fingerprint string, err error) {
	s, err := sshsig.Unarmor(signature)
	if err != nil {
		return "", fmt.Errorf("it is no SSH signature: %w", err)
	}
	if err := sshsig.Verify(bytes.NewReader(text), s, s.PublicKey, s.HashAlgorithm, Namespace); err != nil {
		return "", fmt.Errorf("it is not the signature of this: %w", err)
	}
	return ssh.FingerprintSHA256(s.PublicKey), nil
}
