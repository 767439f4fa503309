package banner

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
)

// pageTitle finds what a web page is called.
var pageTitle = regexp.MustCompile(`(?is)<title[^>]*>([^<]{1,400})`)

// Page says that a web page or a redirect answers a service of HTTP that has neither, as where a
// login page or a proxy stands between or the address is another's; it is empty for other answers.
// meant names the service. The beginning of a page is read and put back.
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
