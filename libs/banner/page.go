package banner

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
)

// pageTitle finds a web page's title.
var pageTitle = regexp.MustCompile(`(?is)<title[^>]*>([^<]{1,400})`)

// Page says that a web page or a redirect came instead of an answer of an HTTP service that has
// neither, for instance from a login page or a proxy in between, or because the address is wrong;
// it returns "" for other answers. meant names the service. The beginning of a page is read and put
// back.
func Page(resp *http.Response, meant string) string {
	host := resp.Request.URL.Host
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		if to, err := resp.Location(); err == nil {
			return fmt.Sprintf("what answers at %s is not %s: it redirects to %s (HTTP %s)", host, meant, to.Host, resp.Status)
		}
	}
	if mediaType(resp) != "text/html" {
		return ""
	}
	called := ""
	if found := pageTitle.FindSubmatch(peek(resp)); found != nil {
		called = fmt.Sprintf(" called %q", cut(html.UnescapeString(string(found[1]))))
	}
	return fmt.Sprintf("what answers at %s is not %s but a web page%s (HTTP %s)", host, meant, called, resp.Status)
}
