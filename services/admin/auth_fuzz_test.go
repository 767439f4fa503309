package admin

import (
	"strings"
	"testing"
)

func FuzzAnAuthorizationHeaderNeverLetsANamelessCallerIn(f *testing.F) {
	for _, seed := range []string{"", "Basic Og==", "Basic YTpi", "Bearer a:b", "Bearer :", "basic  YTpi", "Basic",
		"Bearer a", "\x00 \xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		name, password, ok := credentials(header)
		if ok && name == "" {
			t.Errorf("%q gives a caller without a name", header)
		}
		if ok && strings.Contains(name, ":") {
			t.Errorf("%q gives the name %q and the password %q", header, name, password)
		}
	})
}

func FuzzAFileOfUsersIsReadOrRefused(f *testing.F) {
	const hash = "$2a$04$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
	for _, seed := range []string{"", "a:admin:" + hash, "#\n\n a:viewer:" + hash + "\r\n", "a:b", "::",
		"a:operator:$2a$99$x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		users, err := parseUsers(content)
		if (err == nil) != (len(users) > 0) {
			t.Errorf("%d users and %v", len(users), err)
		}
		for name, u := range users {
			if name == "" || u.name != name || u.role < Viewer || u.role > Admin {
				t.Errorf("user %q is %+v", name, u)
			}
		}
	})
}
