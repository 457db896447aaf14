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

	"bulkdelete/internal/text"
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
		said, mend := whose(dir.Path)
		return Fail(Guard, mend+", or "+anotherHint, "the folder %s cannot be trusted: %s", dir.Path, said)
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

// whose says who owns a file or a folder, or the nearest one above that is there, who we are, and how it is made ours.
func whose(path string) (said, mend string) {
	if abs, err := filepath.Abs(path); err == nil { // else the working directory is gone
		path = abs
	}
	mend = "make it readable and writable"
	info, err := os.Stat(path)
	for ; err != nil && path != filepath.Dir(path); info, err = os.Stat(path) {
		path = filepath.Dir(path)
	}
	us := os.Geteuid()
	if err != nil {
		return "this is " + userName(us), mend
	}
	owner := "somebody"
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		if owner = userName(int(s.Uid)); int(s.Uid) == us {
			mend = "chmod u+rwX " + text.ShellWord(path)
		} else {
			mend = fmt.Sprintf("chown %d %s (on the host, where a container mounts it)", us, text.ShellWord(path))
		}
	}
	return fmt.Sprintf("%s belongs to %s (mode %04o), and this is %s", path, owner, info.Mode().Perm(), userName(us)), mend
}

func userName(id int) string {
	if id == 0 {
		return "user 0 (root)" // also where no file says so, as in a container
	}
	if u, err := user.LookupId(strconv.Itoa(id)); err == nil {
		return fmt.Sprintf("user %d (%s)", id, u.Username)
	}
	return fmt.Sprintf("user %d", id)
}

// isProcess says whether a process of that number is there.
func isProcess(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
