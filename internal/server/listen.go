package server

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/hookloft/hookloft/internal/config"
)

// The limits of a client's connection.
const (
	// headerTimeout and readTimeout cut a request that is dripped byte by byte.
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	// writeTimeout runs from the end of the request's header to the end of the answer.
	writeTimeout = 90 * time.Second
	// idleTimeout is longer than what common proxies keep a connection, so that it is
	// they who close first.
	idleTimeout = 120 * time.Second
	// maxHeaderBytes bounds request line and header block. Providers send 1 to 4 KiB.
	maxHeaderBytes = 32 << 10
)

// newHTTPServer returns a server with the limits above.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           working(h),
		ConnContext:       contextOf,
		ConnState:         noteState,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		// Broken handshakes and the like: what clients did, of no use at Info.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// listen opens the main listener, with TLS where a certificate is configured. At most
// a quarter of the file limit is for clients, because attempts and the store need the rest.
func listen(c *config.Config, fileLimit int, log *slog.Logger) (net.Listener, error) {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", c.Listen, err)
	}
	l = newClients(l, maxClients(c, fileLimit))
	if c.TLSCert == "" {
		return l, nil
	}
	cert, err := loadCertificate(c.TLSCert, c.TLSKey, log)
	if err != nil {
		// Nothing was accepted yet.
		_ = l.Close()
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: cert.get,
		NextProtos:     []string{"h2", "http/1.1"},
	}), nil
}

// maxClients is how many connections clients may have.
func maxClients(c *config.Config, fileLimit int) int { return min(max(fileLimit/4, 32), c.MaxClients) }

// localURL returns where the server is reached from this machine.
func localURL(c *config.Config, addr net.Addr) string {
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return scheme + "://" + addr.String()
	}
	host := tcp.IP.String()
	if len(tcp.IP) == 0 || tcp.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}

// isLoopback reports whether only this machine can reach addr.
func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
