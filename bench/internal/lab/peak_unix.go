//go:build unix

package lab

import (
	"os"
	"runtime"
	"syscall"
)

// peak is the most resident memory that an ended process had, in bytes. On Linux it includes that of the process which
// started it, up to the moment of the exec: who measures has to stay small.
func peak(p *os.ProcessState) int64 {
	r, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return rssBytes(r)
}

// OwnPeak is the same of this process, below which a child's peak says nothing.
func OwnPeak() int64 {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return rssBytes(&r)
}

// rssBytes: BSDs and Linux count KiB, macOS counts bytes.
func rssBytes(r *syscall.Rusage) int64 {
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(r.Maxrss)
	}
	return int64(r.Maxrss) << 10
}
