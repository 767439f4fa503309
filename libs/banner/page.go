package banner

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// longestPage is how many bytes of a web page are looked at.
const longestPage = 64 << 10

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
	if !strings.HasPrefix(strings.ToLower(resp.Header.Get("Content-Type")), "text/html") {
		return ""
	}
	var begun bytes.Buffer
	_, _ = io.Copy(&begun, io.LimitReader(resp.Body, longestPage)) // an error comes again with the rest
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(begun.Bytes()), resp.Body), resp.Body}
	called := ""
	if found := pageTitle.FindSubmatch(begun.Bytes()); found != nil {
		title := []rune(strings.Join(strings.Fields(html.UnescapeString(string(found[1]))), " "))
		called = fmt.Sprintf(" called %q", string(title[:min(len(title), quoted)]))
	}
	return fmt.Sprintf("what answers at %s is not %s but a web page%s (HTTP %s)", host, meant, called, resp.Status)
}
