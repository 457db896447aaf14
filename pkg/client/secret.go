package client

import (
	"regexp"
	"strings"

	"bulkdelete/internal/text"
)

// Secret is a text that shows itself to nobody: fmt, encoding/json and log packages print [redacted].
type Secret string

const redacted = "[redacted]"

// String gives [redacted].
func (Secret) String() string { return redacted }

// GoString gives [redacted].
func (Secret) GoString() string { return redacted }

// MarshalText gives [redacted].
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

const mostText = 300 // runes

// clean makes foreign text fit to leave this package: a server or a proxy may echo whatever it was sent.
func (a *call) clean(s string) string {
	return text.OneLine(redact(s, string(a.client.cfg.AccessKeySecret), a.token), mostText)
}

// redact takes secrets out of a text before anything is cut off it: a part of a secret would not be recognised. URLs in
// it lose their user and their query.
func redact(s string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, redacted)
		}
	}
	if strings.Contains(s, "://") {
		s = anyURL.ReplaceAllStringFunc(s, bareURL)
	}
	return s
}

var anyURL = regexp.MustCompile(`[A-Za-z0-9+.-]+://[^\s"'<>]*`)

// bareURL drops what may be secret. Where an @ stands behind a ?, a password may hold the one or a query the other.
func bareURL(u string) string {
	scheme, rest, _ := strings.Cut(u, "://")
	rest, query, _ := strings.Cut(rest, "?")
	if strings.Contains(query, "@") {
		return scheme + "://" + redacted
	}
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
}
