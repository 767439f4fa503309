package source

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/calypso-cdc/calypso/libs/egress"
	"github.com/calypso-cdc/calypso/services/localadx/azstorage"
	"github.com/calypso-cdc/calypso/services/localadx/ingest"
)

// Opener finds the bytes of blobs: those of this service and those of other web servers. It is safe for concurrent use.
type Opener struct {
	Signer *azstorage.Signer
	Blobs  *azstorage.Blobs
	Client *http.Client
}

// Open returns the blob's content, uncompressed: as in ADX the name's end, .gz or .zip, tells that it is compressed.
func (o *Opener) Open(ctx context.Context, blobURL string) (io.ReadCloser, error) {
	content, err := o.download(ctx, blobURL)
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(strings.ToLower(blobURL), "?")
	switch {
	case strings.HasSuffix(name, ".gz"):
		return Gunzip(content)
	case strings.HasSuffix(name, ".zip"):
		return unzip(content)
	}
	return content, nil
}

func (o *Opener) download(ctx context.Context, blobURL string) (io.ReadCloser, error) {
	if container, name, ok := azstorage.ParseBlobURL(o.Signer, blobURL); ok {
		content, _, err := o.Blobs.Open(container, name)
		if errors.Is(err, azstorage.ErrBlobNotFound) {
			return nil, &ingest.Error{Code: ingest.CodeBlobNotFound,
				Message: "The blob does not exist: it was not uploaded, or was ingested before"}
		}
		return content, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, blobURL, nil)
	if err != nil || request.URL.Scheme != "http" && request.URL.Scheme != "https" {
		return nil, &ingest.Error{Code: ingest.CodeBlobNotFound,
			Message: "The blob's URL is neither of this service nor of a web server"}
	}
	response, err := o.Client.Do(request)
	if err != nil {
		// The client's error shows the URL, which holds a secret; what is under it does not.
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err
		}
		var refused *egress.Refused
		return nil, &ingest.Error{Code: ingest.CodeDownload,
			Message:   fmt.Sprintf("The blob cannot be downloaded from %s: %v", request.URL.Host, err),
			Transient: !errors.As(err, &refused)}
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, &ingest.Error{
			Code:      ingest.CodeBlobNotFound,
			Message:   fmt.Sprintf("%s answered %s to the download of the blob", request.URL.Host, response.Status),
			Transient: response.StatusCode >= 500,
		}
	}
	return response.Body, nil
}

// Delete removes the blob if it was uploaded for ingestion to this service; others are their owner's.
func (o *Opener) Delete(blobURL string) error {
	container, name, ok := azstorage.ParseBlobURL(o.Signer, blobURL)
	if !ok || container != azstorage.Container {
		return nil
	}
	return o.Blobs.Delete(container, name)
}

// compressed is a decompressor with the content under it.
type compressed struct {
	io.Reader
	close func() error
}

func (c compressed) Close() error { return c.close() }

// Gunzip returns the uncompressed content; closing it closes the content.
func Gunzip(content io.ReadCloser) (io.ReadCloser, error) {
	decompressor, err := gzip.NewReader(content)
	if err != nil {
		content.Close()
		return nil, &ingest.Error{Code: ingest.CodeInvalidBlob,
			Message: "The source is not gzip, as its name or encoding says: " + err.Error()}
	}
	return compressed{decompressor, content.Close}, nil
}

// unzip returns the one file of an archive; it puts content that is not a file into one.
func unzip(content io.ReadCloser) (io.ReadCloser, error) {
	file, ok := content.(*os.File)
	if !ok {
		temporary, err := os.CreateTemp("", "localadx-*.zip")
		if err != nil {
			content.Close()
			return nil, fmt.Errorf("keep an archive: %w", err)
		}
		os.Remove(temporary.Name())
		_, err = io.Copy(temporary, &bounded{content: content, left: maxSource})
		content.Close()
		if err != nil {
			temporary.Close()
			return nil, fmt.Errorf("keep an archive: %w", err)
		}
		file = temporary
	}
	info, err := file.Stat()
	if err == nil {
		var archive *zip.Reader
		if archive, err = zip.NewReader(file, info.Size()); err == nil {
			return unzipOnly(file, archive)
		}
	}
	file.Close()
	return nil, &ingest.Error{Code: ingest.CodeInvalidBlob,
		Message: "The source is not a zip archive, as its name says: " + err.Error()}
}

func unzipOnly(file *os.File, archive *zip.Reader) (io.ReadCloser, error) {
	if len(archive.File) != 1 {
		file.Close()
		return nil, &ingest.Error{Code: ingest.CodeInvalidBlob,
			Message: fmt.Sprintf("The archive holds %d files; localadx takes archives of one", len(archive.File))}
	}
	inner, err := archive.File[0].Open()
	if err != nil {
		file.Close()
		return nil, &ingest.Error{Code: ingest.CodeInvalidBlob, Message: "The archive cannot be read: " + err.Error()}
	}
	return compressed{inner, func() error { return errors.Join(inner.Close(), file.Close()) }}, nil
}
