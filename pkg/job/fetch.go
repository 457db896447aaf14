package job

import (
	"context"
	"errors"

	"bulkdelete/pkg/objects"
	"bulkdelete/pkg/report"
)

// Fetch copies an object into the folder, and opens the copy, as Spool does. Where the folder's run has a copy already,
// that one is used and nothing is transferred while the object still has the ETag that run.json says; so it is, and say
// is told why, where the object cannot be had any more. An object that has changed since the run was planned is refused
// with Guard. Other errors are fit for exit code 2: nothing is ever taken for the object that is not the whole of it.
func Fetch(ctx context.Context, o *objects.Object, f *Folder, say func(format string, args ...any)) (*Input, error) {
	is := report.Input{Name: o.String(), URL: o.String()}
	held := !f.unused() && f.Run.Asked.Input.URL == is.URL && f.dir.Has(report.InputName)
	if held {
		is.ETag = f.Run.Asked.Input.ETag
	}
	in, err := f.fetch(ctx, o, is)
	switch {
	case err == nil:
		return in, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case asError(err).Code == Guard, asError(err).Code == Usage:
		return nil, err
	case !held:
		return nil, Fail(Usage, "nothing was sent", "the input cannot be read: %w", err)
	case !errors.Is(err, objects.ErrUnchanged):
		say("the input cannot be looked at: %s\ngoing on with the copy of it in %s", err, f.dir.Name(report.InputName))
	}
	if in, err = OpenInput(f.dir.Name(report.InputName)); err != nil {
		return nil, err
	}
	in.Name, in.URL, in.ETag = is.Name, is.URL, is.ETag
	return in, nil
}

// fetch transfers the object if it is another one than is described so.
func (f *Folder) fetch(ctx context.Context, o *objects.Object, is report.Input) (*Input, error) {
	content, err := o.Open(ctx, is.ETag)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if is.ETag != "" {
		return nil, Fail(Guard, keptHint(f.Path),
			"%s has changed since the run in %s was planned: its ETag was %s and is %s",
			o, f.Path, is.ETag, orNone(content.ETag))
	}
	is.ETag = content.ETag
	return f.spool(content, is)
}

// Same says whether the object is still what a run's input was copied from. Where it cannot be told the error says why.
func Same(ctx context.Context, o *objects.Object, in report.Input) (bool, error) {
	if in.URL != o.String() || in.ETag == "" {
		return false, nil
	}
	content, err := o.Open(ctx, in.ETag)
	if errors.Is(err, objects.ErrUnchanged) {
		return true, nil
	}
	if err != nil {
		return false, Fail(Usage, "nothing was sent", "the input cannot be read: %w", err)
	}
	return false, content.Close()
}
