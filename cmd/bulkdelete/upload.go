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

// beginUpload finds out whether the folder can be copied, while nobody has been deleted.
func (o *operation) beginUpload(ctx context.Context, dir string, run *report.Run) error {
	if o.upload == nil {
		return nil
	}
	u, err := job.NewUpload(dir, o.upload)
	if err != nil {
		return err
	}
	defer o.console.whileSlow("trying whether " + u.To.String() + " can be written")()
	return u.Begin(ctx, run)
}

// copyFolder copies a run's folder, again only if its copy is not there. What was a signal to stop deleting does not
// stop it; a second one does.
func (k *console) copyFolder(ctx context.Context, dir string, to *objects.Folder, again bool) error {
	u, err := job.NewUpload(dir, to)
	if err != nil {
		return err
	}
	defer k.whileSlow(fmt.Sprintf("copying %s to %s", dir, u.To))()
	if again && u.Done(ctx) {
		return nil
	}
	n, err := u.Finish(context.WithoutCancel(ctx))
	if err != nil {
		code := job.Halted
		if asError(err).Code == job.Guard {
			code = job.Guard
		}
		hint := fmt.Sprintf("the folder %s is whole; to copy it, run bulkdelete report %s --upload %s",
			dir, text.ShellWord(dir), text.ShellWord(to.Given()))
		return job.Fail(code, hint, "the folder is not copied: %w", err)
	}
	k.say("%s copied to %s", text.Things(n, "file"), u.To)
	return nil
}
