// Package objects reads a file from where it lies, a web server or an object store, and copies files to an object
// store.
//
// Begin with [New] for an object to read and with [OpenFolder] for a place to write to. Read are https:// and s3://,
// written is s3://, which many other stores than Amazon's understand. The objects of all others have signed https://
// URLs.
//
// # Secrets
//
// A presigned URL is a password: anybody who has it has the object. So what this package says of an object, in a
// name or in an error, never holds the query of its URL, nor what a store writes in its answers. Credentials of
// stores come from the environment variables and files of Amazon's own tools. A URL with a user name or a password
// in it is refused.
//
// # Connections
//
// Certificates are verified. Plain http is for loopback alone, as in the client of the API. A web server may redirect
// to https, a store nowhere. A server may not be silent for more than a minute, neither before it answers nor in the
// middle.
package objects
