package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/telemetry"
)

// writeCertificate makes a self-signed certificate for 127.0.0.1 with this serial number.
func writeCertificate(t *testing.T, dir string, serial int64) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	mustWrite(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	mustWrite(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	return certFile, keyFile
}

// serialOf asks c for its certificate, as if the last look at the files were long ago.
func serialOf(t *testing.T, c *certificate) int64 {
	t.Helper()
	c.mu.Lock()
	c.checkedAt = time.Time{}
	c.mu.Unlock()
	got, err := c.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	return got.Leaf.SerialNumber.Int64()
}

func TestCertificateFollowsItsFiles(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := writeCertificate(t, dir, 1)
	c, err := loadCertificate(certFile, keyFile, telemetry.Discard())
	if err != nil {
		t.Fatal(err)
	}
	if got := serialOf(t, c); got != 1 {
		t.Fatalf("serial %d, want 1", got)
	}

	// Half a renewal: the key does not fit, the old certificate stays.
	oldKey, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	writeCertificate(t, dir, 2)
	newKey, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, keyFile, string(oldKey))
	if got := serialOf(t, c); got != 1 {
		t.Errorf("with a key that does not fit: serial %d, want the old one", got)
	}

	mustWrite(t, keyFile, string(newKey))
	later := time.Now().Add(2 * time.Second) // file systems with coarse times
	if err := os.Chtimes(keyFile, later, later); err != nil {
		t.Fatal(err)
	}
	if got := serialOf(t, c); got != 2 {
		t.Errorf("after the renewal: serial %d, want 2", got)
	}

	if err := os.Remove(certFile); err != nil {
		t.Fatal(err)
	}
	if got := serialOf(t, c); got != 2 {
		t.Errorf("after the file went: serial %d, want the last one", got)
	}
}

func TestLoadCertificateNamesTheFile(t *testing.T) {
	if _, err := loadCertificate("/nowhere/cert.pem", "/nowhere/key.pem", telemetry.Discard()); err == nil {
		t.Error("accepted a file that is not there")
	}
}
