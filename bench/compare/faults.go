package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"bulkdelete/bench/internal/lab"
	"bulkdelete/internal/text"
)

// verdict is what a program believes of a user when it has ended.
type verdict uint8

const (
	untried verdict = iota
	deleted
	failed
)

// tally sets what a program believes beside what the server knows.
type tally struct {
	gone      int // said deleted, and so it is
	again     int // said failed, and the user is there: to be done again, and known to be
	deceived  int // said deleted, but the user is there
	lost      int // gone, but the program says failed, or nothing
	neverSent int // the user is there, and the program never came to it
}

// leftBehind runs each program once where calls go wrong and counts what it leaves behind.
func (b *bench) leftBehind(ctx context.Context) error {
	b.users = cmp.Or(b.users, 200_000)
	if err := lab.WriteUsers(b.path("users.csv"), b.users); err != nil {
		return err
	}
	log := []string{"-log", b.path("rival.log")}
	all := []contender{
		b.ours("--progress", "none"),
		b.rival(fmt.Sprintf("a client a call, %d goroutines", b.workers), "pool", log...),
		b.rival("a client a call, for-loop", "loop", log...),
		b.rival("the same, returning its first error", "first", log...),
	}
	heading(fmt.Sprintf("%s users, %d workers, faults %s", text.Count(b.users), b.workers, b.faults))
	fmt.Println("| | seconds | thought deleted, still there | gone, not known to be | never tried " +
		"| still there, and known to be | right |")
	fmt.Println("|---|---:|---:|---:|---:|---:|---:|")
	for _, c := range all {
		u, t, err := b.strike(ctx, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		n := text.Count
		fmt.Printf("| %s | %.1f | %s | %s | %s | %s | %s |\n", c.name, u.Wall.Seconds(),
			n(t.deceived), n(t.lost), n(t.neverSent), n(t.again), n(t.gone))
	}
	return nil
}

// strike runs one program against a new sandbox with faults.
func (b *bench) strike(ctx context.Context, c contender) (lab.Usage, tally, error) {
	err := errors.Join(os.RemoveAll(b.path("users.bulkdelete")), os.RemoveAll(b.path("rival.log")))
	if err != nil {
		return lab.Usage{}, tally{}, err
	}
	server, err := lab.StartSandbox(ctx, lab.Binary(b.dir, "bulkdelete"),
		"--users", b.path("users.csv"), "--faults", b.faults)
	if err != nil {
		return lab.Usage{}, tally{}, err
	}
	defer server.Stop()
	u, err := lab.Run(ctx, server.Env, c.most, c.program, c.args...)
	if err != nil {
		return u, tally{}, err
	}
	believed, err := b.believed(filepath.Base(c.program) == filepath.Base(lab.Binary("", "bulkdelete")))
	if err != nil {
		return u, tally{}, err
	}
	living, err := (&reader{server: server}).living(ctx)
	if err != nil {
		return u, tally{}, err
	}
	t, err := b.judge(believed, living)
	return u, t, err
}

// judge goes through the input once more.
func (b *bench) judge(believed []verdict, living map[string]bool) (t tally, err error) {
	f, err := os.Open(b.path("users.csv"))
	if err != nil {
		return t, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Scan() // the header
	for i := 0; lines.Scan(); i++ {
		there := living[lines.Text()]
		switch v := believed[i]; {
		case there && v == deleted:
			t.deceived++
		case there && v == failed:
			t.again++
		case there:
			t.neverSent++
		case v == deleted:
			t.gone++
		default:
			t.lost++
		}
	}
	if sum := t.gone + t.again + t.deceived + t.lost + t.neverSent; sum != b.users {
		return t, fmt.Errorf("%d of %d users are accounted for", sum, b.users)
	}
	return t, lines.Err()
}

// believed reads what a program left behind: our files by the line they name, a rival's log by its batches.
func (b *bench) believed(ours bool) ([]verdict, error) {
	v := make([]verdict, b.users)
	if !ours {
		return v, b.readLog(v)
	}
	dir := b.path("users.bulkdelete")
	return v, errors.Join(
		readLines(filepath.Join(dir, "deleted.csv"), "line", deleted, v),
		readLines(filepath.Join(dir, "failed.csv"), "bulkdelete_line", failed, v))
}

// readLines gives every row that a file names a verdict. Line 2 of the input is its first user.
func readLines(path, column string, is verdict, v []verdict) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	at := slices.Index(header, column)
	if at < 0 {
		return fmt.Errorf("%s has no column %s", path, column)
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		line, err := strconv.Atoi(row[at])
		if err != nil || line < 2 || line-2 >= len(v) || v[line-2] != untried {
			return fmt.Errorf("%s: line %q is not one of the input's, or is named twice", path, row[at])
		}
		v[line-2] = is
	}
}

func (b *bench) readLog(v []verdict) error {
	f, err := os.Open(b.path("rival.log"))
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		number, result, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.Atoi(number)
		if err != nil {
			return err
		}
		is := failed
		if result == "ok" {
			is = deleted
		}
		for i := n * 50; i < min(n*50+50, len(v)); i++ {
			v[i] = is
		}
	}
	return lines.Err()
}
