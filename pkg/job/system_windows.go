package job

import (
	"errors"

	"golang.org/x/sys/windows"

	"bulkdelete/pkg/journal"
)

// trusted would look at who may write into the folder. Here that is said by lists of access, which a folder has from
// the one above it.
func trusted(*journal.Dir) error { return nil }

func whose(string) string { return "it is another user's, or read-only" }

// isProcess says whether a process of that number is there. One that has ended is for as long as somebody has it open.
func isProcess(pid int) bool {
	p, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return !errors.Is(err, windows.ERROR_INVALID_PARAMETER)
	}
	defer windows.CloseHandle(p) //nolint:errcheck // nothing was done to it
	ended, err := windows.WaitForSingleObject(p, 0)
	return err != nil || ended == uint32(windows.WAIT_TIMEOUT)
}
