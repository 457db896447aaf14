package main

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/job"
)

const helpWidth = 80 // columns

//go:embed help
var help embed.FS

// topics are what help knows besides the commands.
var topics = []string{"exit-codes", "audit", "faults"}

// topic is the text of bulkdelete help NAME where NAME is no command; "": there is none.
func topic(name string) string {
	text, _ := help.ReadFile("help/" + name + ".txt")
	return string(text)
}

func helpCommand() *cli.Command {
	return &cli.Command{
		Name: "help", Aliases: []string{"h"}, ArgsUsage: "[COMMAND | " + strings.Join(topics, " | ") + "]",
		Usage: "help with a command, or with exit-codes, audit and faults",
		Action: func(ctx context.Context, c *cli.Command) error {
			root, name := c.Root(), c.Args().First()
			switch {
			case name == "":
				return cli.ShowRootCommandHelp(root)
			case topic(name) != "":
				_, err := fmt.Fprint(root.Writer, topic(name))
				return err
			case root.Command(name) != nil:
				return cli.ShowCommandHelp(ctx, root, name)
			}
			return noSuchCommand(root, name)
		},
	}
}

func manCommand() *cli.Command {
	return &cli.Command{
		Name: "man", Usage: "print the manual page: bulkdelete man > bulkdelete.1",
		Action: func(_ context.Context, c *cli.Command) error {
			_, err := io.WriteString(c.Root().Writer, manualPage(c.Root()))
			return err
		},
	}
}

// manualPage is the same help as a man(7) page.
func manualPage(root *cli.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH BULKDELETE 1 \"\" \"bulkdelete %s\"\n.SH NAME\nbulkdelete \\- %s\n",
		roff(root.Version), roff(root.Usage))
	b.WriteString(".SH SYNOPSIS\n.B bulkdelete\n.I command\n[flags] [argument]\n")
	fmt.Fprintf(&b, ".SH ENVIRONMENT\n%s\nCredentials are %s and %s, "+
		"or the same names with _FILE for a file that holds the value.\n",
		roff(environmentHelp), credentialID, credentialSK)
	for _, c := range root.Commands {
		fmt.Fprintf(&b, ".SH BULKDELETE %s\n%s.\n.PP\n.B %s\n",
			roff(strings.ToUpper(c.Name)), roff(sentence(c.Usage)), roff(commandLine(c)))
		if c.Description != "" {
			fmt.Fprintf(&b, ".PP\n.nf\n%s\n.fi\n", roff(c.Description))
		}
		eachFlag(c, func(category string) { fmt.Fprintf(&b, ".SS %s\n", category) }, func(head, usage string) {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(head), roff(usage))
		})
	}
	for _, t := range topics {
		title, text, _ := strings.Cut(topic(t), "\n")
		title, first, _ := strings.Cut(title, ": ")
		fmt.Fprintf(&b, ".SH %s\n%s\n.nf\n%s.fi\n", strings.ToUpper(title), roff(first), roff(text))
	}
	return b.String()
}

// roff escapes what man(7) would take for something else.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	return strings.ReplaceAll(strings.ReplaceAll("\n"+text, "\n.", "\n\\&."), "\n'", "\n\\&'")[1:]
}

func noSuchCommand(root *cli.Command, name string) error {
	known := slices.Clone(root.Commands)
	for _, t := range topics {
		known = append(known, &cli.Command{Name: t})
	}
	hint := "bulkdelete help lists the commands"
	near := cli.SuggestCommand(known, name)
	if slices.Contains([]string{"delete", "remove", "rm", "erase"}, name) {
		near = "run"
	}
	if near != "" {
		if topic(near) != "" {
			near = "help " + near
		}
		hint = fmt.Sprintf("did you mean bulkdelete %s?\n%s", near, hint)
	}
	return job.Fail(job.Usage, hint, "there is no command %q", name)
}

// helpFirst makes help of a command line that asks for it: to the library, users.csv in run users.csv --help is one
// more command to explain.
func helpFirst(args []string) []string {
	if len(args) == 2 && (args[1] == "--version" || args[1] == "-v") {
		return []string{args[0], "version"}
	}
	if len(args) < 3 || strings.HasPrefix(args[1], "-") {
		return args
	}
	for _, arg := range args[2:] {
		switch arg {
		case "--":
			return args
		case "-h", "--help":
			return []string{args[0], "help", args[1]}
		}
	}
	return args
}

var badValue = regexp.MustCompile(`^(?:invalid value|could not parse) "(.*?)" ` +
	`(?:as \S+ value from environment variable "(\S+)" )?for flag -*(\S+): (.*)$`)

// wanted are kinds of values, by what the standard library says of one that is none.
var wanted = map[string]string{
	"strconv.ParseInt": "a whole number", "strconv.ParseFloat": "a number", "time:": "a time such as 30s or 5m",
}

// plainUsage says what is wrong with a value, without the names of Go's functions.
func plainUsage(err error) error {
	m := badValue.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	want := "true or false"
	for reason, kind := range wanted {
		if strings.Contains(m[4], reason) {
			want = kind
		}
	}
	if _, own, found := strings.Cut(m[4], ": give "); found { // a value of our own says itself what it wants
		want = own
	}
	return fmt.Errorf("%s %q: give %s", cmp.Or(m[2], "--"+m[3]), m[1], want)
}

