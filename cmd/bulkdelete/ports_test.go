package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// refusing holds a port, 0 for any, at which nobody listens: callers are refused, and no other program gets it.
func refusing(t *testing.T, port int) (addr string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	t.Cleanup(func() { syscall.Close(fd) })
	if port != 0 { // the connections of the server that was there are still known to the system
		if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint("127.0.0.1:", at.(*syscall.SockaddrInet4).Port)
}

// listening gives the loopback address at which a process listens, which chose its port itself.
func listening(t *testing.T, pid int) string {
	t.Helper()
	open, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	sockets := map[string]bool{}
	for _, fd := range open {
		to, _ := os.Readlink(fd) // "": closed meanwhile
		sockets[to] = true
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		const listen, local, state, inode = "0A", 1, 3, 9
		f := strings.Fields(line)
		if f[state] != listen || !sockets["socket:["+f[inode]+"]"] {
			continue
		}
		var port int
		if _, err := fmt.Sscanf(f[local], "0100007F:%X", &port); err != nil {
			t.Fatalf("%s: %v", f[local], err)
		}
		return fmt.Sprint("127.0.0.1:", port)
	}
	t.Fatalf("process %d does not listen", pid)
	return ""
}
