package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// folder is the run's folder: --out, filled in, {date} and {time} in UTC, or the input's name with .bulkdelete for its
// ending, behind .suspend where users are suspended.
func (d *deletion) folder(now time.Time) (string, error) {
	if d.out != "" {
		out, err := d.fillOut()
		for name, m := range moments {
			out = strings.ReplaceAll(out, name, now.UTC().Format(m.layout))
		}
		return out, err
	}
	if d.name == "-" || d.name == "" {
		return "", job.Fail(job.Usage, "give the run's folder with --out DIR", "the input has no name to make a folder from")
	}
	name := strings.TrimSuffix(d.name, filepath.Ext(d.name))
	if c := d.chunks; c.Shards > 1 {
		name = fmt.Sprintf("%s.%d-of-%d", name, c.Shard, c.Shards)
	}
	if d.suspend {
		name += ".suspend"
	}
	return name + ".bulkdelete", nil
}

// fillOut fills in what of an --out is constant for an input: {input}, the input's name without its ending, and
// {shard}.
func (d *deletion) fillOut() (out string, err error) {
	out = placeholder.ReplaceAllStringFunc(d.out, func(name string) string {
		switch {
		case moments[name].layout != "":
			return name
		case name == "{input}":
			return inputName(d.name)
		case name == "{shard}" && d.chunks.Shards > 1:
			return strconv.Itoa(d.chunks.Shard)
		case name == "{shard}":
			err = fmt.Errorf("--out %q: there is no {shard} without --shard", d.out)
		default:
			err = fmt.Errorf("--out %q: there is no %s: give {date}, {time}, {input} or {shard}", d.out, name)
		}
		return name
	})
	return out, err
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

// unfinished gives the folders that earlier runs with this --out left unfinished, oldest first, without this run's own.
func (d *deletion) unfinished() (left []string, err error) {
	pattern, err := d.fillOut()
	if err != nil {
		return nil, err
	}
	pattern = strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]").Replace(pattern)
	if filepath.Separator != '\\' {
		pattern = strings.ReplaceAll(pattern, `\`, `\\`)
	}
	for name, m := range moments {
		pattern = strings.ReplaceAll(pattern, name, m.pattern)
	}
	dirs, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	slices.Sort(dirs)
	for _, dir := range dirs {
		if filepath.Clean(dir) == filepath.Clean(d.dir) {
			continue
		}
		open, err := job.IsUnfinished(dir)
		if err != nil {
			return nil, err
		}
		if open {
			left = append(left, dir)
		}
	}
	return left, nil
}

// runEarlier goes on with what earlier runs of the schedule left unfinished, before a new folder is begun. done
// says that the new run's input was among them.
func (d *deletion) runEarlier(ctx context.Context) (done bool, err error) {
	if !placeholder.MatchString(d.out) {
		return false, nil
	}
	dirs, err := d.unfinished()
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
	earlier, err := d.process.newDeletion(d.command, d.jobOptions, run.Asked.Input.Path)
	if err != nil {
		return err
	}
	earlier.metrics, earlier.dir, earlier.given = d.metrics, dir, d.given
	d.metrics.heart.Store(earlier.heart)
	defer d.metrics.heart.Store(d.heart)
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
