// Package attest is what others can vouch for of some bytes. A [Key] signs them, in the format of ssh-keygen -Y sign,
// and [Signers], a list in the format of ssh-keygen's ALLOWED SIGNERS, says whose signature that is. An [Authority]
// says when they were there, by a timestamp of RFC 3161, and [Authorities] says whether to believe that one. The
// package knows nothing of what the bytes are about.
package attest
