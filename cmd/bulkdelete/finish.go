package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/attest"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/objects"
	"bulkdelete/pkg/report"
)

// attestOptions say who vouches for the seal.
type attestOptions struct{ signKey, timestamp string }

func (o *attestOptions) flags() []cli.Flag {
	return []cli.Flag{
		word(&o.signKey, outputFlags, "sign-key", "",
			"`FILE`: SSH key to sign the seal; a public one: by ssh-agent"),
		word(&o.timestamp, outputFlags, "timestamp", "", "`URL`: time-stamping server (RFC 3161) to stamp the seal"),
	}
}

// open finds out who can vouch for the seal, while nothing has been sent. The key signs a trial; the server is not
// asked before the end.
func (o *attestOptions) open(roots *x509.CertPool) (a job.Attestor, err error) {
	if err := onlyFile("sign-key", o.signKey); err != nil {
		return a, err
	}
	if o.signKey != "" {
		if a.Key, err = attest.OpenKey(o.signKey, os.Getenv("SSH_AUTH_SOCK")); err != nil {
			return a, job.Fail(job.Usage, "give an SSH key that signs, or leave --sign-key out; nothing was sent",
				"--sign-key: %w", err)
		}
	}
	if o.timestamp != "" {
		if a.TSA, err = attest.NewAuthority(o.timestamp, roots); err != nil {
			return a, fmt.Errorf("--timestamp: %w", err)
		}
	}
	return a, nil
}

func uploadFlag(to *string) cli.Flag {
	return word(to, outputFlags, "upload", "", "`URL`: copy the run's folder there, such as s3://bucket/proofs")
}

func signersFlag(to *string, who string) *cli.StringFlag {
	return word(to, guardFlags, "allowed-signers", "", "`FILE`: "+who+" (ALLOWED SIGNERS of ssh-keygen)")
}

// readSigners reads what --allowed-signers names; nil: nothing.
func readSigners(path string) (*attest.Signers, error) {
	if path == "" {
		return nil, nil
	}
	s, err := attest.ReadSigners(path)
	if err != nil {
		return nil, job.Fail(job.Usage, "a line is a name, a key's type and the key, as in its .pub file",
			"--allowed-signers: %w", err)
	}
	return s, nil
}

// readAuthorities reads what --tsa-certs names; nil: nothing.
func readAuthorities(path string) (*attest.Authorities, error) {
	if path == "" {
		return nil, nil
	}
	a, err := attest.ReadAuthorities(path)
	if err != nil {
		return nil, job.Fail(job.Usage, "give the root certificate of the time-stamping server", "--tsa-certs: %w", err)
	}
	return a, nil
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

// signer names whose key signs the seal, "" for nobody's.
func (o *operation) signer() string {
	key := o.attestor.Key
	if key == nil {
		return ""
	}
	by := attest.Signature{Key: key.Fingerprint()}
	if o.signers != nil {
		by.By = o.signers.NameOf(key)
	}
	return by.String()
}

// finish does what follows the files of a run that ended with result: it has the seal vouched for and copies the
// folder. again: the run had ended before. It goes on where a signal stopped the deleting.
func (o *operation) finish(ctx context.Context, d job.Deed, dir string, again bool, result error) error {
	stop := o.console.whileSlow("having the seal signed and stamped")
	err := o.attestor.Vouch(context.WithoutCancel(ctx), d)
	stop()
	result = o.besides(result, err, "nobody vouches for the seal")
	if o.upload == nil {
		return result
	}
	return o.besides(result, o.console.copyFolder(ctx, dir, o.upload, again), "the folder was not copied")
}

// besides gives how a run ended with result where something besides the users may have failed. That changes nothing for
// them, so a run that was not whole keeps its exit code. One that was ends with Halted: the same command tries again.
func (o *operation) besides(result, err error, what string) error {
	if err == nil || result == nil {
		return cmp.Or(result, err)
	}
	o.console.log.Warn().Err(err).Msg(what)
	o.console.say("hint: %s", asError(err).Hint)
	return result
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

// witness leaves the hash of the audit's last row where whoever can write the folder may not reach: in the metrics, and
// at the log's end. On a terminal the summary shows it.
func (o *operation) witness(s *report.Summary, dir string) {
	o.metrics.audit.WithLabelValues(filepath.Base(dir), s.LastRowHash).Set(1)
	if !o.console.terminal {
		o.console.log.Info().Str("folder", dir).Str("state", s.State).Int("exit_code", s.ExitCode).
			Str("last_row_hash", s.LastRowHash).Msg("ended")
	}
}
