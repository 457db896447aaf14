package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"bulkdelete/internal/sandbox"
	"bulkdelete/pkg/job"
)

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" { // a test has started this binary as the program
		main()
	}
	testscript.Main(tidy{m}, map[string]func(){"bulkdelete": main})
}

// tidy removes what all tests shared.
type tidy struct{ *testing.M }

func (t tidy) Run() int {
	defer func() { os.RemoveAll(gatewayDir) }()
	return t.M.Run()
}

// TestScripts runs the program as a person would. Each script is named after what it shows.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			for _, v := range os.Environ() {
				if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "GENAUTH_") ||
					strings.HasPrefix(name, "BULKDELETE_") {
					env.Setenv(name, "")
				}
			}
			samples, err := filepath.Abs("../../samples")
			env.Setenv("SAMPLES", samples)
			env.Setenv("BULKDELETE_RATE", "2000")
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"genauth": genauth,
			"code":    exitCode,
			"users":   users,
			"rows":    rows,
			"refuse":  refuse,
			"lie":     lie,
			"glob":    glob,
		},
	})
}

// peopleIn seeds a sandbox from a file.
func peopleIn(ts *testscript.TestScript, file string, cfg *sandbox.Config) {
	input, err := job.OpenInput(ts.MkAbs(file))
	ts.Check(err)
	defer input.Close()
	ts.Check((&sandboxOptions{}).seed(context.Background(), cfg, input))
	var all [][]string
	var ids []string
	for id, values := range cfg.Users {
		ids, all = append(ids, id), append(all, values)
	}
	cfg.Users = func(yield func(string, []string) bool) {
		for i := range ids {
			if !yield(ids[i], all[i]) {
				return
			}
		}
	}
}

// genauth serves a user pool in this process and points the program at it: genauth N [faults] makes users
// 000000000000000000000001 to N in hexadecimal, genauth FILE those that a file describes, and genauth denied 10 such as
// the key may not read.
func genauth(ts *testscript.TestScript, neg bool, args []string) {
	denied, file, n := args[0] == "denied", "", 0
	if denied {
		args = args[1:]
	}
	if strings.HasSuffix(args[0], ".csv") {
		file = args[0]
	} else if _, err := fmt.Sscan(args[0], &n); err != nil || neg {
		ts.Fatalf("usage: genauth [denied] N|FILE [faults [unknown]]")
	}
	cfg := sandbox.Config{IDType: "user_id", IDs: func(yield func(string) bool) {
		for i := range n {
			if !yield(userID(i + 1)) {
				return
			}
		}
	}}
	cfg.ReadDenied = denied
	if file != "" {
		peopleIn(ts, file, &cfg)
	}
	var err error
	if len(args) > 1 {
		cfg.Faults, err = sandbox.ParseFaults(args[1])
		ts.Check(err)
	}
	if len(args) > 2 {
		cfg.Unknown = args[2]
	}
	server, err := sandbox.New(cfg)
	ts.Check(err)
	// A user whom the API refuses can be named while the script runs: see refuse.
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bad, _ := os.ReadFile(ts.MkAbs("refused"))
		if len(bad) > 0 && bytes.Contains(body, bad) {
			io.WriteString(w, `{"statusCode":400,"message":"refused","requestId":"bad-1"}`)
			return
		}
		if _, err := os.Stat(ts.MkAbs("lies")); err == nil && strings.HasSuffix(r.URL.Path, "delete-users-batch") {
			io.WriteString(w, `{"statusCode":200,"message":"","requestId":"lie-1","data":{"success":true}}`)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		server.ServeHTTP(w, r)
	}))
	ts.Defer(h.Close)
	ts.Setenv("GENAUTH_HOST", h.URL)
	ts.Setenv(credentialID, sandbox.AccessKeyID)
	ts.Setenv(credentialSK, sandbox.AccessKeySecret)
}

// runAsProgram makes the test binary be the program.
const runAsProgram = "RUN_AS_BULKDELETE"

// refuse makes the API refuse every call that names user N; 0: nobody.
func refuse(ts *testscript.TestScript, neg bool, args []string) {
	var n int
	fmt.Sscan(args[0], &n)
	id := userID(n)
	if n == 0 {
		id = ""
	}
	ts.Check(os.WriteFile(ts.MkAbs("refused"), []byte(id), 0o600))
}

// lie makes the API say that it deleted users, and not do it.
func lie(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs("lies"), nil, 0o600))
}

func userID(n int) string { return fmt.Sprintf("%024x", n) }

// exitCode runs a command that has to end with that exit code: code 2 bulkdelete run.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// users writes a CSV of the pool's users: users FILE FROM TO.
func users(ts *testscript.TestScript, neg bool, args []string) {
	var from, to int
	if _, err := fmt.Sscan(args[1]+" "+args[2], &from, &to); err != nil {
		ts.Fatalf("usage: users FILE FROM TO")
	}
	var b strings.Builder
	b.WriteString("userId,name\n")
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, "%s,User %d\n", userID(i), i)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o600))
}

// glob checks how many files a pattern matches: glob PATTERN N.
func glob(ts *testscript.TestScript, neg bool, args []string) {
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if fmt.Sprint(len(found)) != args[1] {
		ts.Fatalf("%s matches %v, want %s", args[0], found, args[1])
	}
}

// rows checks how many data rows a CSV of one-line records has: rows FILE N.
func rows(ts *testscript.TestScript, neg bool, args []string) {
	lines := slices.Collect(strings.Lines(ts.ReadFile(args[0])))
	if got := fmt.Sprint(len(lines) - 1); got != args[1] {
		ts.Fatalf("%s has %s rows, want %s", args[0], got, args[1])
	}
}
