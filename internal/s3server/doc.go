// Package s3server is a module of its own that pins the S3 server which the tests of object stores run against: the
// Versity S3 Gateway over a folder. It checks signatures as Amazon's does. The program's own module does not have
// to know its hundred dependencies.
//
//	go build -C internal/s3server -o s3server github.com/versity/versitygw/cmd/versitygw
package s3server
