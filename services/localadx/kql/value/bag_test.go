package value_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

func TestABagOfManyPropertiesKeepsTheirOrderAndTheLastValueOfEach(t *testing.T) {
	const n = 200_000
	var text, want strings.Builder
	text.WriteString("{")
	want.WriteString("{")
	for i := range n {
		fmt.Fprintf(&text, `"k%d":0,`, i)
		fmt.Fprintf(&want, `"k%d":%d,`, i, i)
	}
	for i := range n {
		fmt.Fprintf(&text, `"k%d":%d,`, i, i)
	}
	decoded, err := value.DecodeDynamic(strings.TrimSuffix(text.String(), ",") + "}")
	if err != nil {
		t.Fatal(err)
	}
	if value.EncodeDynamic(decoded) != strings.TrimSuffix(want.String(), ",")+"}" {
		t.Error("the bag has another order or other values")
	}
}
