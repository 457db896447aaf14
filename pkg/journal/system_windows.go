package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// syncFolder does nothing: Windows has no call for it, and [Dir.replace] waits for the disk itself.
func syncFolder(f *os.File, err error) error {
	if err != nil {
		return err
	}
	return f.Close()
}

// mkdir makes a folder that only its owner, the administrators and the system may enter, with what will be in it.
func mkdir(path string) error {
	access, err := windows.SecurityDescriptorFromString("D:P(A;OICI;FA;;;OW)(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)")
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	as := &windows.SecurityAttributes{SecurityDescriptor: access}
	as.Length = uint32(unsafe.Sizeof(*as))
	if err := windows.CreateDirectory(name, as); err != nil {
		return &os.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return nil
}

// patience is how long a file is waited for that another program has open: scanners and indexers look at each new one
// for moments, and so does whoever reads a run's status.
const patience = 2 * time.Second

// replace gives a file the name of another one, in the place of that, and returns once that is on disk, as far as the
// system tells. It goes by the path, which stays the folder's while a file in it is open, as its lock is.
func (d *Dir) replace(from, to string) error {
	old, err := windows.UTF16PtrFromString(d.Name(from))
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(d.Name(to))
	if err != nil {
		return err
	}
	for until := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err = windows.MoveFileEx(old, name, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
		denied := errors.Is(err, windows.ERROR_ACCESS_DENIED) && !errors.Is(d.Regular(to), ErrNotRegular)
		switch taken := denied || errors.Is(err, windows.ERROR_SHARING_VIOLATION); {
		case !taken:
			return err
		case time.Now().After(until):
			return fmt.Errorf("%w (%w)", ErrOpen, err)
		}
	}
}

// held is where the byte stands that a lock is on. It is behind every file's end: what is locked here, not even the
// process that holds the lock can read or write through another opening.
func held() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: 1 << 30} }

// lock holds an open file against every other opening of it, or is ErrInUse.
func lock(f *os.File) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, held())
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrInUse
	}
	return os.NewSyscallError("LockFileEx", err)
}

func unlock(f *os.File) error {
	return os.NewSyscallError("UnlockFileEx", windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, held()))
}

// Nameless makes a file that is gone when the process ends, however it ends.
func Nameless() (*os.File, error) {
	return os.OpenFile(filepath.Join(os.TempDir(), "bulkdelete-"+rand.Text()),
		os.O_RDWR|os.O_CREATE|os.O_EXCL|windows.O_FILE_FLAG_DELETE_ON_CLOSE, 0o600)
}

// explain says who is in the way where another program has a file open.
func explain(err error) error {
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return fmt.Errorf("%w (%w)", ErrOpen, err)
	}
	return err
}

// reserve takes disk space for a file up to from+size without making it longer. The system gives it back when the file
// is closed.
func reserve(f *os.File, from, size int64) error {
	allocated := from + size
	err := windows.SetFileInformationByHandle(windows.Handle(f.Fd()), windows.FileAllocationInfo,
		(*byte)(unsafe.Pointer(&allocated)), uint32(unsafe.Sizeof(allocated)))
	if errors.Is(err, windows.ERROR_NOT_SUPPORTED) || errors.Is(err, windows.ERROR_CALL_NOT_IMPLEMENTED) {
		return nil
	}
	return os.NewSyscallError("SetFileInformationByHandle", err)
}
