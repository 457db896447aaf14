package chunker

import (
	"bytes"
	"io"
	"slices"
)

// List reads a list of people such as --protect's, by whatever kind of ID its header names: of several, idType rather
// than another. Without a header the kind is what all IDs plainly look like, else idType; where idType may look like
// anything, such IDs may be of either kind, and kinds has both. Errors are those of IDs.
func List(list []byte, idType string) (kinds, ids []string, err error) {
	read := func(kind string) bool {
		some, failed := IDs(bytes.NewReader(list), Options{IDType: kind})
		if failed == nil {
			kinds, ids, err = []string{kind}, some, nil
		} else if err == nil {
			err = failed
		}
		return failed == nil
	}
	order := []string{idType, UserID, Email, Phone, Username, ExternalID, Identity, SyncRelation, CustomField}
	for _, kind := range order {
		in, failed := openPass(bytes.NewReader(list), Options{IDType: kind}.filled())
		if failed == nil && in.lay.named && read(kind) {
			return kinds, ids, nil
		}
	}
	if err != nil { // its header names a kind, and it holds something else
		return nil, nil, err
	}
	for _, kind := range []string{UserID, Email, Phone} {
		differs := func(id string) bool { return looksLike([]byte(id)) != kind }
		if !read(kind) || slices.ContainsFunc(ids, differs) {
			continue
		}
		if kind != idType && typeOf(idType).fits == nil {
			kinds = append(kinds, idType)
		}
		return kinds, ids, nil
	}
	if err = nil; !read(idType) {
		return nil, nil, err
	}
	return kinds, ids, nil
}

// KindOf says which kind of ID a column of that header holds; "": none that is known.
func KindOf(header string) string {
	for _, t := range idTypes {
		if spelledAs(header, t.exact) || spelledAs(header, t.loose) {
			return t.name
		}
	}
	return ""
}

// IDs reads the IDs of a list such as --protect's, in any of the formats of an input. The header may be missing: a
// first row that is not plainly a header is an ID. A single row that is not a valid ID is an error, for a protection
// must never be dropped in silence; so is an empty list. Duplicates do no harm. Of o, Protect and ChunkSize mean
// nothing.
func IDs(r io.Reader, o Options) ([]string, error) {
	o.Protect, o.ChunkSize = nil, 0
	if err := o.Validate(); err != nil {
		return nil, err
	}
	in, err := openPass(r, o.filled())
	if err != nil {
		return nil, err
	}
	if !in.lay.named {
		in.at, in.columns = 0, len(in.head[0].cells)
		in.idNames = nil
	}
	var ids []string
	for {
		switch row, err := in.next(); {
		case err == io.EOF && len(ids) == 0:
			return nil, fail(0, "the list holds no ID")
		case err == io.EOF:
			return ids, nil
		case err != nil:
			return nil, err
		case row.Reject != nil:
			return nil, fail(row.Line, "%s (no row of such a list is passed over)", row.Reject.Reason)
		default:
			ids = append(ids, string(row.ID))
		}
	}
}
