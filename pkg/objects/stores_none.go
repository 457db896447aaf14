//go:build !blob

package objects

import (
	"context"
	"net/url"
)

// stores says whether this build can use object stores.
const stores = false

func openStore(context.Context, *url.URL) (store, error) { return nil, ErrNoStores }
