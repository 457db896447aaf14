package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"bulkdelete/bench/internal/lab"
	"bulkdelete/internal/text"
)

// plan measures planning, as whole processes, beside reading the same file with encoding/csv.
func (b *bench) plan(ctx context.Context) error {
	sizes, err := b.sizes("1000000,10000000")
	if err != nil {
		return err
	}
	for _, rows := range sizes {
		if err := lab.WriteUsers(b.path("users.csv"), rows); err != nil {
			return err
		}
		if err := b.planOf(ctx, rows); err != nil {
			return err
		}
	}
	return nil
}

// sizes are what -rows says or, where it is not given, those of a default.
func (b *bench) sizes(otherwise string) (sizes []int, err error) {
	for size := range strings.SplitSeq(cmp.Or(b.rows, otherwise), ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 2 {
			return nil, fmt.Errorf("-rows %q: give numbers from 2 on with commas between", b.rows)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

func (b *bench) planOf(ctx context.Context, rows int) error {
	info, err := os.Stat(b.path("users.csv"))
	if err != nil {
		return err
	}
	all := []*series{
		{contender: b.rival("encoding/csv with ReuseRecord, rows thrown away", "csv")},
		{contender: contender{name: "bulkdelete plan", program: lab.Binary(b.dir, "bulkdelete"),
			args: []string{"plan", b.path("users.csv")}}},
	}
	err = b.alternate(all, func(s *series) error {
		u, err := lab.Run(ctx, nil, 0, s.program, s.args...)
		if err == nil && !strings.Contains(strings.ReplaceAll(string(u.Out), ",", ""), strconv.Itoa(rows)) {
			err = errors.New(s.name + " did not see every row: its time says nothing")
		}
		s.add(u)
		return err
	})
	if err != nil {
		return err
	}
	heading(fmt.Sprintf("Planning %s rows of one column, %s bytes; the median of %d rounds",
		text.Count(rows), text.Count(int(info.Size())), b.rounds))
	fmt.Println("| | MB a second | beside encoding/csv | rounds | CPU | peak memory |")
	fmt.Println("|---|---:|---:|---:|---:|---:|")
	for _, s := range all {
		r := ratios(s.wall, all[0].wall)
		fmt.Printf("| %s | %.0f | %.2f | %s | %.2f s | %s |\n", s.name, float64(info.Size())/1e6/median(s.wall),
			median(r), spread(r), median(s.cpu), memory(median(s.peak)))
	}
	return nil
}
