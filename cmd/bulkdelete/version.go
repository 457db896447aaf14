package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v3"

	"bulkdelete/pkg/job"
)

// release is the version that a build is given with -ldflags "-X main.release=v1.2.3".
var release string

// build says which program this is.
type build struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Commit   string `json:"commit"` // "": built outside of a checkout
	Date     string `json:"date"`   // of the commit
	Dirty    bool   `json:"dirty"`  // with changes that were not committed
}

// thisBuild is what the build was given, and what the Go toolchain recorded of the module.
func thisBuild() build {
	b := build{Version: release, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			b.Dirty = s.Value == "true"
		}
	}
	if b.Version != "" {
		return b
	}
	// A checkout's version has the commit's date and hash in it.
	if b.Version = info.Main.Version; b.Version == "" || b.Version == "(devel)" {
		b.Version = job.Unversioned
	}
	return b
}

func version() string { return thisBuild().Version }

func versionCommand() *cli.Command {
	asJSON := false
	return &cli.Command{
		Name: "version", Usage: "print the version",
		Description: `Examples:
   bulkdelete version
   bulkdelete version --json  # with Go's version, the commit and its date`,
		Flags: []cli.Flag{toggle(&asJSON, outputFlags, "json",
			"print it as JSON, with the commit, and whether it was changed")},
		Action: func(_ context.Context, c *cli.Command) error {
			if asJSON {
				return json.NewEncoder(c.Root().Writer).Encode(thisBuild())
			}
			_, err := fmt.Fprintf(c.Root().Writer, "bulkdelete %s\n", version())
			return err
		},
	}
}
