package job

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/report"
)

// Unversioned is the version of a build that does not know its own.
const Unversioned = "devel"

// Operator names who runs the program, for the auditor: user@machine, as far as the system knows.
func Operator() string {
	who, where := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		where = h
	}
	return who + "@" + where
}

// Describe writes down what is asked for: what every run on a folder has to agree with. target says whose users are
// deleted (host, pool and tenant), which of them (AskWho, Protection.Digest), whether after a backup, and why; a deed
// stands there if it is another one. Suspending always saves.
func Describe(in *Input, plan *chunker.Plan, target report.Asked) *report.Run {
	asked := target.Copy()
	asked.Deed = cmp.Or(target.Deed, report.Delete)
	if asked.Deed == report.Suspend {
		asked.Backup = "true"
	}
	asked.By, asked.At = Operator(), time.Now().UTC().Format(time.RFC3339)
	asked.Input = in.Input
	asked.Input.Bytes, asked.Input.SHA256 = plan.Bytes, hex.EncodeToString(plan.SHA256[:])
	asked.Plan = report.Plan{Digest: hex.EncodeToString(plan.Digest[:]), Rows: plan.Rows, Accepted: plan.Accepted,
		Invalid: plan.Invalid, Duplicates: plan.Duplicates, Protected: plan.Protected,
		Chunks: plan.Chunks, ChunkSize: plan.Options.ChunkSize}
	asked.Options = optionsToMap(plan.Options)
	for _, name := range []string{matchOption, onlyOption} {
		if text := target.Options[name]; text != "" {
			asked.Options[name] = text
		}
	}
	return &report.Run{Format: report.RunFormat, Asked: asked}
}

func sha256Hex(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// optionsToMap writes down the options that change what is planned; planned reads them.
func optionsToMap(o chunker.Options) map[string]string {
	m := map[string]string{"id_type": o.IDType, "column": o.Column, "encoding": o.Encoding,
		"chunk_size": strconv.Itoa(o.ChunkSize), "delimiter": strings.TrimLeft(string(o.Delimiter), "\x00")}
	if o.NoHeader {
		m["no_header"] = "true"
	}
	if o.NoValidate {
		m["no_validate"] = "true"
	}
	if o.Shards > 1 {
		m["shard"] = fmt.Sprintf("%d/%d", o.Shard, o.Shards)
	}
	maps.DeleteFunc(m, func(_, value string) bool { return value == "" })
	return m
}

// planned gives the options that a run was planned with, but for the list of protected IDs. What cannot be read is
// left out: the plan made of them is not the run's then.
func planned(m map[string]string) chunker.Options {
	o := chunker.Options{Column: m["column"], IDType: m["id_type"], Encoding: m["encoding"],
		NoHeader: m["no_header"] == "true", NoValidate: m["no_validate"] == "true", WholeRows: m[matchOption] != ""}
	o.ChunkSize, _ = strconv.Atoi(m["chunk_size"])
	fmt.Sscanf(m["shard"], "%d/%d", &o.Shard, &o.Shards) //nolint:errcheck // see above
	for _, r := range m["delimiter"] {
		o.Delimiter = r
	}
	return o
}

// differences names what two descriptions do not have in common, each on a line of its own. A user pool that nobody has
// asked for yet is not compared.
func differences(have, want *report.Run) (diff string) {
	compare := func(what, have, want string) {
		if have != want {
			diff += fmt.Sprintf("\n  %s: %s there, %s now", what, orNone(have), orNone(want))
		}
	}
	h, w := have.Asked, want.Asked
	compare("deed", string(h.Deed), string(w.Deed))
	compare("input's SHA-256", h.Input.SHA256, w.Input.SHA256)
	compare("accepted rows", strconv.Itoa(h.Plan.Accepted), strconv.Itoa(w.Plan.Accepted))
	compare("rejected rows", strconv.Itoa(h.Plan.Rows-h.Plan.Accepted), strconv.Itoa(w.Plan.Rows-w.Plan.Accepted))
	compare("host", h.Host, w.Host)
	if w.UserPool != "" {
		compare("user pool", h.UserPool, w.UserPool)
	}
	compare("--tenant-id", h.TenantID, w.TenantID)
	compare("--backup", h.Backup, w.Backup)
	compare("--protect (SHA-256 of its IDs)", h.Protect, w.Protect)
	names := maps.Clone(h.Options)
	maps.Copy(names, w.Options)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		compare("--"+strings.ReplaceAll(name, "_", "-"), h.Options[name], w.Options[name])
	}
	if diff == "" {
		compare("plan's digest", h.Plan.Digest, w.Plan.Digest)
	}
	return diff
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return strings.ReplaceAll(s, "\n", ", ")
}
