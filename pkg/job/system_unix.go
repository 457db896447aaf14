//go:build !windows

package job

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"bulkdelete/pkg/journal"
)

// trusted refuses a folder that another user owns or that others may write into: they could have put anything
// there. The group that may write is tolerated if this process is of it, since Kubernetes gives volumes so.
func trusted(dir *journal.Dir) error {
	info, err := dir.Stat()
	if err != nil {
		return refuse(dir.Path, err)
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if int(s.Uid) != os.Geteuid() {
		return Fail(Guard, fmt.Sprintf("chown %d %s, or choose another folder with --out", os.Geteuid(), dir.Path),
			"the folder %s cannot be trusted: %s", dir.Path, whose(dir.Path))
	}
	groups, err := os.Getgroups()
	if err != nil {
		return fmt.Errorf("the groups of this process: %w", err)
	}
	member := slices.Contains(append(groups, os.Getegid()), int(s.Gid))
	if mode := info.Mode().Perm(); mode&0o002 != 0 || mode&0o020 != 0 && !member {
		return Fail(Guard,
			fmt.Sprintf("chmod go-w %s once it is known to be whole, or choose another folder with --out", dir.Path),
			"the folder %s cannot be trusted: others may write into it (mode %04o)", dir.Path, mode)
	}
	return nil
}

// whose says who owns a folder, or the nearest one above that is there, and who we are.
func whose(path string) string {
	path = filepath.Clean(path)
	info, err := os.Stat(path)
	for ; err != nil && path != filepath.Dir(path); info, err = os.Stat(path) {
		path = filepath.Dir(path)
	}
	if err != nil {
		return "this is " + userName(os.Geteuid())
	}
	owner := "somebody"
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		owner = userName(int(s.Uid))
	}
	return fmt.Sprintf("%s belongs to %s (mode %04o), and this is %s",
		path, owner, info.Mode().Perm(), userName(os.Geteuid()))
}

func userName(id int) string {
	if u, err := user.LookupId(strconv.Itoa(id)); err == nil {
		return fmt.Sprintf("user %d (%s)", id, u.Username)
	}
	return fmt.Sprintf("user %d", id)
}

// isProcess says whether a process of that number is there.
func isProcess(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
