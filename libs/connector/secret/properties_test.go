package secret

import (
	"testing"
)

func FuzzPropertiesAreReadWithoutPanic(f *testing.F) {
	f.Add("a=b\\\nc\n#x\n\\u0041 : 1\n=\n\\")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = parseProperties(text)
		References{}.Resolve(map[string]string{"key": text})
	})
}
