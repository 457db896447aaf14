package main

import (
	"syscall"
	"testing"
)

func asUser(uint32) *syscall.SysProcAttr { return nil }

func ownSession() *syscall.SysProcAttr { return nil }

func makeFIFO(t *testing.T, _ string) { t.Skip("Windows has no FIFOs with a path") }
