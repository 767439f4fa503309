package spec

import (
	"fmt"
	"time"
)

// StatusBudget is how many ingestions a day may be followed in the cluster's table of statuses:
// "~10^4 requests a day should be fine" (Microsoft's yogilad in Azure/azure-kusto-node#230); its
// documentation says that it is not for mass usage, without a number.
const StatusBudget = 10_000

// StatusesADay is how many batches a partition that always has rows makes a day at least.
func (s *Spec) StatusesADay() int64 { return int64(24 * time.Hour / s.FlushInterval) }

// WarnOfStatuses says when the topics' partitions make more batches than the table of statuses is made for.
func (s *Spec) WarnOfStatuses(partitions int) string {
	a := s.StatusesADay()
	if s.Mode == ModeInline || s.Mode == ModeStreaming || int64(partitions)*a <= StatusBudget {
		return ""
	}
	return fmt.Sprintf(
		"partitions that always have rows, of which there are %d, make %d batches a day with flush.interval.ms=%d, and each is followed in the cluster's table of statuses, which is made for some %d a day; "+
			"more can slow down all that is queued on the cluster. flush.interval.ms=%d keeps to it", partitions,
		int64(partitions)*a, s.FlushInterval.Milliseconds(), StatusBudget,
		(24*time.Hour*time.Duration(partitions)/StatusBudget).Milliseconds()+1)
}