// withHelp gives every command a help that fits 80 columns, the same answer to mistakes, and a check of the
// environment. The library's own help puts each flag's environment variable beside it, which takes twice that.
func withHelp(commands ...*cli.Command) []*cli.Command {
	for _, c := range commands {
		c.CustomHelpTemplate = helpText(c)
		c.OnUsageError, c.ShellComplete = usageError, completeValues
		if hasFlags(c) {
			c.Before = func(ctx context.Context, c *cli.Command) (context.Context, error) {
				return ctx, checkEnvironment(c.Root())
			}
		}
	}
	return commands
}

// listed is how the help of a flag says which values there are.
var listed = regexp.MustCompile("^`[A-Z]+`: [a-z0-9_-]+( \\(default\\))?((, | or )[a-z0-9_-]+)+( \\(.*\\))?$")

// values are those of a flag that its help lists.
func values(f cli.Flag) []string {
	usage := f.(cli.DocGenerationFlag).GetUsage() // all of the library's are
	if f.Names()[0] == "faults" {
		return sandbox.Examples()
	}
	if !listed.MatchString(usage) {
		return nil
	}
	_, usage, _ = strings.Cut(regexp.MustCompile(` \(.*?\)`).ReplaceAllString(usage, ""), ": ")
	return strings.Split(strings.ReplaceAll(usage, " or ", ", "), ", ")
}

// completeValues completes the value of a flag that stands last, and else what the library does.
func completeValues(ctx context.Context, c *cli.Command) {
	last := ""
	if n := c.NArg(); n > 0 {
		last = c.Args().Get(n - 1)
	}
	for _, f := range c.Flags {
		if v := values(f); len(v) > 0 && last == "--"+f.Names()[0] {
			fmt.Fprintln(c.Root().Writer, strings.Join(v, "\n"))
			return
		}
	}
	cli.DefaultCompleteWithFlags(ctx, c)
}

// describeCompletion gives the library's own command the same kind of help and errors.
func describeCompletion(c *cli.Command) {
	const shells = "bash, zsh, fish or pwsh"
	c.Hidden = false
	c.Usage, c.ArgsUsage = "print the completion script for "+shells, "SHELL"
	c.Description = "Example, for this shell alone:\n   source <(bulkdelete completion bash)"
	c.CustomHelpTemplate = helpText(c)
	script := c.Action
	c.Action = func(ctx context.Context, c *cli.Command) error {
		if shell := c.Args().First(); !slices.Contains([]string{"bash", "zsh", "fish", "pwsh"}, shell) {
			return job.Fail(job.Usage, "", "there is no completion for %q: give %s", shell, shells)
		}
		return script(ctx, c)
	}
}

const environmentHelp = "Each flag is also an environment variable: --log-level is BULKDELETE_LOG_LEVEL."

// helpText is a template without anything to fill in.
func helpText(c *cli.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\nUsage: %s\n", sentence(c.Usage), commandLine(c))
	if c.Description != "" {
		fmt.Fprintf(&b, "\n%s\n", c.Description)
	}
	eachFlag(c, func(category string) { b.WriteString(category + "\n") }, func(head, usage string) {
		b.WriteString(flagHelp(head, usage))
	})
	if hasFlags(c) {
		b.WriteString(environmentHelp + "\n")
	}
	return strings.NewReplacer("{{", `{{"{{"}}`).Replace(b.String())
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func commandLine(c *cli.Command) string {
	words := "bulkdelete " + c.Name
	if hasFlags(c) {
		words += " [flags]"
	}
	return strings.TrimRight(words+" "+c.ArgsUsage, " ")
}

// hasFlags says whether a command has flags of its own: --help is everybody's.
func hasFlags(c *cli.Command) bool {
	return slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return categoryOf(f) != "" })
}

func categoryOf(f cli.Flag) string {
	return f.(cli.CategorizableFlag).GetCategory() // all of the library's are
}

// eachFlag gives a command's flags by category, and each category before the first of its flags.
func eachFlag(c *cli.Command, begin func(category string), flag func(head, usage string)) {
	for _, category := range []string{inputFlags, apiFlags, paceFlags, guardFlags, outputFlags} {
		first := true
		for _, f := range c.Flags {
			if categoryOf(f) != category {
				continue
			}
			if first {
				begin(category)
			}
			first = false
			flag(flagParts(f))
		}
	}
}

// flagParts are a flag with its placeholder, and its meaning with its default.
func flagParts(f cli.Flag) (head, usage string) {
	names := f.Names()
	head = "--" + names[0]
	for _, short := range names[1:] {
		head += ", -" + short
	}
	doc := f.(cli.DocGenerationFlag) // all of the library's are
	usage = doc.GetUsage()
	if parts := strings.SplitN(usage, "`", 3); len(parts) == 3 {
		head += " " + parts[1]
		usage = strings.TrimPrefix(strings.Join(parts, ""), parts[1]+": ")
	}
	if d := strings.Trim(doc.GetValue(), `"`); d != "" && d != "[]" && doc.TakesValue() && doc.IsDefaultVisible() {
		usage += " (default: " + d + ")"
	}
	return head, usage
}

// flagHelp is a flag in lines of 80 columns at most.
func flagHelp(head, usage string) string {
	const indent = 24
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s", indent-1, "  "+head)
	column := max(indent-1, len(head)+2)
	for _, word := range strings.Fields(usage) {
		if column+1+len(word) > helpWidth {
			fmt.Fprintf(&b, "\n%*s", indent-1, "")
			column = indent - 1
		}
		b.WriteString(" " + word)
		column += 1 + len(word)
	}
	return b.String() + "\n"
}
