package job

import (
	"flag"
	"go/ast"
	"go/build"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/api.txt anew")

// What others can build on changes only with a change of testdata/api.txt that somebody sees.
func TestAPI(t *testing.T) {
	var is strings.Builder
	for _, pkg := range []string{"chunker", "client", "journal", "report"} {
		is.WriteString("package " + pkg + "\n\n" + exported(t, filepath.Join("..", pkg)) + "\n")
	}
	const golden = "testdata/api.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(is.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	was, now := strings.Split(string(want), "\n"), strings.Split(is.String(), "\n")
	for _, line := range was {
		if !slices.Contains(now, line) {
			t.Errorf("gone: %s", line)
		}
	}
	for _, line := range now {
		if !slices.Contains(was, line) {
			t.Errorf("new: %s", line)
		}
	}
	if t.Failed() || is.String() != string(want) {
		t.Error("if that is meant: go test ./pkg/job -run TestAPI -update, and a line in CHANGELOG.md")
	}
}

// exported is a package's exported declarations, as they stand there for Linux, in the order of their text.
func exported(t *testing.T, dir string) string {
	t.Helper()
	linux := build.Default
	linux.GOOS, linux.GOARCH, linux.CgoEnabled = "linux", "amd64", false
	pkg, err := linux.ImportDir(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	files := token.NewFileSet()
	for _, name := range pkg.GoFiles {
		file, err := parser.ParseFile(files, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.FileExports(file)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				if f.Body = nil; f.Recv != nil && !ast.IsExported(receiver(f)) {
					continue
				}
			} else if d.(*ast.GenDecl).Tok == token.IMPORT {
				continue
			}
			var b strings.Builder
			if err := printer.Fprint(&b, files, d); err != nil {
				t.Fatal(err)
			}
			all = append(all, b.String()+"\n")
		}
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

func receiver(f *ast.FuncDecl) string {
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	name, _ := of.(*ast.Ident)
	return name.String()
}
