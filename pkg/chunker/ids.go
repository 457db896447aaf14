package chunker

import "io"

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
	}
	var ids []string
	for {
		switch row, _, err := in.next(); {
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
