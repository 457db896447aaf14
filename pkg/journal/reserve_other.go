//go:build !linux && !windows

package journal

import "os"

// reserve would take disk space; this system has no way that leaves the file's length as it is.
func reserve(*os.File, int64, int64) error { return nil }
