package server

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/telemetry"
)

// recheckCertificate is how often the files' times are looked at, at most: a
// handshake costs a thousand times more than the two stats.
const recheckCertificate = time.Second

// certificate serves a certificate from files and picks up a change without a
// restart. A change that cannot be loaded (a key that does not fit yet, because the
// two files are written one after the other) leaves the one before in service.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu        sync.Mutex
	current   *tls.Certificate
	stamp     [2]fileStamp
	checkedAt time.Time
	complaint string // the last error logged, so that each is logged once
}

type fileStamp struct {
	modified time.Time
	size     int64
}

// loadCertificate reads both files; an error says which is at fault.
func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// get is tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.checkedAt) >= recheckCertificate {
		c.checkedAt = now
		if stamp, err := c.stamps(); err != nil || stamp != c.stamp {
			c.reload()
		}
	}
	return c.current, nil
}

func (c *certificate) reload() {
	err := c.load()
	switch {
	case err == nil:
		c.complaint = ""
		c.log.Info("certificate reloaded", "until", c.current.Leaf.NotAfter)
	case err.Error() != c.complaint:
		c.complaint = err.Error()
		c.log.Warn("certificate not reloaded, the one before stays in service", telemetry.KeyError, err)
	}
}

// load reads the files. The stamp is taken first: a change while they are read is
// then seen at the next look.
func (c *certificate) load() error {
	stamp, err := c.stamps()
	if err != nil {
		return fmt.Errorf("load certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("load certificate: %w", err)
	}
	c.current, c.stamp = &pair, stamp
	return nil
}

func (c *certificate) stamps() (stamp [2]fileStamp, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return stamp, err
		}
		stamp[i] = fileStamp{info.ModTime(), info.Size()}
	}
	return stamp, nil
}
