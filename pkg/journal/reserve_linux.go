package journal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// reserve takes disk space from offset on for a file without making it longer. Where a file system cannot do that,
// nothing is taken and that is no error.
func reserve(f *os.File, from, size int64) error {
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, from, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}
