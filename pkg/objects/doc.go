// Package objects reads a file from where it lies, a web server or an object store, and copies files to an object store.
//
// Begin with [New] for an object to read and with [OpenFolder] for a place to write to. https:// works in every build.
// s3://, gs:// and azblob:// need the build tag blob, because their client libraries more than double the program's size;
// without it both answer with [ErrNoStores].
//
// # Secrets
//
// A presigned URL is a password: whoever has it has the object. So what this package says of an object, in a name or in an
// error, never holds the query of its URL. Credentials of stores come from the environment variables and files of the
// stores' own libraries. A URL with a user name or a password in it is refused.
//
// # Connections
//
// Certificates are verified. Plain http is for loopback alone, as in the client of the API. A server may
// not be silent for more than a minute, neither before it answers nor in the middle.
package objects
