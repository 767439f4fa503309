package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
)

// MakeTopic makes a topic, with the broker's defaults where partitions or replication are -1. The error has what the broker says beside its
// code, such as that the name is too like another topic's.
func MakeTopic(ctx context.Context, admin *kadm.Client, topic string, partitions int32, replication int16, settings map[string]*string) (kadm.CreateTopicResponse, error) {
	made, err := admin.CreateTopic(ctx, partitions, replication, settings, topic)
	if err != nil && made.ErrMessage != "" {
		err = fmt.Errorf("%w (the broker says: %s)", err, made.ErrMessage)
	}
	return made, err
}
