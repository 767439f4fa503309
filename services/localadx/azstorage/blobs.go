package azstorage

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/disk"
)

// ErrBlobNotFound reports a blob that was never uploaded, or was deleted after its ingestion.
var ErrBlobNotFound = errors.New("the blob does not exist")

// Blobs keeps block blobs as files under one directory. File names are hashes of container and blob name, because blob
// names may hold anything and be 1,024 characters long. It is safe for concurrent use; of two uploads of one name the
// last to finish wins, as in Azure.
type Blobs struct {
	dir  string
	disk *disk.Guard
}

// OpenBlobs uses dir, which it makes when missing, and removes what interrupted uploads left there. The guard refuses
// uploads when the disk is nearly full.
func OpenBlobs(dir string, guard *disk.Guard) (*Blobs, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the blob directory: %w", err)
	}
	partial, err := filepath.Glob(filepath.Join(dir, "upload-*"))
	if err != nil {
		return nil, fmt.Errorf("look for interrupted uploads: %w", err)
	}
	for _, path := range partial {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove an interrupted upload: %w", err)
		}
	}
	return &Blobs{dir: dir, disk: guard}, nil
}

// Put stores content as one blob and returns when it is on disk.
func (b *Blobs) Put(container, name string, content io.Reader) error {
	return b.write(b.path(container, name), content)
}

// PutBlock stages one block of a blob; it becomes part of the blob by Commit.
func (b *Blobs) PutBlock(container, name, blockID string, content io.Reader) error {
	staging := b.path(container, name) + ".blocks"
	if err := os.MkdirAll(staging, 0o700); err != nil {
		return fmt.Errorf("stage a block: %w", err)
	}
	return b.write(filepath.Join(staging, hash(blockID)), content)
}

// Commit makes the blob from the named staged blocks, in this order, and drops the stage.
func (b *Blobs) Commit(container, name string, blockIDs []string) error {
	path := b.path(container, name)
	staging := path + ".blocks"
	parts := make([]io.Reader, 0, len(blockIDs))
	for _, id := range blockIDs {
		block, err := os.Open(filepath.Join(staging, hash(id)))
		if err != nil {
			return fmt.Errorf("commit block %q: %w", id, ErrBlobNotFound)
		}
		defer block.Close()
		parts = append(parts, block)
	}
	if err := b.write(path, io.MultiReader(parts...)); err != nil {
		return err
	}
	if err := os.RemoveAll(staging); err != nil {
		return fmt.Errorf("drop the staged blocks: %w", err)
	}
	return nil
}

// Open returns the blob's content and its size in bytes.
func (b *Blobs) Open(container, name string) (io.ReadCloser, int64, error) {
	file, err := os.Open(b.path(container, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, ErrBlobNotFound
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open a blob: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, 0, fmt.Errorf("read a blob's size: %w", err)
	}
	return file, info.Size(), nil
}

// Delete removes a blob; one that is gone already is no error.
func (b *Blobs) Delete(container, name string) error {
	if err := os.Remove(b.path(container, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete a blob: %w", err)
	}
	return nil
}

// DeleteOlderThan removes blobs, staged blocks and partial uploads last written before the given time: what clients
// uploaded and never asked to ingest.
func (b *Blobs) DeleteOlderThan(before time.Time) error {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return fmt.Errorf("list the blobs: %w", err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || info.ModTime().After(before) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(b.dir, entry.Name())); err != nil {
			return fmt.Errorf("remove an old blob: %w", err)
		}
	}
	return nil
}

func (b *Blobs) path(container, name string) string {
	return filepath.Join(b.dir, hash(container+"/"+name))
}

// write puts content at path in one step: readers see the old file, the new one or none, never a part.
func (b *Blobs) write(path string, content io.Reader) error {
	file, err := os.CreateTemp(b.dir, "upload-")
	if err != nil {
		return fmt.Errorf("write a blob: %w", err)
	}
	_, err = io.Copy(file, &guardedReader{r: content, disk: b.disk})
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
		return fmt.Errorf("write a blob: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// guardInterval is how many bytes are written between two looks at the disk.
const guardInterval = 16 << 20

// guardedReader fails when the disk gets full while its content is written there.
type guardedReader struct {
	r    io.Reader
	disk *disk.Guard
	left int // bytes until the next look
}

func (g *guardedReader) Read(p []byte) (int, error) {
	if g.left <= 0 {
		if err := g.disk.Check(); err != nil {
			return 0, err
		}
		g.left = guardInterval
	}
	n, err := g.r.Read(p)
	g.left -= n
	return n, err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync the blob directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync the blob directory: %w", err)
	}
	return nil
}

func hash(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}
