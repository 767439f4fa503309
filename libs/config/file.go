package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// MaxFile bounds a file that a setting names, in bytes. Certificates, keys and users are far smaller.
const MaxFile = 1 << 20

// ReadFile reads a file that a setting names. It must be a regular file of at most MaxFile bytes: a
// device has no end, and a pipe to which nobody writes makes its reader wait for ever.
func ReadFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err := regular(path, info, err); err != nil {
		return nil, err
	}
	// Non-blocking, in case it has become a pipe since.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err = file.Stat()
	if err := regular(path, info, err); err != nil {
		return nil, err
	}
	// Some files that count as regular make their reader wait, like /proc/kmsg, but support deadlines;
	// ordinary files do not, and are read at once.
	_ = file.SetReadDeadline(time.Now().Add(time.Second))
	content, err := io.ReadAll(io.LimitReader(file, MaxFile+1))
	if err == nil && len(content) > MaxFile {
		err = &os.PathError{Op: "read", Path: path, Err: fmt.Errorf("it is larger than %d bytes", MaxFile)}
	}
	if err != nil {
		return nil, err
	}
	return content, nil
}

// ReadKeyPair reads a certificate and its key, both PEM, as ReadFile reads files.
func ReadKeyPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := ReadFile(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := ReadFile(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

func regular(path string, info os.FileInfo, err error) error {
	if err == nil && !info.Mode().IsRegular() {
		err = &os.PathError{Op: "read", Path: path, Err: errors.New("it is not a regular file")}
	}
	return err
}
