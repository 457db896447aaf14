package objects

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"bulkdelete/internal/text"
)

var hasScheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// IsURL says whether name is a URL rather than the name of a file.
func IsURL(name string) bool { return hasScheme.MatchString(name) }

// parse reads a URL. Its errors do not show the URL's query, in which a signature may stand, nor a password.
func parse(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	shown, _, _ := strings.Cut(raw, "?")
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is not a URL that can be read", userinfo.ReplaceAllString(shown, "://"))
	case u.User != nil:
		return nil, fmt.Errorf("the URL of %s holds a user name: credentials do not belong into a URL", u.Host)
	case u.Host == "":
		return nil, fmt.Errorf("%q names no host or bucket", shown)
	case u.Fragment != "":
		return nil, fmt.Errorf("%s has a part after #: write # as %%23 and ? as %%3F where they belong to the name", show(u))
	case u.Scheme == "http" && !loopback(u):
		return nil, fmt.Errorf("%s is not https: the list could be changed on the way (plain http is for loopback alone)",
			show(u))
	case !slices.Contains([]string{"https", "http", "s3"}, u.Scheme):
		return nil, fmt.Errorf("%s:// can be neither read nor written: give a signed https:// URL to read, or s3:// "+
			"with the endpoint of a store that speaks S3's language; docs/objects.md has the way for each cloud", u.Scheme)
	}
	return u, nil
}

func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// show gives a URL without its query.
func show(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// lastElement gives the last element of the URL's path, "" if it has none that could be shown.
func lastElement(u *url.URL) string {
	base := path.Base(u.Path)
	if strings.HasSuffix(u.Path, "/") || slices.Contains([]string{".", "..", "/"}, base) || text.Clean(base) != base {
		return ""
	}
	return base
}

var (
	queries  = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s"'?]*)\?[^\s"']*`)
	userinfo = regexp.MustCompile(`://[^/@\s"']*@`)
)

// scrubbed is an error whose text has lost what may be a secret.
type scrubbed struct {
	text string
	err  error
}

func (s *scrubbed) Error() string { return s.text }
func (s *scrubbed) Unwrap() error { return s.err }

// scrub takes queries and passwords out of all URLs in an error's text, and makes one short line of it.
func scrub(err error) error {
	if err == nil {
		return nil
	}
	s := userinfo.ReplaceAllString(queries.ReplaceAllString(err.Error(), "$1"), "://")
	s = text.Clean(strings.Join(strings.Fields(s), " "))
	if runes := []rune(s); len(runes) > mostText {
		s = string(runes[:mostText]) + "..."
	}
	return &scrubbed{s, err}
}

const mostText = 400
