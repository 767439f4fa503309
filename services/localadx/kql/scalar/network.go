package scalar

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// networks are the functions over IPv4 and IPv6 addresses.
func networks() []Function {
	return []Function{
		define("parse_ipv4(text) long", func(a []any) any { return orNil(parseIPv4(a[0].(string), 32)) }),
		define("parse_ipv4_mask(text, long) long", func(a []any) any {
			return orNil(parseIPv4(a[0].(string), a[1].(int64)))
		}),
		define("parse_ipv6(text) string", func(a []any) any { return canonicalIPv6(a[0].(string), 128) }),
		define("parse_ipv6_mask(text, long) string", func(a []any) any { return canonicalIPv6(a[0].(string), a[1].(int64)) }),
		define("format_ipv4(json, long?) string", func(a []any) any { return formatIPv4(a, false) }),
		define("format_ipv4_mask(json, long?) string", func(a []any) any { return formatIPv4(a, true) }),
		define("ipv4_compare(text, text, long?) long", func(a []any) any { return compareIP(a, false) }),
		define("ipv6_compare(text, text, long?) long", func(a []any) any { return compareIP(a, true) }),
		define("ipv4_is_match(text, text, long?) bool", func(a []any) any { return isZero(compareIP(a, false)) }),
		define("ipv6_is_match(text, text, long?) bool", func(a []any) any { return isZero(compareIP(a, true)) }),
		define("ipv4_is_in_range(text, text) bool", func(a []any) any { return isZero(compareIP(a, false)) }),
		define("ipv6_is_in_range(text, text) bool", func(a []any) any { return isZero(compareIP(a, true)) }),
		define("ipv4_is_in_any_range(text, json...) bool", func(a []any) any { return inAnyRange(a, false) }),
		define("ipv6_is_in_any_range(text, json...) bool", func(a []any) any { return inAnyRange(a, true) }),
		define("ipv4_is_private(text) bool", isPrivate),
		define("ipv4_netmask_suffix(text) long", netmaskSuffix),
		define("ipv4_range_to_cidr_list(text, text) dynamic", cidrList),
		define("has_ipv4(text, text) bool", func(a []any) any { return hasIPv4(a[0].(string), a[1].(string)) }),
		define("has_any_ipv4(text, json...) bool", func(a []any) any { return anyOf(a, hasIPv4) }),
		define("has_ipv4_prefix(text, text) bool", func(a []any) any { return hasIPv4Prefix(a[0].(string), a[1].(string)) }),
		define("has_any_ipv4_prefix(text, json...) bool", func(a []any) any { return anyOf(a, hasIPv4Prefix) }),
	}
}

// splitPrefix separates an address from its /length.
func splitPrefix(s string, bits int64) (string, int64, bool) {
	address, suffix, found := strings.Cut(strings.TrimSpace(s), "/")
	if !found {
		return address, bits, true
	}
	n, err := strconv.ParseInt(suffix, 10, 32)
	return address, n, err == nil && n >= 0 && n <= bits
}

// ipv4 reads an IPv4 address.
func ipv4(s string) (uint32, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return 0, false
	}
	b := a.As4()
	return binary.BigEndian.Uint32(b[:]), true
}

func mask4(bits int64) uint32 {
	if bits <= 0 {
		return 0
	}
	return ^uint32(0) << (32 - bits)
}

// parseIPv4 reads an address with an optional prefix and masks it by the shorter of both prefixes.
func parseIPv4(s string, bits int64) (int64, bool) {
	address, own, ok := splitPrefix(s, 32)
	n, ok2 := ipv4(address)
	if !ok || !ok2 || bits < 0 || bits > 32 {
		return 0, false
	}
	return int64(n & mask4(min(own, bits))), true
}

// ipv6 reads an address of either family as 16 bytes and its prefix length, an IPv4 prefix counted from bit 96.
func ipv6(s string) (addr [16]byte, bits int64, ok bool) {
	address, suffix, found := strings.Cut(strings.TrimSpace(s), "/")
	a, err := netip.ParseAddr(address)
	if err != nil {
		return addr, 0, false
	}
	bits = 128
	if found {
		n, err := strconv.ParseInt(suffix, 10, 32)
		if err != nil || n < 0 || n > 128 {
			return addr, 0, false
		}
		bits = n
		if a.Is4() || strings.Contains(address, ".") && n <= 32 {
			bits = 96 + n
		}
		if bits > 128 {
			return addr, 0, false
		}
	}
	return a.As16(), bits, true
}

func maskIPv6(addr [16]byte, bits int64) [16]byte {
	for i := range addr {
		keep := min(max(bits-int64(i)*8, 0), 8)
		addr[i] &= byte(0xff << (8 - keep))
	}
	return addr
}

func canonicalIPv6(s string, bits int64) any {
	addr, own, ok := ipv6(s)
	if !ok || bits < 0 || bits > 128 {
		return ""
	}
	addr = maskIPv6(addr, min(own, bits))
	groups := make([]string, 8)
	for i := range groups {
		groups[i] = fmt.Sprintf("%02x%02x", addr[2*i], addr[2*i+1])
	}
	return strings.Join(groups, ":")
}

