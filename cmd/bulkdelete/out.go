package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/report"
)

// A schedule needs a folder of its own for each run: --out /data/{date}.
var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// moments are the placeholders that differ from one run to the next: how to fill them in, and what they match in the
// name of an earlier run's folder.
var moments = map[string]struct{ layout, pattern string }{
	"{date}": {"2006-01-02", "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"},
	"{time}": {"150405", "[0-9][0-9][0-9][0-9][0-9][0-9]"},
}

// fillOut fills in an --out: {date} and {time} (UTC), {input}, the input's name without its ending, and {shard}.
func (o *jobOptions) fillOut(input string, now time.Time) (string, error) {
	return o.replaceOut(input, func(s string) string { return s }, func(name string) string {
		return now.UTC().Format(moments[name].layout)
	})
}

// replaceOut replaces what is constant for an input, passing all fixed text through fixed, and every placeholder of
// time.
func (o *jobOptions) replaceOut(input string, fixed, moment func(string) string) (string, error) {
	out := o.out
	var b strings.Builder
	last := 0
	for _, at := range placeholder.FindAllStringIndex(out, -1) {
		name := out[at[0]:at[1]]
		b.WriteString(fixed(out[last:at[0]]))
		last = at[1]
		switch {
		case moments[name].layout != "":
			b.WriteString(moment(name))
		case name == "{input}":
			b.WriteString(fixed(inputName(input)))
		case name == "{shard}":
			i, n, err := shard(o.shard, os.Getenv("JOB_COMPLETION_INDEX"))
			if err == nil && n == 1 {
				err = fmt.Errorf("--out %q: there is no {shard} without --shard", out)
			}
			if err != nil {
				return "", err
			}
			b.WriteString(strconv.Itoa(i))
		default:
			return "", fmt.Errorf("--out %q: there is no %s: give {date}, {time}, {input} or {shard}", out, name)
		}
	}
	b.WriteString(fixed(out[last:]))
	return b.String(), nil
}

// inputName is the input's name without its ending, fit to be a folder's.
func inputName(input string) string {
	if input == "-" {
		return "stdin"
	}
	base := filepath.Base(input)
	name := strings.Trim(strings.TrimSuffix(base, filepath.Ext(base)), ". ")
	name = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) || strings.ContainsRune(`/\<>:"|?*{}`, r) {
			return '_'
		}
		return r
	}, name)
	return cmp.Or(name, "input")
}

// unfinished gives the folders that earlier runs with this --out left unfinished, oldest first, without now's own.
func (o *jobOptions) unfinished(input, now string) ([]string, error) {
	pattern, err := o.replaceOut(input, escapeGlob, func(name string) string {
		return moments[name].pattern
	})
	if err != nil || pattern == escapeGlob(now) {
		return nil, err
	}
	dirs, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	slices.Sort(dirs)
	var left []string
	for _, dir := range dirs {
		open, err := job.IsUnfinished(dir)
		if err != nil {
			return nil, err
		}
		if open && filepath.Clean(dir) != filepath.Clean(now) {
			left = append(left, dir)
		}
	}
	return left, nil
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(s)
}

// runEarlier goes on with what earlier runs of the schedule left unfinished, before a new folder is begun. done
// says that the new run's input was among them.
func (d *deletion) runEarlier(ctx context.Context) (done bool, err error) {
	if !placeholder.MatchString(d.out) {
		return false, nil
	}
	dirs, err := d.unfinished(d.name, d.dir)
	if err != nil {
		return false, err
	}
	var failed error
	for _, dir := range dirs {
		run, err := job.Asked(dir)
		if err != nil {
			return false, err
		}
		d.console.say("going on with %s, which is unfinished", dir)
		if err := d.goOn(ctx, dir, run); asError(err).Code > job.Incomplete {
			return false, fmt.Errorf("%s: %w", dir, explainEarlier(err, dir))
		} else if err != nil {
			failed = errors.Join(failed, err)
		}
		same, err := d.isInput(ctx, run)
		if err != nil {
			return false, err
		}
		done = done || same
	}
	return done, failed
}

// goOn does the rest of an earlier run, with the same flags.
func (d *deletion) goOn(ctx context.Context, dir string, run *report.Run) error {
	earlier, err := newDeletion(d.command, d.jobOptions, run.Asked.Input.Path)
	if err != nil {
		return err
	}
	earlier.metrics, earlier.dir, earlier.given = d.metrics, dir, d.given
	return earlier.end(earlier.run(ctx))
}

// isInput says whether the input is what an earlier run had: the very file, unchanged, or its folder would have been
// refused; or an object that has not changed since it was copied.
func (d *deletion) isInput(ctx context.Context, run *report.Run) (bool, error) {
	if d.object != nil {
		return job.Same(ctx, d.object, run.Asked.Input)
	}
	now, err := filepath.Abs(d.name)
	return err == nil && now == run.Asked.Input.Path, nil
}

// explainEarlier says what to do when an unfinished run cannot go on by itself.
func explainEarlier(err error, dir string) error {
	e := asError(err)
	if e.Code != job.Guard && e.Code != job.Usage {
		return err
	}
	rest := text.ShellWord(filepath.Join(dir, report.RemainingName))
	return job.Fail(e.Code, "give it the input it had, or run "+rest+" by itself and move the folder away",
		"an earlier run cannot go on: %w", e)
}
