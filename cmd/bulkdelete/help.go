package main

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	docs "github.com/urfave/cli-docs/v3"
	"github.com/urfave/cli/v3"

	"bulkdelete/pkg/job"
)

const helpWidth = 80 // columns

var (
	//go:embed help/exit-codes.txt
	exitCodesTopic string
	//go:embed help/audit.txt
	auditTopic string
)

// topic is the text of bulkdelete help NAME where NAME is no command.
func topic(name string) string {
	switch name {
	case "exit-codes":
		return exitCodesTopic
	case "audit":
		return auditTopic
	}
	return ""
}

func helpCommand() *cli.Command {
	return &cli.Command{
		Name: "help", Aliases: []string{"h"}, ArgsUsage: "[COMMAND | exit-codes | audit]",
		Usage: "help with a command, or the tables of exit-codes and audit",
		Action: func(ctx context.Context, c *cli.Command) error {
			root, name := c.Root(), c.Args().First()
			if name == "" {
				return cli.ShowRootCommandHelp(root)
			}
			if text := topic(name); text != "" {
				_, err := fmt.Fprint(root.Writer, text)
				return err
			}
			if root.Command(name) != nil {
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
			page, err := docs.ToManWithSection(c.Root(), 1)
			if err != nil {
				return err
			}
			for _, t := range []string{exitCodesTopic, auditTopic} {
				title, text, _ := strings.Cut(t, "\n")
				page += fmt.Sprintf(".SH %s\n.nf\n%s.fi\n", strings.ToUpper(title), strings.ReplaceAll(text, "-", `\-`))
			}
			_, err = fmt.Fprint(c.Root().Writer, page)
			return err
		},
	}
}

func noSuchCommand(root *cli.Command, name string) error {
	hint := "bulkdelete help lists the commands"
	if near := cli.SuggestCommand(slices.Clone(root.Commands), name); near != "" {
		hint = fmt.Sprintf("did you mean bulkdelete %s?\n%s", near, hint)
	}
	return job.Fail(job.Usage, hint, "there is no command %q", name)
}

// withHelp gives every command a help that fits 80 columns. The library's own puts each flag's environment variable
// beside it, which takes twice that.
func withHelp(commands ...*cli.Command) []*cli.Command {
	for _, c := range commands {
		c.CustomHelpTemplate = helpText(c)
	}
	return commands
}

// helpText is a template without anything to fill in.
func helpText(c *cli.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n\nUsage: bulkdelete %s\n", strings.ToUpper(c.Usage[:1])+c.Usage[1:], strings.Join(strings.Fields(c.Name+" [flags] "+c.ArgsUsage), " "))
	if c.Description != "" {
		fmt.Fprintf(&b, "\n%s\n", c.Description)
	}
	for _, category := range []string{inputFlags, apiFlags, paceFlags, guardFlags, outputFlags} {
		title := "\n" + category + "\n"
		for _, f := range c.Flags {
			if in, ok := f.(cli.CategorizableFlag); ok && in.GetCategory() == category {
				b.WriteString(title + flagHelp(f))
				title = ""
			}
		}
	}
	if len(c.Flags) > 0 {
		b.WriteString("\nEach flag is also an environment variable: --log-level is BULKDELETE_LOG_LEVEL.\n")
	}
	return strings.NewReplacer("{{", `{{"{{"}}`).Replace(b.String())
}

// flagHelp is a flag with its placeholder, its meaning and its default, in lines of 80 columns at most.
func flagHelp(f cli.Flag) string {
	const indent = 24
	names := f.Names()
	head := "  --" + names[0]
	for _, short := range names[1:] {
		head += ", -" + short
	}
	doc, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return head + "\n"
	}
	usage := doc.GetUsage()
	if parts := strings.SplitN(usage, "`", 3); len(parts) == 3 {
		head += " " + parts[1]
		usage = strings.TrimPrefix(strings.Join(parts, ""), parts[1]+": ")
	}
	if d := strings.Trim(doc.GetValue(), `"`); d != "" && d != "[]" && doc.TakesValue() && doc.IsDefaultVisible() {
		usage += " (default: " + d + ")"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s", indent-1, head)
	column := max(indent-1, len(head))
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
