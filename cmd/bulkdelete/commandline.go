package main

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/objects"
)

// commandLineOf makes words that were arguments of this process a command line again.
func commandLineOf(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = text.ShellWord(withoutSecrets(arg))
	}
	words[0] = programName(args[0])
	return strings.Join(words, " ")
}

// programName is how the program was called. The binary of go run is gone by the time that a hint is read.
func programName(name string) string {
	if strings.Contains(filepath.ToSlash(name), "/go-build") {
		return "go run ./cmd/bulkdelete"
	}
	word := text.ShellWord(name)
	if runtime.GOOS == "windows" && word != name {
		return "& " + word // as PowerShell wants it, which is who gives programs their whole path for a name
	}
	return word
}

var urlArgument = regexp.MustCompile(`(?is)^(-[^=]*=)?(https?://.*)$`)

// withoutSecrets leaves out of an argument what of a URL may be one. An argument can be a flag with its value.
func withoutSecrets(arg string) string {
	m := urlArgument.FindStringSubmatch(arg)
	if m == nil {
		return arg
	}
	u, err := url.Parse(m[2])
	if err != nil {
		return m[1] + "URL"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return m[1] + u.String()
}

// withoutURLSecrets does the same for every URL in a message.
func withoutURLSecrets(message string) string {
	urls := regexp.MustCompile(`(https?):/+([^\s"'<>/][^\s"'<>]*)`) // taken for a path, a URL has lost a slash
	return urls.ReplaceAllStringFunc(message, func(found string) string {
		return withoutSecrets(urls.ReplaceAllString(found, "$1://$2"))
	})
}

// withoutFlag leaves a flag and its value out of a command line, in which every other word stays as it is.
func withoutFlag(command, name string) string {
	const word = `(?:'[^']*'|"[^"]*"|\\'|[^\s'"])+`
	return regexp.MustCompile(` --?`+name+`[= ]`+word+`|((?:^| )`+word+`)`).ReplaceAllString(command, "$1")
}

// commandLine is the command that does something else with the same run: with those flags of this one that were given.
func (o *operation) commandLine(verb, argument string, names ...string) string {
	words := []string{programName(os.Args[0]), verb, text.ShellWord(argument)}
	for _, f := range o.command.Flags {
		if name := f.Names()[0]; f.IsSet() && slices.Contains(names, name) {
			words = append(words, flagWords("--"+name, f.Get())...)
		}
	}
	return strings.Join(words, " ")
}

func flagWords(flag string, value any) (words []string) {
	values := []string{fmt.Sprint(value)}
	switch v := value.(type) {
	case bool:
		if v {
			return []string{flag}
		}
		return nil
	case []string:
		values = v
	}
	for _, v := range values {
		if v != "" { // a variable can be empty
			words = append(words, flag, text.ShellWord(withoutSecrets(v)))
		}
	}
	return words
}

var (
	// apiNames are the flags that say whose users a run is about.
	apiNames = []string{"host", "auth", "signature-dialect", "tenant-id", "user-pool-id", "ca-cert", "sandbox"}
	// retryNames are those that a run of failed.csv needs: what the run was about, not how its input was written.
	retryNames = append(slices.Clone(apiNames),
		"column", "id-type", "delimiter", "no-validate", "protect", "match", "only", "sample", "suspend", "backup", "verify",
		"rate", "workers", "sign-key", "timestamp")
)

// checkEnvironment refuses variables that look like a flag's and are none's: a guard that is misspelt guards nobody.
func checkEnvironment(root *cli.Command) error {
	known := []*cli.Command{{Name: urlVariable}, {Name: urlVariable + "_FILE"}} // which the library finds near names among
	for _, c := range root.Commands {
		for _, f := range c.Flags {
			for _, name := range f.(cli.DocGenerationFlag).GetEnvVars() { // all of the library's are
				known = append(known, &cli.Command{Name: name})
			}
		}
	}
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		if value == "" || !strings.HasPrefix(name, "BULKDELETE_") || ofKubernetes.MatchString(name) ||
			slices.ContainsFunc(known, func(c *cli.Command) bool { return c.Name == name }) {
			continue
		}
		return job.Fail(job.Usage, fmt.Sprintf("did you mean %s?\n"+
			"unset it; bulkdelete run --help lists the flags, each of which is a variable too", cli.SuggestCommand(known, name)),
			"the environment has %s, which is no flag's", text.Clean(name))
	}
	return nil
}

// ofKubernetes are variables that Kubernetes makes for a service called bulkdelete.
var ofKubernetes = regexp.MustCompile(`^BULKDELETE_(PORT$|PORT_|SERVICE_)`)

// onlyFile refuses a URL where a file is wanted: what cannot open it would show it.
func onlyFile(flag, name string) error {
	if objects.IsURL(name) {
		return job.Fail(job.Usage, "copy it to a file first", "--%s takes a file, not a URL", flag)
	}
	return nil
}

// credentials fills in the access key. Where one half is missing the error says which variables to set.
func credentials(cfg *client.Config) error {
	id, errID := secret(credentialID)
	key, errKey := secret(credentialSK)
	if err := cmp.Or(errID, errKey); err != nil {
		return err
	}
	var missing []string
	if id == "" {
		missing = append(missing, credentialID)
	}
	if key == "" {
		missing = append(missing, credentialSK)
	}
	if len(missing) > 0 {
		return job.Fail(job.Usage,
			"set it in the environment, or name a file that holds it with _FILE at the variable's end; "+
				"--sandbox needs none",
			"no credentials: missing %s", strings.Join(missing, " and "))
	}
	cfg.AccessKeyID, cfg.AccessKeySecret = id, client.Secret(key)
	return nil
}

// secret reads a credential from the environment, or from the file that NAME_FILE names, as containers mount them.
func secret(name string) (string, error) {
	value, path := os.Getenv(name), os.Getenv(name+"_FILE")
	switch {
	case value != "" && path != "":
		return "", fmt.Errorf("%s and %s_FILE are both set: unset one", name, name)
	case path == "":
		return value, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	return strings.TrimSpace(string(text)), nil
}

func rootCAs(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--ca-cert: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca-cert %s holds no certificate in PEM form", path)
	}
	return pool, nil
}
