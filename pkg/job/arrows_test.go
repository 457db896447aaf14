package job

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Who may know whom: job knows attest, chunker, client, journal, objects, report and who; of these report knows the
// journal and how charts are drawn, and the chunker who is who; nothing but the command and tests knows the sandbox.
// Sandbox, charts and texts know nobody, and everybody may know texts.
func TestArrows(t *testing.T) {
	const texts = "bulkdelete/internal/text"
	may := map[string][]string{
		"bulkdelete/pkg/chunker":      {texts, "bulkdelete/pkg/who"},
		"bulkdelete/pkg/who":          {},
		"bulkdelete/pkg/client":       {texts},
		"bulkdelete/pkg/objects":      {texts},
		"bulkdelete/pkg/journal":      {texts},
		"bulkdelete/pkg/report":       {texts, "bulkdelete/internal/chart", "bulkdelete/pkg/journal"},
		"bulkdelete/pkg/attest":       {},
		"bulkdelete/internal/chart":   {},
		"bulkdelete/internal/sandbox": {},
		texts:                         {},
		"bulkdelete/pkg/job": {texts, "bulkdelete/pkg/attest", "bulkdelete/pkg/chunker", "bulkdelete/pkg/client",
			"bulkdelete/pkg/journal", "bulkdelete/pkg/objects", "bulkdelete/pkg/report", "bulkdelete/pkg/who"},
	}
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "bulkdelete/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		allowed, ruled := may[words[0]]
		if !ruled {
			continue
		}
		seen++
		for _, imported := range words[1:] {
			if strings.HasPrefix(imported, "bulkdelete/") && !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s", words[0], imported)
			}
		}
	}
	if seen != len(may) {
		t.Errorf("%d of %d packages were found", seen, len(may))
	}
}
