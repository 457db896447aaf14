// Package sandbox imitates the GenAuth (Authing) V3 management API as one http.Handler, for demonstrations, tests and
// rehearsals.
//
// It follows docs/genauth-api.md and the vendor's OpenAPI document, and nothing else: it does not import this
// module's client, so that it cannot share the client's mistakes, and it is as strict as the real thing. Tokens
// expire, signatures are rebuilt from the parsed request as the server does it, a nonce works once, a clock that is
// off is refused, a call names 1 to 50 users, arrays in a query are read as Node's parsers read them, names in a body
// are taken letter by letter, users to be created are checked as the vendor's documents and live tests say, and users
// that are shown have all members, nulls among them. It takes what the vendor's SDKs send: a token without the word
// Bearer, and userIds=a for one ID. A pool that begins with users defines the custom data that they have; an empty one
// takes any.
//
// Where the real API's behaviour is not known, such as what a batch that names an unknown user is answered, Config
// and the quirks in Faults choose. Faults also make it misbehave as networks, gateways and overloaded services do.
// They are drawn from a seed, so that a run of calls in the same order meets the same faults.
//
// It does not imitate search, sync, webhooks, or anything of a user but identity.
package sandbox
