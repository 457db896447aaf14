package job

import (
	"cmp"
	"context"
	"errors"
	"time"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/attest"
	"bulkdelete/pkg/report"
)

// Attestor vouches for the seal of a run that has ended; the zero one does not.
type Attestor struct {
	Key *attest.Key       // signs; nil: nobody
	TSA *attest.Authority // says when; nil: nobody
}

// Vouch puts a signature and a timestamp beside the seal in a deed's folder, unless they are there. Ones that do not
// fit say that somebody has changed the seal since: then nothing is put there, and the error has the code Guard.
func (a Attestor) Vouch(ctx context.Context, d Deed) error { return a.vouchFor(ctx, d.held()) }

func (a Attestor) vouchFor(ctx context.Context, f *Folder) error {
	seal, err := report.ReadSeal(f.dir, report.SealName)
	if err == nil && seal == nil {
		return nil
	}
	if err == nil && a.Key != nil {
		err = vouch(f, seal, report.SignatureName, attest.SignedWith, a.Key.Fingerprint(), a.Key.Sign)
	}
	if err == nil && a.TSA != nil {
		is := func(seal, stamp []byte) (string, error) { return "", attest.IsStamp(seal, stamp) }
		err = vouch(f, seal, report.StampName, is, "",
			func(seal []byte) ([]byte, error) { return a.TSA.Stamp(ctx, seal) })
	}
	if _, explained := errors.AsType[*Error](err); explained || err == nil {
		return err
	}
	return Fail(Halted, "run the same command again, or bulkdelete report "+text.ShellWord(f.Path)+" with the same flag",
		"the folder %s is whole, and its seal lacks what was to vouch for it: %w", f.Path, err)
}

// vouch makes the file of that name, unless it is there, of the seal, and by whom it should be.
func vouch(f *Folder, seal []byte, name string, whose func(seal, by []byte) (string, error), should string,
	make func(seal []byte) ([]byte, error)) error {
	there, err := report.ReadSeal(f.dir, name)
	if err != nil {
		return err
	}
	if there != nil {
		by, err := whose(seal, there)
		if err != nil {
			return Fail(Guard, "look what changed with bulkdelete verify; restore it from a copy, or remove "+name,
				"%s in %s is not what %s is about, so nobody vouches for it again: %w", report.SealName, f.Path, name, err)
		}
		if by == should {
			return nil
		}
	}
	if there, err = make(seal); err != nil {
		return err
	}
	return f.dir.WriteFile(name, there)
}

// checkVouched says who signed the seal, and when it was there, as far as that is to be known.
func (v *View) checkVouched() (err error) {
	files := map[string][]byte{}
	for _, name := range report.SealNames() {
		if files[name], err = report.ReadSeal(v.dir, name); err != nil {
			return Fail(Halted, rerunHint, "the folder cannot be read: %w", err)
		}
	}
	seal, stamp, signature := files[report.SealName], files[report.StampName], files[report.SignatureName]
	at := time.Now()
	v.checkFits(report.StampName, stamp, v.want.Authorities != nil, "timestamped", "tsa-certs", func() (err error) {
		if v.want.Authorities == nil {
			return attest.IsStamp(seal, stamp)
		}
		if at, err = v.want.Authorities.Verify(seal, stamp); err == nil {
			v.StampedAt = at.UTC().Format(time.RFC3339)
		}
		return err
	})
	v.checkFits(report.SignatureName, signature, v.want.Signers != nil, "signed", "allowed-signers", func() error {
		if v.want.Signers == nil {
			_, err := attest.SignedWith(seal, signature)
			return err
		}
		by, err := v.want.Signers.Verify(seal, signature, cmp.Or(at, time.Now()))
		if err == nil {
			v.SignedBy = by.String()
		}
		return err
	})
	return nil
}

// checkFits checks a file that vouches for the seal: whether it is there, if that is wanted, and whether it holds. One
// that is not wanted is at least about the seal.
func (v *View) checkFits(name string, text []byte, wanted bool, done, flag string, check func() error) {
	if text == nil {
		if wanted {
			v.problem("%s is not %s: there is no %s", report.SealName, done, name)
		}
		return
	}
	if err := check(); err != nil {
		v.problem("%s does not hold: %v", name, err)
	} else if !wanted {
		v.unchecked("%s: give --%s to have it checked", name, flag)
	}
}
