package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// build makes a release, for two of the six targets: the others differ in nothing but what the compiler is told.
func build(t *testing.T) *release {
	t.Helper()
	r := &release{root: "../..", dist: t.TempDir(), work: t.TempDir(), version: "v9.8.7",
		at: time.Unix(1_700_000_000, 0).UTC(), targets: []string{"linux/amd64", "windows/amd64"}}
	if err := r.make(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRelease(t *testing.T) {
	r := build(t)
	t.Run("the same twice", r.testTwice)
	t.Run("archives", r.testArchives)
	t.Run("checksums and bills", r.testLists)
	t.Run("a deb is installed and removed", r.testDeb)
}

func (r *release) testTwice(t *testing.T) {
	again := build(t)
	names, err := filepath.Glob(filepath.Join(r.dist, "*"))
	if err != nil || len(names) != 7 {
		t.Fatalf("a release has %q (%v)", names, err)
	}
	for _, name := range names {
		a, err1 := os.ReadFile(name)
		b, err2 := os.ReadFile(filepath.Join(again.dist, filepath.Base(name)))
		if err := errors.Join(err1, err2); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s is another one the second time (%v)", filepath.Base(name), err)
		}
	}
}

func (r *release) testArchives(t *testing.T) {
	want := []string{"CHANGELOG.md", "LICENSE", "NOTICE", "README.md", "SECURITY.md", "bulkdelete", "bulkdelete.1",
		"completions/_bulkdelete", "completions/bulkdelete.bash", "completions/bulkdelete.fish",
		"completions/bulkdelete.ps1"}
	if got := tarNames(t, filepath.Join(r.dist, "bulkdelete_9.8.7_linux_amd64.tar.gz")); !slices.Equal(got, want) {
		t.Errorf("the archive for Linux has %q", got)
	}
	want[5], want[6] = "bulkdelete.1", "bulkdelete.exe"
	z, err := zip.OpenReader(filepath.Join(r.dist, "bulkdelete_9.8.7_windows_amd64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var got []string
	for _, f := range z.File {
		got = append(got, strings.TrimPrefix(f.Name, "bulkdelete_9.8.7_windows_amd64/"))
		if f.UncompressedSize64 == 0 {
			t.Errorf("%s is empty", f.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the archive for Windows has %q", got)
	}
}

func tarNames(t *testing.T, path string) (names []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	packed, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(packed); ; {
		head, err := archive.Next()
		if err == io.EOF {
			return names
		}
		program := err == nil && strings.HasSuffix(head.Name, "/bulkdelete")
		if err != nil || head.Size == 0 || head.Uname != "" || (head.Mode == 0o755) != program {
			t.Fatalf("%+v: %v", head, err)
		}
		_, name, _ := strings.Cut(head.Name, "/")
		names = append(names, name)
	}
}

func (r *release) testLists(t *testing.T) {
	check := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	check.Dir = r.dist
	if out, err := check.CombinedOutput(); err != nil || strings.Count(string(out), ": OK") != 6 {
		t.Errorf("%v\n%s", err, out)
	}
	for system, module := range map[string]string{"linux": "github.com/prometheus/procfs", "windows": "golang.org/x/sys"} {
		bill, err := os.ReadFile(filepath.Join(r.dist, "bulkdelete_9.8.7_"+system+"_amd64.cdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"bomFormat": "CycloneDX"`, `"v9.8.7"`, "pkg:golang/" + module + "@",
			"pkg:golang/std@"} {
			if !bytes.Contains(bill, []byte(want)) {
				t.Errorf("the bill for %s has no %s", system, want)
			}
		}
	}
}

// dpkg takes the package, the program in it runs, nothing is started, and removing it leaves nothing of it.
func (r *release) testDeb(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil || runtime.GOARCH != "amd64" {
		t.Skip("there is no dpkg, or no amd64 to run the program")
	}
	root := packageRoot(t)
	dpkg := func(args ...string) {
		t.Helper()
		c := exec.Command("dpkg", append([]string{"--root=" + root, "--force-script-chrootless", "--force-not-root",
			"--log=/dev/null"}, args...)...)
		c.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	dpkg("--install", filepath.Join(r.dist, "bulkdelete_9.8.7_amd64.deb"))
	said, err := exec.Command(filepath.Join(root, "usr/bin/bulkdelete"), "version").Output()
	if string(said) != "bulkdelete v9.8.7\n" {
		t.Errorf("the program says %q (%v)", said, err)
	}
	unit, err := os.ReadFile(filepath.Join(root, "usr/lib/systemd/system/bulkdelete.service"))
	if err != nil || !strings.Contains(string(unit), "\nExecStart=/usr/bin/bulkdelete run ") {
		t.Errorf("the service is\n%s (%v)", unit, err)
	}
	if wanted, _ := filepath.Glob(filepath.Join(root, "etc/systemd/system/*.wants/*")); len(wanted) > 0 {
		t.Errorf("started are %q", wanted)
	}
	installed := below(t, filepath.Join(root, "usr"))
	dpkg("--remove", "bulkdelete")
	if left := below(t, filepath.Join(root, "usr")); len(installed) != 11 || len(left) > 0 {
		t.Errorf("installed were %q, and left are %q", installed, left)
	}
}

// packageRoot is a folder that dpkg takes for a system without a package.
func packageRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"etc", "var/lib/dpkg/updates", "var/lib/dpkg/info", "var/lib/dpkg/triggers"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

// below are the files in a folder; without the folder there are none.
func below(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestVersionsAreChecked(t *testing.T) {
	for _, args := range [][]string{nil, {"1.2.3"}, {"v1.2"}, {"v1.2.3", "dist", "more"}, {"v1.2.3;id"}} {
		if err := run(args); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
