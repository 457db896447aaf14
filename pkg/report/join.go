package report

import "maps"

// Join adds up the summaries of a job's shards. Percentiles cannot be added: the joined ones are the worst shard's.
// LastRowHash is left out, since each shard has a chain of its own.
func Join(all []*Summary) *Summary {
	sum := *all[0]
	sum.RejectedBy, sum.FailedBy, sum.LastRowHash = maps.Clone(sum.RejectedBy), maps.Clone(sum.FailedBy), ""
	for _, s := range all[1:] {
		sum.add(s)
	}
	sum.Seconds, sum.UsersPerSecond = 0, 0
	if sum.StartedAt != nil && sum.EndedAt != nil {
		sum.Seconds = sum.EndedAt.Sub(*sum.StartedAt).Seconds()
	}
	if sum.Seconds > 0 {
		sum.UsersPerSecond = float64(sum.Accepted-sum.Remaining) / sum.Seconds
	}
	return &sum
}

func (s *Summary) add(o *Summary) {
	for _, n := range []struct{ to, from *int }{
		{&s.Rows, &o.Rows}, {&s.Accepted, &o.Accepted}, {&s.Rejected, &o.Rejected}, {&s.Invalid, &o.Invalid},
		{&s.Duplicates, &o.Duplicates}, {&s.Protected, &o.Protected}, {&s.Deleted, &o.Deleted}, {&s.Absent, &o.Absent},
		{&s.Failed, &o.Failed}, {&s.Unknown, &o.Unknown}, {&s.Remaining, &o.Remaining}, {&s.Chunks, &o.Chunks}, {&s.AuditRows, &o.AuditRows},
	} {
		*n.to += *n.from
	}
	for reason, n := range o.RejectedBy {
		s.RejectedBy[reason] += n
	}
	for reason, n := range o.FailedBy {
		s.FailedBy[reason] += n
	}
	if o.ExitCode > s.ExitCode || o.State != Finished && s.State == Finished {
		s.State, s.Reason, s.ExitCode = o.State, o.Reason, max(s.ExitCode, o.ExitCode)
	}
	if s.StartedAt == nil || o.StartedAt != nil && o.StartedAt.Before(*s.StartedAt) {
		s.StartedAt = o.StartedAt
	}
	if s.EndedAt == nil || o.EndedAt != nil && o.EndedAt.After(*s.EndedAt) {
		s.EndedAt = o.EndedAt
	}
	l := &s.LatencyMS
	*l = Latency{max(l.P50, o.LatencyMS.P50), max(l.P90, o.LatencyMS.P90), max(l.P99, o.LatencyMS.P99), max(l.Max, o.LatencyMS.Max)}
}
