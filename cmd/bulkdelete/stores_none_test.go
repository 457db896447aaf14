//go:build !blob

package main

import "testing"

// A build without object stores says so, and how to get one with, before it touches anything.
func TestBuildWithoutStores(t *testing.T) {
	p := newPool(t, 10, "")
	dir := t.TempDir()
	writeUsers(t, dir+"/all.csv", 1, 10)
	for _, url := range []string{"s3://bucket/all.csv", "gs://bucket/all.csv", "azblob://container/all.csv"} {
		for _, args := range [][]string{{"run", url, "--yes"}, {"plan", url}, {"run", "all.csv", "--yes", "--upload", url}, {"report", dir, "--upload", url}} {
			wants(t, p.command(dir, args...), 2, "this build has no object-store support", "-tags blob", "--build-arg TAGS=blob")
		}
	}
	if p.sent() > 0 {
		t.Errorf("%d calls were sent", p.sent())
	}
}