func formatIPv4(a []any, withMask bool) any {
	bits := int64(32)
	if len(a) > 1 {
		bits = a[1].(int64)
	}
	if bits < 0 || bits > 32 {
		return ""
	}
	var n uint32
	switch v := a[0].(type) {
	case int64:
		if v < 0 || v > 1<<32-1 {
			return ""
		}
		n = uint32(v)
	case string:
		address, own, ok := splitPrefix(v, 32)
		parsed, ok2 := ipv4(address)
		if !ok || !ok2 {
			return ""
		}
		n, bits = parsed, min(bits, own)
	default:
		return ""
	}
	text := ipv4Text(n & mask4(bits))
	if withMask {
		text += "/" + strconv.FormatInt(bits, 10)
	}
	return text
}

func ipv4Text(n uint32) string {
	return fmt.Sprintf("%d.%d.%d.%d", byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// compareIP compares two addresses under the shortest of their prefixes and the given one: 0, -1, 1, or nil.
func compareIP(a []any, v6 bool) any {
	x, bx, ok := ipv6(a[0].(string))
	y, by, ok2 := ipv6(a[1].(string))
	if !ok || !ok2 {
		return nil
	}
	offset := int64(0)
	if !v6 {
		offset = 96
		if strings.Contains(a[0].(string), ":") || strings.Contains(a[1].(string), ":") {
			return nil
		}
	}
	x, y = mapIPv4(x), mapIPv4(y)
	bits := min(bx, by)
	if len(a) > 2 {
		given := a[2].(int64)
		if given < 0 || given+offset > 128 {
			return nil
		}
		if v6 && given <= 32 && strings.Contains(a[0].(string), ".") {
			offset = 96
		}
		bits = min(bits, given+offset)
	}
	x, y = maskIPv6(x, bits), maskIPv6(y, bits)
	return int64(strings.Compare(string(x[:]), string(y[:])))
}

// mapIPv4 turns an IPv4-compatible address (::1.2.3.4) into the mapped form (::ffff:1.2.3.4).
func mapIPv4(addr [16]byte) [16]byte {
	for _, c := range addr[:12] {
		if c != 0 {
			return addr
		}
	}
	if addr[12] != 0 {
		addr[10], addr[11] = 0xff, 0xff
	}
	return addr
}

func isZero(v any) any {
	if v == nil {
		return nil
	}
	return v.(int64) == 0
}

// flatten lists the texts among arguments that are texts or arrays.
func flatten(args []any) []string {
	var out []string
	for _, v := range args {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case []any:
			out = append(out, flatten(v)...)
		}
	}
	return out
}

func inAnyRange(a []any, v6 bool) any {
	for _, r := range flatten(a[1:]) {
		if isZero(compareIP([]any{a[0], r}, v6)) == true {
			return true
		}
	}
	return false
}

func anyOf(a []any, test func(text, needle string) bool) any {
	for _, needle := range flatten(a[1:]) {
		if test(a[0].(string), needle) {
			return true
		}
	}
	return false
}

func isPrivate(a []any) any {
	address, bits, ok := splitPrefix(a[0].(string), 32)
	n, ok2 := ipv4(address)
	if !ok || !ok2 {
		return nil
	}
	for _, r := range []struct {
		base uint32
		bits int64
	}{{10 << 24, 8}, {172<<24 | 16<<16, 12}, {192<<24 | 168<<16, 16}} {
		if bits >= r.bits && n&mask4(r.bits) == r.base {
			return true
		}
	}
	return false
}

func netmaskSuffix(a []any) any {
	address, bits, ok := splitPrefix(a[0].(string), 32)
	if _, ok2 := ipv4(address); !ok || !ok2 {
		return nil
	}
	return bits
}

// cidrList covers an address range by the fewest prefixes.
func cidrList(a []any) any {
	from, ok := ipv4(strings.TrimSpace(a[0].(string)))
	to, ok2 := ipv4(strings.TrimSpace(a[1].(string)))
	if !ok || !ok2 || from > to {
		return nil
	}
	out := []any{}
	at, end := uint64(from), uint64(to)
	for at <= end {
		bits := int64(32)
		for bits > 0 {
			size := uint64(1) << (32 - (bits - 1))
			if at%size != 0 || at+size-1 > end {
				break
			}
			bits--
		}
		out = append(out, ipv4Text(uint32(at))+"/"+strconv.FormatInt(bits, 10))
		at += uint64(1) << (32 - bits)
	}
	return out
}

func isAddressByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// addresses lists the properly delimited IPv4 addresses in a text.
func addresses(text string) []string {
	var out []string
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' || i > 0 && (isAddressByte(text[i-1]) || text[i-1] == '.') {
			continue
		}
		end := i
		for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '.') {
			end++
		}
		if end < len(text) && isAddressByte(text[end]) {
			continue
		}
		candidate := strings.TrimRight(text[i:end], ".")
		if _, ok := ipv4(candidate); ok {
			out = append(out, candidate)
		}
	}
	return out
}

func hasIPv4(text, address string) bool {
	if _, ok := ipv4(address); !ok {
		return false
	}
	for _, a := range addresses(text) {
		if a == address {
			return true
		}
	}
	return false
}

// hasIPv4Prefix takes a prefix that ends in a dot, or a whole address.
func hasIPv4Prefix(text, prefix string) bool {
	if !strings.HasSuffix(prefix, ".") {
		return hasIPv4(text, prefix)
	}
	for _, a := range addresses(text) {
		if strings.HasPrefix(a, prefix) {
			return true
		}
	}
	return false
}
