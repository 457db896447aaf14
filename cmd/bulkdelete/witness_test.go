package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulkdelete/pkg/report"
)

// The hash of the audit's last row leaves the machine with the log, the metrics and the copy's seal, and verify holds
// the folder to it.
func TestTheLastHashIsWitnessed(t *testing.T) {
	pushed := make(chan string, 1)
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		pushed <- string(body)
	}))
	defer gateway.Close()
	p, dir, store := newPool(t, 100, ""), t.TempDir(), newS3Server(t)
	writeUsers(t, filepath.Join(dir, "all.csv"), 1, 100)
	c := store.command(p, dir, "run", "all.csv", "--yes", "--rate", "500", "--log-format", "json",
		"--metrics-push", gateway.URL, "--metrics-file", "metrics.prom", "--upload", toStore)
	var log bytes.Buffer
	c.Stderr = &log
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s", err, log.String())
	}
	hash := verifyJSON(t, p, dir, 0, "all.bulkdelete").LastRowHash
	var last struct{ Message, Folder, Last_row_hash string }
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, `"message":"ended"`) {
			if err := json.Unmarshal([]byte(line), &last); err != nil {
				t.Fatal(err)
			}
		}
	}
	if last.Message != "ended" || last.Last_row_hash != hash || last.Folder != "all.bulkdelete" {
		t.Errorf("the log's line of the end is %+v, want %s", last, hash)
	}
	if text := <-pushed; !strings.Contains(text, hash) {
		t.Errorf("pushed without the hash: %q", text)
	}
	metrics, err := os.ReadFile(filepath.Join(dir, "metrics.prom"))
	want := `bulkdelete_audit_info{folder="all.bulkdelete",last_row_hash="` + hash + `"} 1`
	if err != nil || !strings.Contains(string(metrics), want) {
		t.Errorf("%v: the file has no %s", err, want)
	}
	var seal report.Seal
	copied := []byte(store.get("proofs/all.bulkdelete/seal.json"))
	if err := json.Unmarshal(copied, &seal); err != nil || seal.LastHash != hash {
		t.Errorf("the copy's seal: %v, %s", err, seal.LastHash)
	}
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--expect-hash", strings.ToUpper(hash)), 0)
	other := strings.Repeat("0", len(hash))
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--expect-hash", other), 1, hash+", not "+other)
	wants(t, p.command(dir, "verify", "all.bulkdelete", "--expect-hash", hash[:12]), 2, "12 characters of 64")
}
