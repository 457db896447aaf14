package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"bulkdelete/pkg/client"
	"bulkdelete/pkg/report"
)

// FindLiving asks the API for every accepted user, workers calls at a time, and calls found, one at a time, for each
// who exists, with what the audit says of them, "" where that is nothing yet. read counts who were asked about. Nothing
// in the folder is touched.
func (v *View) FindLiving(ctx context.Context, api *client.Client, workers int, read *atomic.Int64,
	found func(line int, id string, said report.Outcome)) error {
	pool, ctx := errgroup.WithContext(ctx)
	pool.SetLimit(workers)
	var turn sync.Mutex // of found, and of the index
	for chunk, err := range v.deed.chunks() {
		if err != nil {
			return errors.Join(err, pool.Wait())
		}
		if ctx.Err() != nil {
			break // the pool knows why
		}
		pool.Go(func() error {
			living, _, err := api.Existing(ctx, v.Plan.Options.IDType, chunk.IDs)
			if err != nil {
				return fmt.Errorf("chunk %d: %w", chunk.Number, err)
			}
			read.Add(int64(len(chunk.IDs)))
			turn.Lock()
			defer turn.Unlock()
			rows, err := v.index.Chunk(chunk.Number)
			for i, id := range chunk.IDs {
				var said report.Outcome
				for _, r := range rows {
					if r.From <= i+1 && i+1 <= r.To {
						said = r.Outcome
					}
				}
				if slices.Contains(living, id) {
					found(chunk.Lines[i], id, said)
				}
			}
			return err
		})
	}
	return pool.Wait()
}
