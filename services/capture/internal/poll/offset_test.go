package poll

import (
	"errors"
	"fmt"
	"testing"

	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

func TestAPollOffsetSurvivesItsJSONAndThatOfConfluent(t *testing.T) {
	for _, o := range []offset{{stamp: 1577934245678901, hasStamp: true, tie: []string{"1", "x"}},
		{number: 7, hasNum: true}, {stamp: -1, hasStamp: true, number: 1 << 60, hasNum: true}} {
		got, err := parseOffset(o.json(timestampIncrementing))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(o) {
			t.Errorf("%v became %v, %v", o, got, err)
		}
	}
	got, err := parseOffset([]byte(`{"timestamp_nanos":678000000,"incrementing":5,"timestamp":1577934245678}`))
	if want := (offset{stamp: 1577934245678000, hasStamp: true, number: 5, hasNum: true}); err != nil ||
		fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := parseOffset([]byte(`[]`)); err == nil || errors.Is(err, retry.ErrPermanent) {
		t.Errorf("an offset that is none: %v", err)
	}
}
