// Package attest is what others can vouch for of some bytes: a [Key] signs them, in the format of ssh-keygen -Y sign,
// and [Signers], a list in the format of ssh-keygen's ALLOWED SIGNERS, says whose signature that is.
// It knows nothing of what the bytes are about.
package attest
