// Command release makes what a release of bulkdelete consists of: archives and packages for each system, their
// checksums and a list of what is in them. Given the same sources and the same Go, it makes the same bytes.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "release: %v\n", err)
		os.Exit(1)
	}
}

// release is one version of the program, from the sources in root.
type release struct {
	root, dist, work string
	version          string    // such as v1.2.3
	at               time.Time // of the sources: every file is that old
	targets          []string  // such as linux/amd64
}

var versions = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

func run(args []string) error {
	if len(args) < 1 || len(args) > 2 || !versions.MatchString(args[0]) {
		return fmt.Errorf("give the version, such as v1.2.3, and perhaps a folder to write into in place of dist")
	}
	work, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) //nolint:errcheck // it is the system's folder for such
	r := &release{root: "../..", dist: "../../dist", work: work, version: args[0],
		targets: strings.Fields("linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64")}
	if len(args) == 2 {
		r.dist = args[1]
	}
	if r.at, err = sourceDate(r.root); err != nil {
		return err
	}
	return r.make()
}

// sourceDate is SOURCE_DATE_EPOCH, or when the last commit was made.
func sourceDate(root string) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		out, err := exec.Command("git", "-C", root, "log", "-1", "--format=%ct").Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("how old the sources are cannot be told: set SOURCE_DATE_EPOCH: %w", err)
		}
		text = strings.TrimSpace(string(out))
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

func (r *release) make() error {
	if err := os.MkdirAll(r.dist, 0o755); err != nil {
		return err
	}
	if err := r.describe(); err != nil {
		return err
	}
	tool := exec.Command("go", "build", "-o", r.work, "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod")
	if err := command(tool); err != nil {
		return err
	}
	var made []string
	for _, target := range r.targets {
		system, processor, _ := strings.Cut(target, "/")
		names, err := r.target(system, processor)
		if err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		made = append(made, names...)
	}
	return r.checksums(made)
}

// name is the beginning of a file's name: bulkdelete_1.2.3_linux_amd64.
func (r *release) name(parts ...string) string {
	return strings.Join(append([]string{"bulkdelete", r.number()}, parts...), "_")
}

func (r *release) number() string { return strings.TrimPrefix(r.version, "v") }

// compile makes the program for a system; "": this one.
func (r *release) compile(path, system, processor string) error {
	c := exec.Command("go", "build", "-C", r.root, "-trimpath",
		"-ldflags", "-s -w -buildid= -X main.release="+r.version, "-o", path, "./cmd/bulkdelete")
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+processor)
	return command(c)
}

func command(c *exec.Cmd) error {
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, out)
	}
	return nil
}

// completions are what each shell's is called where it is looked for.
var completions = map[string]string{
	"bash": "completions/bulkdelete.bash", "zsh": "completions/_bulkdelete",
	"fish": "completions/bulkdelete.fish", "pwsh": "completions/bulkdelete.ps1",
}

// describe has the program itself write its manual page and its completions.
func (r *release) describe() error {
	program := filepath.Join(r.work, "native")
	if err := r.compile(program, "", ""); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(r.work, "completions"), 0o755); err != nil {
		return err
	}
	write := func(name string, args ...string) error {
		out, err := exec.Command(program, args...).Output()
		if err != nil {
			return fmt.Errorf("bulkdelete %s: %w", strings.Join(args, " "), err)
		}
		return os.WriteFile(filepath.Join(r.work, name), out, 0o644)
	}
	for shell, name := range completions {
		if err := write(name, "completion", shell); err != nil {
			return err
		}
	}
	return write("bulkdelete.1", "man")
}

// target makes the archive for a system and, for Linux, the packages.
func (r *release) target(system, processor string) (made []string, err error) {
	program := "bulkdelete"
	if system == "windows" {
		program += ".exe"
	}
	path := filepath.Join(r.work, system+"_"+processor, program)
	if err := r.compile(path, system, processor); err != nil {
		return nil, err
	}
	files := []file{{program, path, 0o755}, {"bulkdelete.1", filepath.Join(r.work, "bulkdelete.1"), 0o644}}
	for _, name := range completions {
		files = append(files, file{name, filepath.Join(r.work, name), 0o644})
	}
	for _, name := range []string{"README.md", "LICENSE", "NOTICE", "CHANGELOG.md", "SECURITY.md"} {
		files = append(files, file{name, filepath.Join(r.root, name), 0o644})
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	name := r.name(system, processor)
	archive := map[bool]archiver{false: {".tar.gz", tarball}, true: {".zip", zipped}}[system == "windows"]
	err = r.create(name+archive.ending, func(w *os.File) error { return archive.write(w, name, files, r.at) })
	if err != nil {
		return nil, err
	}
	made = []string{name + archive.ending, name + ".cdx.json"}
	if err := r.bill(made[1], path); err != nil {
		return nil, err
	}
	if system != "linux" {
		return made, nil
	}
	packages, err := r.packages(processor, path)
	return append(made, packages...), err
}

// create makes a file of the release.
func (r *release) create(name string, write func(*os.File) error) error {
	f, err := os.Create(filepath.Join(r.dist, name))
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close() //nolint:errcheck // nobody wants what is in it
		return fmt.Errorf("%s: %w", name, err)
	}
	return f.Close()
}

// bill lists the modules that a program is made of, in the form of CycloneDX.
func (r *release) bill(name, program string) error {
	return command(exec.Command(filepath.Join(r.work, "cyclonedx-gomod"), "bin", "-json", "-noserial", "-notimestamp",
		"-std", "-version", r.version, "-output", filepath.Join(r.dist, name), program))
}

// checksums writes SHA256SUMS, which sha256sum -c reads.
func (r *release) checksums(names []string) error {
	slices.Sort(names)
	return r.create("SHA256SUMS", func(w *os.File) error {
		for _, name := range names {
			text, err := os.ReadFile(filepath.Join(r.dist, name))
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%x  %s\n", sha256.Sum256(text), name); err != nil {
				return err
			}
		}
		return nil
	})
}
