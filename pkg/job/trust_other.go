//go:build !unix

package job

import "errors"

var errNotDir = errors.ErrUnsupported

// trusted would look at who may write into the folder; this system says that in another way.
func (f *Folder) trusted() error { return nil }

func whose(string) string { return "it is another user's, or read-only" }
