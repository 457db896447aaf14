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

// version is that of the release, or else what the Go toolchain recorded of the module: a checkout's has the commit's
// date and hash in it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	switch {
	case release != "":
		return release
	case !ok || info.Main.Version == "" || info.Main.Version == "(devel)":
		return job.Unversioned
	}
	return info.Main.Version
}

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

// thisBuild says which program this is, for version --json.
func thisBuild() any {
	recorded := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			recorded[s.Key] = s.Value
		}
	}
	return struct {
		Version  string `json:"version"`
		Go       string `json:"go"`
		Platform string `json:"platform"`
		Commit   string `json:"commit"` // "": built outside of a checkout
		Date     string `json:"date"`   // of the commit
		Dirty    bool   `json:"dirty"`  // with changes that were not committed
	}{version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, recorded["vcs.revision"], recorded["vcs.time"],
		recorded["vcs.modified"] == "true"}
}
