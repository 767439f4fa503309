package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

const (
	// parquetPatience is how long the reader of a file may take for a row.
	parquetPatience = 5 * time.Minute
	// maxComplaint bounds what is kept of what a reader says when it ends, in bytes.
	maxComplaint = 4 << 10
)

// parquetReaders bounds how many files are read at once.
var parquetReaders = make(chan struct{}, 2)

// parquet reads a Parquet file in a process of its own, which writes each row as JSON (see
// readParquet); the format needs the whole file at hand, so it is put into a temporary one. The
// reader is written in a language in which a malformed file can end the process.
func (r *reading) parquet(source io.Reader) (err error) {
	parquetReaders <- struct{}{}
	defer func() { <-parquetReaders }()
	file, err := os.CreateTemp("", "localadx-*.parquet")
	if err != nil {
		return fmt.Errorf("keep a Parquet source: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = io.Copy(file, source)
	if err = errors.Join(err, file.Close()); err != nil {
		return readError(err)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the reader of Parquet: %w", err)
	}
	complaint := &beginning{left: maxComplaint}
	reader := &exec.Cmd{Path: self, Args: []string{parquetReader, file.Name()}, Stderr: complaint}
	rows, err := reader.StdoutPipe()
	if err == nil {
		err = reader.Start()
	}
	if err != nil {
		return fmt.Errorf("start the reader of Parquet: %w", err)
	}
	patience := time.AfterFunc(parquetPatience, func() { _ = reader.Process.Kill() })
	err = r.rowsOfParquet(rows, patience)
	patience.Stop()
	if err != nil {
		_ = reader.Process.Kill()
	}
	ended := reader.Wait()
	switch {
	case err != nil:
		return err
	case ended == nil:
		return nil
	case reader.ProcessState.ExitCode() == parquetInvalid:
		return &Error{Code: CodeInvalidBlob, Message: "The source is not a valid Parquet file: " + complaint.String()}
	}
	return &Error{Code: CodeInvalidBlob,
		Message: fmt.Sprintf("The source is not a valid Parquet file: its reader ended by it (%v)", ended)}
}

// rowsOfParquet reads the rows that a reader writes.
func (r *reading) rowsOfParquet(rows io.Reader, patience *time.Timer) error {
	records := &recordReader{root: r.plan.root, row: r.row}
	w := &window{source: rows}
	for {
		record, err := w.line()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if bytes.IndexByte(record, '{') != 0 || record[len(record)-1] != '}' {
			return nil // cut off by the reader's end, of which the caller learns
		}
		patience.Reset(parquetPatience)
		r.begin()
		if end := records.read(quoteNumbers(record), 0); end < 0 {
			return r.invalidRecord("it cannot be written as JSON")
		}
		if err := r.done(); err != nil {
			return err
		}
	}
}

// beginning keeps the first bytes of what is written to it.
type beginning struct {
	bytes.Buffer
	left int
}

func (b *beginning) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	b.Buffer.Write(p[:n])
	return len(p), nil
}
