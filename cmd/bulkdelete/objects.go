package main

import (
	"context"
	"crypto/x509"
	"fmt"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/objects"
	"bulkdelete/pkg/report"
)

// urlVariable names the input where the command line does not: a presigned URL is a secret, which other users of the
// machine could read there.
const urlVariable = "BULKDELETE_URL"

// givenInput is the input as it was given.
func givenInput(c *cli.Command) (string, error) {
	switch n := c.NArg(); n {
	case 1:
		return c.Args().First(), nil
	case 0:
		given, err := secret(urlVariable)
		if given != "" || err != nil {
			return given, err
		}
		fallthrough
	default:
		return "", job.Fail(job.Usage, fmt.Sprintf("for example: %s users.csv", c.FullName()),
			"give one input FILE, or - for standard input; there are %d", n)
	}
}

func uploadFlag(to *string) cli.Flag {
	return word(to, outputFlags, "upload", "", "`URL`: copy the run's folder there, such as s3://bucket/proofs")
}

// openUpload opens what --upload names; nil: nothing.
func openUpload(url string, roots *x509.CertPool) (*objects.Folder, error) {
	if url == "" {
		return nil, nil
	}
	to, err := objects.OpenFolder(url, roots)
	if err != nil {
		return nil, job.Fail(job.Usage, "nothing was sent", "--upload: %w", err)
	}
	return to, nil
}

// onlyFile refuses a URL where a file is wanted: what cannot open it would show it.
func onlyFile(flag, name string) error {
	if objects.IsURL(name) {
		return job.Fail(job.Usage, "copy it to a file first", "--%s takes a file, not a URL", flag)
	}
	return nil
}

// beginUpload finds out whether the folder can be copied, while nobody has been deleted.
func (o *operation) beginUpload(ctx context.Context, dir string, run *report.Run) error {
	if o.upload == nil {
		return nil
	}
	u, err := job.NewUpload(dir, o.upload)
	if err != nil {
		return err
	}
	return u.Begin(ctx, run)
}

// finishUpload copies the folder of a run that ended with result; again: one that had ended before, whose copy may be
// there. The copy changes nothing for the users, so a run that was not whole keeps its exit code. One that was ends
// with Halted: the same command, or report, tries again.
func (o *operation) finishUpload(ctx context.Context, dir string, again bool, result error) error {
	if o.upload == nil {
		return result
	}
	if again {
		if u, err := job.NewUpload(dir, o.upload); err == nil && u.Done(ctx) {
			return result
		}
	}
	err := o.console.copyFolder(ctx, dir, o.upload)
	if err == nil {
		return result
	}
	if result == nil {
		return err
	}
	e := asError(err)
	o.console.log.Warn().Err(e).Msg("the folder was not copied")
	o.console.say("hint: %s", e.Hint)
	return result
}

// copyFolder copies a run's folder. What was a signal to stop deleting does not stop it; a second one does.
func (k *console) copyFolder(ctx context.Context, dir string, to *objects.Folder) error {
	u, err := job.NewUpload(dir, to)
	if err != nil {
		return err
	}
	n, err := u.Finish(context.WithoutCancel(ctx))
	if err != nil {
		code := job.Halted
		if e := asError(err); e.Code == job.Guard {
			code = e.Code
		}
		hint := fmt.Sprintf("the folder %s is whole; to copy it, run bulkdelete report %s --upload %s",
			dir, text.ShellWord(dir), text.ShellWord(to.Given()))
		return job.Fail(code, hint, "the folder is not copied: %w", err)
	}
	k.say("%d files copied to %s", n, u.To)
	return nil
}
