package main

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/job"
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
	if strings.Contains(name, "/go-build") {
		return "go run ./cmd/bulkdelete"
	}
	return text.ShellWord(name)
}

// withoutSecrets leaves out of an argument what of a URL may be one. An argument can be a flag with its value.
func withoutSecrets(arg string) string {
	name, value, ok := strings.Cut(arg, "=")
	if !ok || strings.Contains(name, "://") {
		name, value = "", arg
	} else {
		name += "="
	}
	u, err := url.Parse(value)
	if err != nil && strings.Contains(value, "://") {
		return name + "URL"
	}
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return arg
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return name + u.String()
}

// withoutURLSecrets does the same for every URL in a message.
func withoutURLSecrets(message string) string {
	urls := regexp.MustCompile(`(https?):/+([^\s"'<>/][^\s"'<>]*)`) // taken for a path, a URL has lost a slash
	return urls.ReplaceAllStringFunc(message, func(found string) string {
		return withoutSecrets(urls.ReplaceAllString(found, "$1://$2"))
	})
}

// commandLine is the command that does something else with the same run: with those flags of this one that were given.
func (o *operation) commandLine(verb, argument string, names ...string) string {
	words := []string{programName(os.Args[0]), verb, text.ShellWord(argument)}
	for _, f := range o.command.Flags {
		if name := f.Names()[0]; f.IsSet() && slices.Contains(names, name) {
			words = append(words, flagWords(o.command, name)...)
		}
	}
	return strings.Join(words, " ")
}

func flagWords(c *cli.Command, name string) (words []string) {
	switch v := c.Value(name).(type) {
	case bool:
		if v {
			words = append(words, "--"+name)
		}
	case []string:
		for _, each := range v {
			words = append(words, "--"+name, text.ShellWord(each))
		}
	default:
		words = append(words, "--"+name, text.ShellWord(withoutSecrets(fmt.Sprint(v))))
	}
	return words
}

// apiNames are the flags that say whose users a run is about.
func apiNames() []string {
	return []string{"host", "auth", "signature-dialect", "tenant-id", "ca-cert", "sandbox"}
}

// retryNames are those that a run of failed.csv needs besides: what the run was about, not how its input was written.
func retryNames() []string {
	return append(apiNames(),
		"column", "id-type", "delimiter", "no-validate", "protect", "backup", "verify", "rate", "workers")
}

// checkEnvironment refuses variables that look like a flag's and are none's: a guard that is misspelt guards nobody.
func checkEnvironment(root *cli.Command, environ []string) error {
	known := []string{urlVariable, urlVariable + "_FILE"}
	for _, c := range root.Commands {
		for _, f := range c.Flags {
			if of, ok := f.(interface{ GetEnvVars() []string }); ok {
				known = append(known, of.GetEnvVars()...)
			}
		}
	}
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "BULKDELETE_") || value == "" || slices.Contains(known, name) || ofKubernetes(name) {
			continue
		}
		hint := "unset it; bulkdelete run --help lists the flags, each of which is a variable too"
		if near := nearest(name, known); near != "" {
			hint = fmt.Sprintf("did you mean %s?\n%s", near, hint)
		}
		return job.Fail(job.Usage, hint, "the environment has %s, which is no flag's", text.Clean(name))
	}
	return nil
}

// ofKubernetes says whether Kubernetes makes a variable of that name for a service called bulkdelete.
func ofKubernetes(name string) bool {
	return name == "BULKDELETE_PORT" ||
		strings.HasPrefix(name, "BULKDELETE_PORT_") || strings.HasPrefix(name, "BULKDELETE_SERVICE_")
}

// nearest is the known name that has the fewest differences, if they are few.
func nearest(name string, known []string) string {
	var commands []*cli.Command
	for _, k := range known {
		commands = append(commands, &cli.Command{Name: k})
	}
	return cli.SuggestCommand(commands, name)
}
