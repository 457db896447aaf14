//go:build !windows

package journal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncFolder makes what was created, renamed or removed in a folder durable.
func syncFolder(f *os.File, err error) error {
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// mkdir makes a folder that only its owner may enter.
func mkdir(path string) error { return os.Mkdir(path, 0o700) }

// replace gives a file the name of another one, in the place of that. Sync makes it durable.
func (d *Dir) replace(from, to string) error { return d.root.Rename(from, to) }

// lock holds an open file against every other opening of it, or is ErrInUse.
func lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrInUse
	}
	return os.NewSyscallError("flock", err)
}

func unlock(f *os.File) error {
	return os.NewSyscallError("flock", unix.Flock(int(f.Fd()), unix.LOCK_UN))
}

// Nameless makes a file that is gone when the process ends, however it ends.
func Nameless() (*os.File, error) {
	f, err := os.CreateTemp("", "bulkdelete-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// explain would say who is in the way; here nobody who has a file open is.
func explain(err error) error { return err }
