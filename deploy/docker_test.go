package deploy_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulkdelete/internal/aloud"
)

// image is what the tests run, under a name that no other run of them uses; why says why there is none.
type image struct {
	name string
	why  string
	made []string // what the engine keeps besides, in the order in which it was made
}

// remove removes the image and what making it has left in the engine.
func (i image) remove() {
	for _, each := range slices.Backward(append(i.made, i.name)) {
		out, err := exec.Command("docker", "rmi", each).CombinedOutput()
		if err != nil && !strings.Contains(string(out), "No such image") {
			fmt.Fprintf(os.Stderr, "docker rmi %s: %v: %s", each, err, out)
		}
	}
}

// The tests share one image, so that it is built once.
var built image

func TestMain(m *testing.M) {
	flag.Parse()
	code := func() int {
		var err error
		if built, err = buildImage(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if built.why != "" {
			aloud.Say("all tests of containers: %s", built.why)
		} else {
			defer built.remove()
		}
		return m.Run()
	}()
	os.Exit(code)
}

// buildImage builds the Dockerfile as anybody would. Without an engine there is no image, which REQUIRE_DOCKER=1
// makes an error.
func buildImage() (image, error) {
	must := os.Getenv("REQUIRE_DOCKER") == "1"
	if testing.Short() {
		return image{why: "containers are not for -short"}, nil
	}
	if out, err := exec.Command("docker", "info").CombinedOutput(); err != nil {
		if must {
			return image{}, fmt.Errorf("REQUIRE_DOCKER=1 and no Docker engine answers: %w: %s", err, out)
		}
		return image{why: fmt.Sprintf("no Docker engine answers: docker info: %v", err)}, nil
	}
	i := image{name: "bulkdelete-test:" + strings.ToLower(rand.Text()[:12])}
	before := idOf(base)
	if out, err := exec.Command("./stand-in-images.sh").CombinedOutput(); err != nil {
		return image{}, fmt.Errorf("stand-in-images.sh: %w:\n%s", err, out)
	}
	switch after := idOf(base); {
	case before == "":
		i.made = append(i.made, base)
	case before != after: // it was a stand-in for other modules, which has lost its name
		i.made = append(i.made, before)
	}
	// Without a cache all layers are this build's own, and may be removed, even if others build the same.
	c := exec.Command("docker", "build", "--no-cache", "--force-rm", "--build-arg", "VERSION="+version,
		"--tag", i.name, "..")
	out, err := c.CombinedOutput()
	i.made = append(i.made, layersOf(string(out))...)
	if err != nil {
		i.remove()
		return image{}, fmt.Errorf("%s: %w:\n%s", c, err, out)
	}
	return i, nil
}

// base is what the Dockerfile starts from.
const base = "golang:1.26"

// version is what the image is told to be.
const version = "v0.0.0-test"

// idOf gives the ID of an image, "" if there is none of that name.
func idOf(name string) string {
	out, _ := exec.Command("docker", "image", "inspect", "--format", "{{.Id}}", name).Output()
	return strings.TrimSpace(string(out))
}

// layersOf gives the images without a name that a build says it made at its steps. BuildKit makes none: what it keeps
// is in a cache that it bounds itself.
func layersOf(log string) (ids []string) {
	for line := range strings.Lines(log) {
		id, ok := strings.CutPrefix(line, " ---> ")
		if id = strings.TrimSpace(id); !ok || strings.Contains(id, " ") {
			continue // not a step's image, but the container that it ran in
		}
		tags, err := exec.Command("docker", "image", "inspect", "--format", "{{len .RepoTags}}", id).Output()
		if err == nil && strings.TrimSpace(string(tags)) == "0" {
			ids = append(ids, id)
		}
	}
	return ids
}

// readSources opens what the image is made of. The go command remembers which files were opened while tests run (not
// before, in TestMain), and without this would take a result from its cache after the program has changed: only the
// engine reads them otherwise.
func readSources() error {
	for root := range strings.FieldsSeq("Dockerfile .dockerignore go.mod go.sum cmd internal pkg samples deploy") {
		err := filepath.WalkDir(filepath.Join("..", root), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			_, err = os.ReadFile(path)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// needImage skips the test, with the reason, where there is no image.
func needImage(t *testing.T) string {
	t.Helper()
	if built.why != "" {
		t.Skip(built.why)
	}
	if err := readSources(); err != nil {
		t.Fatal(err)
	}
	return built.name
}

// docker runs a docker command that has to succeed and gives its standard output.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).Output()
	if err != nil {
		var stderr []byte
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			stderr = e.Stderr
		}
		t.Fatalf("docker %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr)
	}
	return strings.TrimSpace(string(out))
}

// later undoes what a test made, whatever has become of it.
func later(t *testing.T, args ...string) {
	t.Cleanup(func() { exec.Command("docker", args...).Run() })
}

// stage is a private network with a sandbox on it, a volume, and a folder of the host with the input and the secrets.
type stage struct {
	t       *testing.T
	name    string // of the network and of the volume, and the stem of all other names
	host    string // the folder, mounted at /in
	sandbox string
}

const (
	accessKeyID     = "64b0d1c2e3f405162738495a"
	accessKeySecret = "sandbox-secret-not-for-production"
)

// newStage serves a sandbox with users 1 to pool, and writes an input that names those up to rows.
func newStage(t *testing.T, pool, rows int) *stage {
	t.Helper()
	name := needImage(t)
	s := &stage{t: t, name: "bulkdelete-" + strings.ToLower(rand.Text()[:12]), host: t.TempDir()}
	readable(t, s.host)
	s.write("id", accessKeyID)
	s.write("key", accessKeySecret)
	s.write("pool.csv", users(pool))
	s.write("users.csv", users(rows))
	s.certify("sandbox")
	docker(t, "network", "create", "--internal", s.name)
	later(t, "network", "rm", s.name)
	docker(t, "volume", "create", s.name)
	later(t, "volume", "rm", "--force", s.name)
	s.sandbox = s.name + "-sandbox"
	docker(t, "run", "--detach", "--name", s.sandbox, "--network", s.name, "--network-alias", "sandbox",
		"--volume", s.host+":/in:ro", "--read-only", "--cap-drop", "ALL", name, "sandbox",
		"--users", "/in/pool.csv", "--public", "--addr", ":8443", "--tls-cert", "/in/cert.pem", "--tls-key", "/in/cert-key.pem", "--faults", "latency=50ms")
	later(t, "rm", "--force", "--volumes", s.sandbox)
	s.wait("the sandbox", func() bool { return strings.Contains(docker(t, "logs", s.sandbox), "export") })
	return s
}

// write writes a file that the container's user, who is another one than the test's, can read.
func (s *stage) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.host, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	readable(s.t, path)
}

// readable lets everybody read what is at path, whatever the umask.
func readable(t *testing.T, path string) {
	t.Helper()
	err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// certify makes a certificate that is its own root.
func (s *stage) certify(dnsName string) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	now := time.Now()
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: dnsName}, DNSNames: []string{dnsName},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	s.write("cert-key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}

// users is a CSV of users 1 to n.
func users(n int) string {
	var b strings.Builder
	b.WriteString("userId,name\n")
	for i := range n {
		fmt.Fprintf(&b, "%024x,User %d\n", i+1, i+1)
	}
	return b.String()
}

// job is a container that deletes. All jobs of a stage share its volume.
type job struct {
	*stage
	name string
}

// start starts a job the way deploy/ says: non-root, read-only, without capabilities, /data a volume, secrets from
// files.
func (s *stage) start(name string, options []string, args ...string) *job {
	s.t.Helper()
	j := &job{s, s.name + "-" + name}
	docker(s.t, slices.Concat(s.runLine("--detach", "--name", j.name), options, []string{built.name}, args)...)
	later(s.t, "rm", "--force", j.name)
	return j
}

func (s *stage) runLine(options ...string) []string {
	return append([]string{"run", "--network", s.name, "--read-only", "--cap-drop", "ALL",
		"--security-opt", "no-new-privileges", "--volume", s.name + ":/data", "--volume", s.host + ":/in:ro",
		"--env", "GENAUTH_HOST=https://sandbox:8443", "--env", "BULKDELETE_CA_CERT=/in/cert.pem",
		"--env", "GENAUTH_ACCESS_KEY_ID_FILE=/in/id", "--env", "GENAUTH_ACCESS_KEY_SECRET_FILE=/in/key"}, options...)
}

// again runs another command on the jobs' volume and gives its exit code and what it printed.
func (s *stage) again(args ...string) (int, string) {
	s.t.Helper()
	c := exec.Command("docker", append(append(s.runLine("--rm"), built.name), args...)...)
	out, err := c.CombinedOutput()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		s.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(out)
}

// ended waits for the container to end, checks its exit code and gives what it printed.
func (j *job) ended(want int) string {
	j.t.Helper()
	ctx, cancel := context.WithTimeout(j.t.Context(), 3*time.Minute)
	defer cancel()
	code, err := exec.CommandContext(ctx, "docker", "wait", j.name).Output()
	logs := j.logs()
	if got := strings.TrimSpace(string(code)); err != nil || got != fmt.Sprint(want) {
		j.t.Fatalf("the container ended with %s (%v), want %d:\n%s", got, err, want, logs)
	}
	return logs
}

func (j *job) logs() string {
	out, err := exec.Command("docker", "logs", j.name).CombinedOutput()
	if err != nil {
		j.t.Fatalf("docker logs %s: %v: %s", j.name, err, out)
	}
	return string(out)
}

// file is one of a run's folder.
type file struct {
	mode os.FileMode
	uid  int
	text string
}

// files reads a folder of the volume; nil while there is none.
func (j *job) files(dir string) map[string]file {
	j.t.Helper()
	out, err := exec.Command("docker", "cp", j.name+":"+dir, "-").Output()
	if err != nil {
		return nil
	}
	found := map[string]file{}
	for r := tar.NewReader(bytes.NewReader(out)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return found
		}
		if err != nil {
			return nil // it was being written
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return nil
		}
		found[filepath.Base(h.Name)] = file{h.FileInfo().Mode(), h.Uid, string(text)}
	}
}

// recorded waits until the audit has so many rows.
func (j *job) recorded(dir string, rows int) {
	j.t.Helper()
	j.wait(fmt.Sprintf("%d audit rows", rows), func() bool {
		return strings.Count(j.files(dir)["audit.csv"].text, "\n") > rows
	})
}

// wait polls for what a container does.
func (s *stage) wait(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); {
		if time.Now().After(end) {
			s.t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// left stops the sandbox, which then says how many users are left.
func (s *stage) left(want string) {
	s.t.Helper()
	docker(s.t, "stop", s.sandbox)
	if said := docker(s.t, "logs", s.sandbox); !strings.HasSuffix(said, want+" users are left") {
		s.t.Errorf("the sandbox does not say %q:\n%s", want, said)
	}
}
