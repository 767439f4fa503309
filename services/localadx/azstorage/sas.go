package azstorage

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// sasVersion is the storage service version named in signatures; clients pass it through unread.
const sasVersion = "2024-11-04"

// ErrSignature reports a missing, forged or expired shared access signature.
var ErrSignature = errors.New(
	"the shared access signature is missing, wrong or expired: ask for new ingestion resources")

// Signer makes and checks shared access signatures: an HMAC over the resource's name and the time the signature ends.
// It is immutable and safe for concurrent use.
type Signer struct {
	key []byte
}

// OpenSigner reads the signing key from dir/sas.key, or makes one on the first start, so that URLs handed out before a
// restart stay good.
func OpenSigner(dir string) (*Signer, error) {
	path := filepath.Join(dir, "sas.key")
	key, err := os.ReadFile(path)
	if err == nil && len(key) == sha256.Size {
		return &Signer{key: key}, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	key = make([]byte, sha256.Size)
	rand.Read(key)
	if err := os.WriteFile(path, key, 0o600); err != nil {
		return nil, fmt.Errorf("write the signing key: %w", err)
	}
	return &Signer{key: key}, nil
}

// Sign returns the query string that opens resource (a container, queue or table name) until expiry.
func (s *Signer) Sign(resource string, expiry time.Time) string {
	end := expiry.UTC().Format(time.RFC3339)
	return url.Values{
		"sv":  {sasVersion},
		"se":  {end},
		"sp":  {"racwdlup"},
		"sig": {s.signature(resource, end)},
	}.Encode()
}

// Check reports by ErrSignature that query does not open resource at the given time.
func (s *Signer) Check(resource string, query url.Values, at time.Time) error {
	if err := s.checkSignature(resource, query); err != nil {
		return err
	}
	expiry, err := time.Parse(time.RFC3339, query.Get("se"))
	if err != nil || at.After(expiry) {
		return ErrSignature
	}
	return nil
}

// checkSignature is Check without the end of the signature: what was accepted in time may be worked on later.
func (s *Signer) checkSignature(resource string, query url.Values) error {
	if !hmac.Equal([]byte(query.Get("sig")), []byte(s.signature(resource, query.Get("se")))) {
		return ErrSignature
	}
	return nil
}

func (s *Signer) signature(resource, end string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(resource))
	mac.Write([]byte{0})
	mac.Write([]byte(end))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
