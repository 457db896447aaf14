package job

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/windows"

	"bulkdelete/pkg/journal"
)

// trusted refuses a folder into which everybody may write, or every user of the machine: they could have put anything
// there.
func trusted(dir *journal.Dir) error {
	info, err := windows.GetNamedSecurityInfo(dir.Path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return refuse(dir.Path, err)
	}
	who := "everybody" // where there is no list, as on FAT
	if list, _, err := info.DACL(); err == nil && list != nil {
		if who, err = writers(list); err != nil {
			return refuse(dir.Path, err)
		}
	}
	if who == "" {
		return nil
	}
	return Fail(Guard,
		"choose a folder below your own profile with --out, or take the right away once it is known to be whole",
		"the folder %s cannot be trusted: others may write into it (%s)", dir.Path, who)
}

// writers names a group of all users that a list of access lets write; "": there is none.
func writers(list *windows.ACL) (string, error) {
	const writes = windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.DELETE | windows.WRITE_DAC |
		windows.WRITE_OWNER | windows.GENERIC_WRITE | windows.GENERIC_ALL
	for i := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &entry); err != nil {
			return "", err
		}
		if entry.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE || entry.Mask&writes == 0 {
			continue
		}
		group := (*windows.SID)(unsafe.Pointer(&entry.SidStart))
		switch {
		case group.IsWellKnown(windows.WinWorldSid):
			return "everybody", nil
		case group.IsWellKnown(windows.WinAuthenticatedUserSid), group.IsWellKnown(windows.WinBuiltinUsersSid):
			return "every user of this machine", nil
		}
	}
	return "", nil
}

func whose(string) (said, mend string) {
	return "it is another user's, or read-only", "make it readable and writable"
}

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
