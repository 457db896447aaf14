package job

import (
	"context"
	"errors"
	"time"

	"bulkdelete/internal/text"
	"bulkdelete/pkg/attest"
	"bulkdelete/pkg/report"
)

// Attestor vouches for the seal of a run that has ended; the zero one does not.
type Attestor struct {
	Key *attest.Key // nil: nobody signs
}

// Vouch puts a signature beside the seal in a deed's folder, unless it is there. One that does not fit says that
// somebody has changed the seal since: nothing is signed then, and the error has the code Guard.
func (a Attestor) Vouch(_ context.Context, d Deed) error {
	dir := d.adopted().dir
	seal, err := report.ReadSeal(dir, report.SealName)
	if err == nil && seal != nil && a.Key != nil {
		err = a.sign(d.adopted(), seal)
	}
	if err == nil {
		return nil
	}
	if _, explained := errors.AsType[*Error](err); explained {
		return err
	}
	return Fail(Halted, "mend that, then: bulkdelete report "+text.ShellWord(dir.Path)+" --sign-key FILE",
		"the folder %s is whole, and its seal is not signed: %w", dir.Path, err)
}

func (a Attestor) sign(f *Adopted, seal []byte) error {
	signature, err := report.ReadSeal(f.dir, report.SignatureName)
	if err != nil {
		return err
	}
	if signature != nil {
		with, err := attest.SignedWith(seal, signature)
		if err != nil {
			return Fail(Guard, copyHint+"; or look what changed with bulkdelete verify, and remove "+report.SignatureName,
				"%s in %s is not what was signed, so it is not signed again: %w", report.SealName, f.Path, err)
		}
		if with == a.Key.Fingerprint() {
			return nil
		}
	}
	if signature, err = a.Key.Sign(seal); err != nil {
		return err
	}
	return f.dir.WriteFile(report.SignatureName, signature)
}

// checkSignature says who signed the seal, if that is to be known.
func (v *View) checkSignature() error {
	seal, err := report.ReadSeal(v.dir, report.SealName)
	signature, failed := report.ReadSeal(v.dir, report.SignatureName)
	if err := errors.Join(err, failed); err != nil {
		return Fail(Halted, rerunHint, "the folder cannot be read: %w", err)
	}
	switch {
	case v.want.Signers == nil && signature != nil:
		v.unchecked("%s: give --allowed-signers to know whose it is", report.SignatureName)
	case v.want.Signers == nil:
	case signature == nil:
		v.problem("%s is not signed: there is no %s", report.SealName, report.SignatureName)
	default:
		by, err := v.want.Signers.Verify(seal, signature, time.Now())
		if err != nil {
			v.problem("the signature %s does not hold: %v", report.SignatureName, err)
			return nil
		}
		v.SignedBy = by.String()
	}
	return nil
}
