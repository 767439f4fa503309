package scalar

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/cespare/xxhash/v2"
)

// hashes are the hash functions. hash() is xxhash64 over the value's bytes: UTF-8 text, or eight bytes of a number.
func hashes() []Function {
	return []Function{
		define("hash_text(text) long", func(a []any) any { return int64(xxhash.Sum64String(a[0].(string))) }),
		define("hash_long(long) long", func(a []any) any {
			return int64(xxhash.Sum64(binary.LittleEndian.AppendUint64(nil, uint64(a[0].(int64)))))
		}),
		define("hash_md5(text) string", func(a []any) any {
			sum := md5.Sum(
				[]byte(a[0].(string)))
			return hex.EncodeToString(sum[:])
		}),
		define("hash_sha1(text) string", func(a []any) any {
			sum := sha1.Sum(
				[]byte(a[0].(string)))
			return hex.EncodeToString(sum[:])
		}),
		define("hash_sha256(text) string", func(a []any) any {
			sum := sha256.Sum256(
				[]byte(a[0].(string)))
			return hex.EncodeToString(sum[:])
		}),
	}
}
