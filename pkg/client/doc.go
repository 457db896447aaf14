// Package client talks to the GenAuth (Authing) V3 management API, as far as deleting users needs it.
//
// Begin with [New], which needs a host and an access key, and [Client.DeleteUsers]; pkg/example is a whole program. A
// call is repeated while that makes sense, at a pace that all calls of a client share, and ends in one of two ways: a
// nil error, which means that the API said statusCode 200 and data.success true and nothing less, or an error of a
// [Kind], which says what to do next. In both cases a [Receipt] says how many attempts it took, what the last answer
// was, which request IDs came back, and whether some attempt may have been carried out although its answer did not say
// so. [Client.Existing] says who exists, and believes that nobody does only if the same means find a user who does:
// else the error is [Blind].
//
// What leaves this machine: every attempt, whether first or repeated, deletion, reading or login, takes one slot of the
// pace, is authorized afresh and sent once. Redirects are not followed, no Idempotency-Key is set (net/http would send
// such requests again by itself), TLS is verified, answers are read up to a bound. Being throttled is never
// a failure. A lone refusal holds up its own call; many show the API's limit, which the pace learns for everybody,
// rests just below, and now and then looks whether there is more.
//
// All calls of a client are for one user pool: a token for another one is never used ([WrongPool]). Texts that leave
// the package hold neither the access key's secret nor a token, even where a server sends them back.
//
// When a context ends no attempt begins, and one that has begun is finished: it may be a deletion.
//
// The facts about the API are in docs/genauth-api.md.
package client
