//go:build !unix

package lab

import "os"

func peak(*os.ProcessState) int64 { return 0 }

// OwnPeak is not known on this system.
func OwnPeak() int64 { return 0 }
