package job

import (
	"testing"

	"golang.org/x/sys/windows"
)

// Only a list that lets all users write names them.
func TestWhoMayWrite(t *testing.T) {
	for list, want := range map[string]string{
		"D:P(A;OICI;FA;;;OW)(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)": "", // as a run makes it
		"D:P(A;OICI;FA;;;OW)(A;OICI;FR;;;WD)":                 "",
		"D:P(A;OICI;FA;;;OW)(D;OICI;FA;;;WD)":                 "",
		"D:P(A;OICI;FA;;;OW)(A;OICI;FA;;;WD)":                 "everybody",
		"D:(A;ID;0x1301bf;;;AU)":                              "every user of this machine", // as C:\ gives it
		"D:P(A;OICI;FW;;;BU)":                                 "every user of this machine",
	} {
		access, err := windows.SecurityDescriptorFromString(list)
		if err != nil {
			t.Fatal(err)
		}
		entries, _, err := access.DACL()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := writers(entries); got != want || err != nil {
			t.Errorf("%s: %q (%v), want %q", list, got, err, want)
		}
	}
}
