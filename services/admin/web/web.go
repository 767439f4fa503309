// Package web is the page that admin shows a person: which table is late, where it is held, why, and
// what to do. The page is built from src by the toolchain that package-lock.json pins (`make web`)
// and embedded, so that it works offline and asks no other host. It uses the REST API that everybody
// else has, and nothing besides.
package web

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed dist
var dist embed.FS

// Policy restricts what the page may load and run: only its own files, and no inline code.
const Policy = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; " +
	"require-trusted-types-for 'script'"

// file is one file of the page, as it is and compressed.
type file struct {
	kind          string
	plain, zipped []byte
	// lasting is true if the name contains a hash of the file's contents.
	lasting bool
}

// Handler serves the page at / and under /ui/, where every path that is not one of its files is a
// view of the page.
func Handler() http.Handler {
	files := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "the page is only read", http.StatusMethodNotAllowed)
			return
		}
		f, ok := files[strings.TrimPrefix(r.URL.Path, "/ui/")]
		if !ok {
			if strings.HasPrefix(r.URL.Path, "/ui/assets/") {
				http.NotFound(w, r) // a file of an earlier version: answered with the page, it would be taken for a script
				return
			}
			f = files["index.html"]
		}
		f.serve(w, r)
	})
}

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Content-Security-Policy", Policy)
	h.Set("Vary", "Accept-Encoding")
	// A new binary has a new page under the same name, and new files under new names.
	h.Set("Cache-Control", "no-cache")
	if f.lasting {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body := f.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.zipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	// The browser has gone if this fails.
	_, _ = w.Write(body)
}

// load reads what is embedded, which cannot fail.
func load() map[string]file {
	files := map[string]file{}
	must := func(err error) {
		if err != nil {
			panic("web: the embedded directory dist cannot be read: " + err.Error())
		}
	}
	must(fs.WalkDir(dist, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		plain, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		var zipped bytes.Buffer
		z, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := z.Write(plain); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		name = strings.TrimPrefix(name, "dist/")
		files[name] = file{kind: kindOf(name), plain: plain, zipped: zipped.Bytes(),
			lasting: strings.HasPrefix(name, "assets/")}
		return nil
	}))
	return files
}

// kindOf is a file's media type by its name, whatever the machine's own tables say.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".html":
		return "text/html; charset=utf-8"
	}
	return mime.TypeByExtension(path.Ext(name))
}
