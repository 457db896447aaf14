package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // a format registers itself
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// packages makes the packages for Linux. They bring systemd's units, and start nothing: who deletes users decides that.
func (r *release) packages(processor, program string) (made []string, err error) {
	units, err := r.units()
	if err != nil {
		return nil, err
	}
	for _, format := range []string{"deb", "rpm"} {
		info := &nfpm.Info{
			Name: "bulkdelete", Arch: processor, Platform: "linux", Version: r.version, Section: "admin", Priority: "optional",
			Maintainer:  "the bulkdelete authors <bulkdelete@localhost>",
			Description: "Delete the users a CSV names from a GenAuth user pool, and prove it row by row",
			License:     "MIT", MTime: r.at,
			Overridables: nfpm.Overridables{
				Contents: r.contents(program, units),
				Scripts:  nfpm.Scripts{PostInstall: "scripts/installed.sh", PostRemove: "scripts/removed.sh"},
				RPM:      nfpm.RPM{BuildHost: "localhost"},
			},
		}
		name, err := r.pack(format, nfpm.WithDefaults(info))
		if err != nil {
			return nil, err
		}
		made = append(made, name)
	}
	return made, nil
}

func (r *release) pack(format string, info *nfpm.Info) (string, error) {
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return "", fmt.Errorf("%s: %w", format, err)
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return "", err
	}
	name := packager.ConventionalFileName(info)
	return name, r.create(name, func(w *os.File) error { return packager.Package(info, w) })
}

// units are deploy/systemd's, for a program that a package installs.
func (r *release) units() (dir string, err error) {
	dir = filepath.Join(r.work, "systemd")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, name := range []string{"bulkdelete.service", "bulkdelete.timer"} {
		text, err := os.ReadFile(filepath.Join(r.root, "deploy/systemd", name))
		if err != nil {
			return "", err
		}
		unit := strings.ReplaceAll(string(text), "/usr/local/bin/bulkdelete", "/usr/bin/bulkdelete")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(unit), 0o644); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func (r *release) contents(program, units string) (all files.Contents) {
	put := func(from, to string, mode fs.FileMode) {
		all = append(all, &files.Content{Source: from, Destination: to,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: mode, MTime: r.at}})
	}
	put(program, "/usr/bin/bulkdelete", 0o755)
	put(filepath.Join(r.work, "bulkdelete.1"), "/usr/share/man/man1/bulkdelete.1", 0o644)
	put(filepath.Join(r.work, completions["bash"]), "/usr/share/bash-completion/completions/bulkdelete", 0o644)
	put(filepath.Join(r.work, completions["zsh"]), "/usr/share/zsh/vendor-completions/_bulkdelete", 0o644)
	put(filepath.Join(r.work, completions["fish"]), "/usr/share/fish/vendor_completions.d/bulkdelete.fish", 0o644)
	put(filepath.Join(units, "bulkdelete.service"), "/usr/lib/systemd/system/bulkdelete.service", 0o644)
	put(filepath.Join(units, "bulkdelete.timer"), "/usr/lib/systemd/system/bulkdelete.timer", 0o644)
	put("scripts/sysusers.conf", "/usr/lib/sysusers.d/bulkdelete.conf", 0o644)
	put(filepath.Join(r.root, "LICENSE"), "/usr/share/doc/bulkdelete/copyright", 0o644)
	put(filepath.Join(r.root, "NOTICE"), "/usr/share/doc/bulkdelete/NOTICE", 0o644)
	put(filepath.Join(r.root, "README.md"), "/usr/share/doc/bulkdelete/README.md", 0o644)
	return all
}
