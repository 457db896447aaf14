package chunker

import (
	"bytes"
	"slices"
)

// List reads a list of people such as --protect's, in any of the formats of an input, by whatever kind of ID its header
// names: of several, idType rather than another. Without a header the kind is what all IDs plainly look like, else
// idType; where idType may look like anything, such IDs may be of either kind, and kinds has both. A single row that is
// not a valid ID is an error, for a protection must never be dropped in silence; so is an empty list. Duplicates do no
// harm.
func List(list []byte, idType string) (kinds, ids []string, err error) {
	kinds = []string{idType, UserID, Email, Phone, Username, ExternalID, Identity, SyncRelation, CustomField}
	for _, kind := range kinds {
		ids, named, failed := readList(list, kind)
		if named && failed == nil {
			return []string{kind}, ids, nil
		}
		if named && err == nil {
			err = failed
		}
	}
	if err != nil { // its header names a kind, and it holds something else
		return nil, nil, err
	}
	for _, kind := range []string{UserID, Email, Phone} {
		ids, _, err := readList(list, kind)
		differs := func(id string) bool { return looksLike([]byte(id)) != kind }
		if err != nil || slices.ContainsFunc(ids, differs) {
			continue
		}
		if kinds = []string{kind}; kind != idType && typeOf(idType).fits == nil {
			kinds = append(kinds, idType)
		}
		return kinds, ids, nil
	}
	ids, _, err = readList(list, idType)
	return []string{idType}, ids, err
}

// readList reads a list of IDs of one kind, and says whether its header names that. A first row that is not plainly a
// header is an ID.
func readList(list []byte, kind string) (ids []string, named bool, err error) {
	o := Options{IDType: kind}
	in := openPass(bytes.NewReader(list), o, nil)
	if named = in.named; !named && in.err == nil {
		o.NoHeader = true
		in = openPass(bytes.NewReader(list), o, nil)
	}
	for row, err := range in.rows {
		switch {
		case err != nil:
			return nil, named, err
		case row.Invalid():
			return nil, named, fail(row.Line, "%s (no row of such a list is passed over)", row.Reason)
		}
		ids = append(ids, string(row.ID))
	}
	if len(ids) == 0 {
		return nil, named, fail(0, "the list holds no ID")
	}
	return ids, named, nil
}
