// Package who decides whether a user is the one that a row of a list means.
//
// Begin with [ParseMatch] and [ParseOnly], which read what is asked of a user, and put what they give into [Rules].
// Then [Rules.Decide] takes a row's cells and the profiles found under its ID and says whether to go on: it is a pure
// function. [Agree] compares one cell with a profile, and [Spellings] gives the forms by which an ID is recognised
// however it is written.
//
// The package knows neither where profiles come from nor how lists are stored. Everything in it may be used by several
// goroutines.
package who
