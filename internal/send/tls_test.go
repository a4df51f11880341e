package send

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// TestAttemptSaysWhatItsConnectionWas makes two attempts each, the second on the first's connection.
func TestAttemptSaysWhatItsConnectionWas(t *testing.T) {
	ca := newAuthority(t)
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	certificate := []tls.Certificate{ca.issue(t, testHost, until)}
	for _, c := range []struct {
		name     string
		config   *tls.Config
		version  uint16
		protocol hook.Protocol
	}{
		{"plain", nil, 0, hook.HTTP1},
		{"TLS 1.2", &tls.Config{Certificates: certificate, MaxVersion: tls.VersionTLS12}, tls.VersionTLS12, hook.HTTP1},
		{"TLS 1.3", &tls.Config{Certificates: certificate}, tls.VersionTLS13, hook.HTTP1},
		{"HTTP/2", &tls.Config{Certificates: certificate, NextProtos: []string{"h2"}, GetConfigForClient: insistOnHTTP2}, tls.VersionTLS13, hook.HTTP2},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newKeeper(t, c.config)
			sender, _ := newSender(t, Options{RootCAs: ca.pool()})
			job := newJob(r.url("/"))
			first := mustSend(t, sender, job)
			if got := first.Protocol(); got != c.protocol {
				t.Errorf("protocol %q, want %q", got, c.protocol)
			}
			second := mustSend(t, sender, job)
			if second.TLS != first.TLS {
				t.Errorf("facts of one connection were made twice: %+v, %+v", first.TLS, second.TLS)
			}
			if c.config == nil {
				if first.TLS != nil {
					t.Errorf("TLS of a plain connection: %+v", first.TLS)
				}
				return
			}
			want := hook.TLS{Version: c.version, Protocol: c.protocol, Subject: testHost, Issuer: ca.cert.Subject.CommonName, NotAfter: until}
			if first.TLS == nil || *first.TLS != want {
				t.Errorf("TLS %+v, want %+v", first.TLS, want)
			}
		})
	}
}

// TestAttemptSaysWhichCertificateWasRefused: it is the one that the owner has to look at.
func TestAttemptSaysWhichCertificateWasRefused(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	hour := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	for _, c := range []struct {
		by    *authority
		host  string
		until time.Time
		want  hook.Reason
	}{
		{ca, testHost, hour.Add(-90 * time.Minute), hook.ReasonTLSExpired},
		{ca, "other.example.com", hour, hook.ReasonTLSHostname},
		{other, testHost, hour, hook.ReasonTLSUnknownCA},
	} {
		t.Run(c.want.String(), func(t *testing.T) {
			r := newKeeper(t, &tls.Config{Certificates: []tls.Certificate{c.by.issue(t, c.host, c.until)}})
			sender, _ := newSender(t, Options{RootCAs: ca.pool()})
			a := sender.Send(t.Context(), newJob(r.url("/")))
			if a.Reason != c.want || a.TLS == nil {
				t.Fatalf("%s %q, TLS %+v", a.Reason, a.Error, a.TLS)
			}
			if a.TLS.Subject != c.host || a.TLS.Issuer != c.by.cert.Subject.CommonName || !a.TLS.NotAfter.Equal(c.until) {
				t.Errorf("certificate %+v", a.TLS)
			}
			if a.Protocol() != hook.UnknownProtocol {
				t.Errorf("protocol %q before the handshake had ended", a.Protocol())
			}
		})
	}
}

// TestAttemptOnAnotherConnectionTellsNothingOfTheFirst: a kept connection turns out dead, and no
// other comes about.
func TestAttemptOnAnotherConnectionTellsNothingOfTheFirst(t *testing.T) {
	ca := newAuthority(t)
	r := newKeeper(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, testHost, time.Now().Add(time.Hour))}})
	sender, _ := newSender(t, Options{RootCAs: ca.pool()})
	job := newJob(r.url("/"))
	mustSend(t, sender, job)
	r.Close()
	waitUntil(t, "the receiver's close has arrived", sender.keepsNoneAlive)
	if a := sender.Send(t.Context(), job); a.Reason != hook.ReasonConnectRefused || a.TLS != nil || a.Protocol() != hook.UnknownProtocol {
		t.Errorf("%s, TLS %+v", a.Reason, a.TLS)
	}
}

// TestCertificatesNamesAreTamed: anything may stand in them.
func TestCertificatesNamesAreTamed(t *testing.T) {
	key := newKey(t)
	for _, c := range []struct {
		name    string
		subject pkix.Name
		hosts   []string
		want    string
	}{
		{"control characters", pkix.Name{CommonName: "a\x1b[31m\u202eb"}, nil, "a?[31m?b"},
		{"long", pkix.Name{CommonName: strings.Repeat("é", 100)}, nil, strings.Repeat("é", hook.MaxTLSName/2)},
		{"no common name", pkix.Name{Organization: []string{"org"}}, []string{"first.example.com", "x.example.com"}, "first.example.com"},
		{"nothing", pkix.Name{}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: c.subject, DNSNames: c.hosts}, &x509.Certificate{Subject: c.subject}, key.Public(), key)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			got := tlsOf(tls.ConnectionState{PeerCertificates: []*x509.Certificate{parsed}}, nil)
			if got.Subject != c.want {
				t.Errorf("subject %q, want %q", got.Subject, c.want)
			}
			if want := strings.Join(c.subject.Organization, ""); c.subject.CommonName == "" && got.Issuer != want {
				t.Errorf("issuer %q, want %q", got.Issuer, want)
			}
		})
	}
	byAddress := &x509.Certificate{IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}}
	if got := subjectOf(byAddress); got != "192.0.2.1" {
		t.Errorf("subject of an address: %q", got)
	}
}
