package objects

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrNoStores says that the program was built without the tag blob. It comes wrapped, with the URL's scheme.
var ErrNoStores = errors.New("this build has no object-store support")

var hasScheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// IsURL says whether name is a URL rather than the name of a file.
func IsURL(name string) bool { return hasScheme.MatchString(name) }

// parameters gives what may stand in the query of a store's URL. None of it is a secret, so such a URL may be shown.
func parameters(scheme string) []string {
	switch scheme {
	case "s3":
		return []string{"accelerate", "anonymous", "dualstack", "endpoint", "fips", "hostname_immutable", "kmskeyid", "profile", "region",
			"request_checksum_calculation", "response_checksum_validation", "role", "ssetype", "use_path_style"}
	case "gs":
		return []string{"anonymous"}
	case "azblob":
		return []string{"cdn", "domain", "localemu", "protocol", "storage_account"}
	}
	return nil
}

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
	}
	switch u.Scheme {
	case "https":
		return u, nil
	case "http":
		if !loopback(u) {
			return nil, fmt.Errorf("%s is not https: the list could be changed on the way (plain http is for loopback alone)", show(u))
		}
		return u, nil
	case "s3", "gs", "azblob":
		return u, checkStore(u)
	}
	return nil, fmt.Errorf("%s:// cannot be read: give a file, or s3://, gs://, azblob:// or https://", u.Scheme)
}

func checkStore(u *url.URL) error {
	if !stores {
		return fmt.Errorf("%s:// cannot be used: %w", u.Scheme, ErrNoStores)
	}
	may := parameters(u.Scheme)
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return fmt.Errorf("%s has parameters that cannot be read", show(u))
	}
	for name := range query {
		if !slices.Contains(may, name) { // whatever it is, it may be a secret
			return fmt.Errorf("%s has a parameter that is not known: there are %s", show(u), strings.Join(may, ", "))
		}
	}
	return checkEndpoint(query.Get("endpoint"))
}

// checkEndpoint refuses an address of a store's service at which everybody on the way could read along.
func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "":
		return errors.New("the store's endpoint is not a URL such as https://s3.example.com")
	case u.User != nil:
		return errors.New("the store's endpoint holds a user name: credentials do not belong into a URL")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u)):
		return fmt.Errorf("the store's endpoint %s is not https (plain http is for loopback alone)", show(u))
	}
	return nil
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
	if strings.HasSuffix(u.Path, "/") || slices.Contains([]string{".", "..", "/"}, base) || printable(base) != base {
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

// printable replaces what could move a terminal's cursor.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, text)
}

// scrub takes queries and passwords out of all URLs in an error's text, and makes one short line of it.
func scrub(err error) error {
	if err == nil {
		return nil
	}
	text := userinfo.ReplaceAllString(queries.ReplaceAllString(err.Error(), "$1"), "://")
	text = printable(strings.Join(strings.Fields(text), " "))
	if runes := []rune(text); len(runes) > mostText {
		text = string(runes[:mostText]) + "..."
	}
	return &scrubbed{text, err}
}

const mostText = 400
