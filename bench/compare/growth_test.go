package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFirstCallOfTheRunThatWentOn(t *testing.T) {
	audit := filepath.Join(t.TempDir(), "audit.csv")
	row := func(at string) string { return strings.Repeat(",", 12) + at + ",,,\n" }
	text := row("started_at") + row("2026-11-29T08:00:01.000Z") + row("2026-11-29T09:00:03.000Z") +
		row("2026-11-29T09:00:02.000Z") + row("2026-11-29T09:00:04.000Z")
	if err := os.WriteFile(audit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	if at, err := firstCall(audit, began); err != nil || at.Sub(began) != 2*time.Second {
		t.Errorf("it began its first call at %s: %v", at, err)
	}
	if _, err := firstCall(audit, began.Add(time.Hour)); err == nil {
		t.Error("a run that made no call has a first one")
	}
}
