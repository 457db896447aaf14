// Package chunker makes chunks of user IDs out of a CSV file as people really have it.
//
// Begin with [Scan]: it reads an input to its end, checks every row and gives a [Plan], which says how many rows are
// accepted, which are rejected and why, and how the file was understood. Then [Plan.Split] reads the same input again
// and gives the accepted IDs in chunks, each compared with the plan before it is given, and [Plan.All] gives every row,
// to write down what became of it. [List] reads the people who must never be deleted, by whatever kind of ID.
//
// What is understood without being told: the header among the first 20 rows, and in it the column, in English or
// Chinese and in any spelling; a missing header; comma, semicolon, tab and pipe; Excel's line sep=; byte order marks
// and UTF-16; gzip and zstd; line ends of every system; quoted cells over several lines. GBK and GB18030 have to be
// named in [Options]. Where there are two ways to read an input, none is taken: the error names the choices.
//
// Three kinds of trouble are told apart. An error of Scan or List means that the input cannot be read, so nothing of it
// may be sent; a [Row.Code] concerns one row; [ErrChanged] means that the input is not any more what was planned.
//
// Nothing here is global, and nothing runs beside the caller. A plan may be used by several goroutines, each with a
// reader of its own; an iterator belongs to one goroutine. Memory is bounded by a few MiB whatever the input's size,
// except for the duplicate check during Scan: at most 38 bytes an ID. Do not use this package to read CSV in general:
// it knows one column.
package chunker
