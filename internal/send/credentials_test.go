package send

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/webhook"
)

// keeper is a server that keeps what it got.
type keeper struct {
	*httptest.Server
	mu     sync.Mutex
	seen   []*http.Request
	bodies []string
	// answer says which status the n-th request gets, from 1; nil for 200.
	answer func(n int, r *http.Request) int
}

func newKeeper(t *testing.T, config *tls.Config) *keeper {
	t.Helper()
	r := &keeper{}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.seen, r.bodies = append(r.seen, req), append(r.bodies, string(body))
		n, answer := len(r.seen), r.answer
		r.mu.Unlock()
		if answer != nil {
			w.WriteHeader(answer(n, req))
		}
	}))
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	if config == nil {
		r.Start()
	} else {
		r.TLS, r.EnableHTTP2 = config, len(config.NextProtos) > 0
		r.StartTLS()
	}
	t.Cleanup(r.Close)
	return r
}

func (r *keeper) url(path string) string {
	scheme, host, _ := strings.Cut(r.URL, "://")
	_, port, _ := strings.Cut(host, ":")
	return scheme + "://" + testHost + ":" + port + path
}

func (r *keeper) last(t *testing.T) (*http.Request, string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) == 0 {
		t.Fatal("nothing was received")
	}
	return r.seen[len(r.seen)-1], r.bodies[len(r.bodies)-1]
}

func (r *keeper) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen)
}

// jobWith is a job to an endpoint with credentials.
func jobWith(url string, c hook.Credentials) Job {
	job := newJob(url)
	job.Endpoint.Credentials = &c
	return job
}

func mustSend(t *testing.T, s *Sender, job Job) hook.Attempt {
	t.Helper()
	a := s.Send(t.Context(), job)
	if a.Outcome != hook.Success {
		t.Fatalf("attempt %v: %s", a.Reason, a.Error)
	}
	return a
}

func TestCredentialsStandInTheRequest(t *testing.T) {
	ca := newAuthority(t)
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		var config *tls.Config
		if protocol == "HTTP/2.0" {
			config = &tls.Config{Certificates: []tls.Certificate{ca.issue(t, testHost, time.Now().Add(time.Hour))}, NextProtos: []string{"h2"}, GetConfigForClient: insistOnHTTP2}
		}
		r := newKeeper(t, config)
		sender, _ := newSender(t, Options{RootCAs: ca.pool()})
		for _, c := range []struct {
			name          string
			credentials   hook.Credentials
			header, value string
			query         string
		}{
			{"basic", hook.Credentials{Basic: &hook.BasicLogin{Username: "Aladdin", Password: "open sesame"}}, "Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "x=1"}, // RFC 7617 section 2
			{"bearer", hook.Credentials{Bearer: "token-1"}, "Authorization", "Bearer token-1", "x=1"},
			{"key in a header", hook.Credentials{APIKey: &hook.APIKey{In: hook.InHeader, Name: "X-Api-Key", Value: "k&1"}}, "X-Api-Key", "k&1", "x=1"},
			{"key in the query", hook.Credentials{APIKey: &hook.APIKey{In: hook.InQuery, Name: "api key", Value: "k&1"}}, "X-Api-Key", "own", "x=1&api+key=k%261"},
		} {
			t.Run(protocol+" "+c.name, func(t *testing.T) {
				job := jobWith(r.url("/hook?x=1"), c.credentials)
				// Credentials stand above headers of their name, however those are spelled.
				job.Endpoint.Headers = map[string]string{"AUTHORIZATION": "own", "x_api-key": "own", "X-Api-Key": "own", "X-Other": "kept"}
				if c.credentials.APIKey == nil || c.credentials.APIKey.In == hook.InQuery {
					delete(job.Endpoint.Headers, "x_api-key")
				}
				a := mustSend(t, sender, job)
				got, body := r.last(t)
				if got.Proto != protocol || got.Header.Get(c.header) != c.value || len(got.Header.Values(c.header)) != 1 || got.URL.RawQuery != c.query ||
					got.Header.Get("X-Other") != "kept" || got.Header.Get("Webhook-Signature") == "" || body != `{"a":1}` || got.Header.Get("X_api-Key") != "" {
					t.Errorf("%s %s %v %q", got.Proto, got.URL, got.Header, body)
				}
				if strings.Contains(fmt.Sprint(a), "sesame") || strings.Contains(a.URL, "k%261") {
					t.Errorf("the attempt tells secrets: %+v", a)
				}
			})
		}
	}
}

func TestForwardedWebhookGetsCredentials(t *testing.T) {
	r := newKeeper(t, nil)
	sender, _ := newSender(t, Options{})
	job := jobWith(r.url("/hook"), hook.Credentials{Bearer: "ours", APIKey: &hook.APIKey{In: hook.InQuery, Name: "k", Value: "v"}})
	job.Message = &hook.Message{ID: 1, Application: 2, RawBody: []byte("x"), Inbound: &hook.Inbound{
		Method: "PUT", Path: "/more", Query: "q=1", Header: []string{"Authorization", "Bearer theirs", "X-Their", "1"},
	}}
	mustSend(t, sender, job)
	got, _ := r.last(t)
	if got.Method != "PUT" || got.URL.String() != "/hook/more?k=v&q=1" || fmt.Sprint(got.Header["Authorization"]) != "[Bearer ours]" || got.Header.Get("X-Their") != "1" {
		t.Errorf("%s %s %v", got.Method, got.URL, got.Header)
	}
}

// TestHMACIsWhatReceiversVerify has the verifiers of the senders whose layouts these are judge them.
func TestHMACIsWhatReceiversVerify(t *testing.T) {
	for _, name := range []string{"github", "stripe", "shopify", "slack"} {
		for _, form := range []hook.BodyForm{hook.BodyJSON, hook.BodyFormEncoded} {
			t.Run(name+" "+form.String(), func(t *testing.T) {
				r := newKeeper(t, nil)
				sender, _ := newSender(t, Options{})
				layout, ok := hook.HMACPreset(name)
				if !ok {
					t.Fatal("no preset")
				}
				const secret = "shared-secret-of-the-receiver-32"
				layout.Secret = secret
				job := jobWith(r.url("/hook"), hook.Credentials{HMAC: &layout})
				job.Endpoint.Shape = &hook.Shape{Body: form}
				mustSend(t, sender, job)
				got, body := r.last(t)
				verify := func(secret, body string) error {
					v, err := webhook.Provider(name, webhook.Config{Secrets: []string{secret}})
					if err != nil {
						t.Fatal(err)
					}
					_, err = v.Verify(webhook.Request{Method: "POST", URL: got.URL.String(), Header: got.Header, Body: []byte(body)}, time.Now())
					return err
				}
				if err := verify(secret, body); err != nil {
					t.Errorf("refused: %v, header %v", err, got.Header)
				}
				if verify("another-secret-of-the-receiver-3", body) == nil || verify(secret, body+" ") == nil {
					t.Error("the verifier takes anything")
				}
				if got.Header.Get("Webhook-Signature") == "" {
					t.Error("the standard signature is gone")
				}
			})
		}
	}
}

func TestHMACLayout(t *testing.T) {
	// RFC 4231 test case 2: key "Jefe", data "what do ya want for nothing?".
	const body = "what do ya want for nothing?"
	for _, c := range []struct {
		algorithm, encoding, want string
	}{
		{"sha256", "hex", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"sha256", "base64", "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="},
		{"sha512", "hex", "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
		{"sha1", "hex", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"}, // RFC 2202 test case 2
	} {
		for _, key := range []struct{ encoding, text string }{{"text", "Jefe"}, {"base64", "SmVmZQ=="}, {"hex", "4a656665"}} {
			l, err := newHMAC(&hook.HMAC{
				Secret: hook.HiddenText(key.text), KeyEncoding: key.encoding, Algorithm: c.algorithm, Encoding: c.encoding,
				Header: "X-Sig", Value: "a={signature};i={id}", Content: "{body}",
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := string(l.append(nil, "msg_1", time.Unix(1, 0), []byte(body))); got != "X-Sig: a="+c.want+";i=msg_1\r\n" {
				t.Errorf("%s %s %s: %s", c.algorithm, c.encoding, key.encoding, got)
			}
		}
	}
}

// pemOf returns a certificate with its key as its owner would give it.
func pemOf(t *testing.T, c tls.Certificate) hook.HiddenText {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	pem.Encode(&b, &pem.Block{Type: "PRIVATE KEY", Bytes: key})
	for _, der := range c.Certificate {
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	return hook.HiddenText(b.String())
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

// TestConnectionThatEndsBeforeHTTP2IsReset: which error net/http has for it is a race.
func TestConnectionThatEndsBeforeHTTP2IsReset(t *testing.T) {
	for _, err := range []error{errors.New("http2: client conn could not be established"), io.ErrUnexpectedEOF, io.EOF} {
		if reason, words := exchangeFailure(&exchangeError{err: err}); reason != hook.ReasonReset || words == "" {
			t.Errorf("%v: %s %s", err, reason, words)
		}
	}
}

// TestClientCertificateIsShown runs against a server that lets nobody in without one, on both
// protocols, and in both versions of TLS: in 1.3 the refusal comes after the handshake.
func TestClientCertificateIsShown(t *testing.T) {
	servers, clients, strangers := newAuthority(t), newAuthority(t), newAuthority(t)
	until := time.Now().Add(time.Hour)
	for _, c := range []struct {
		name   string
		change func(*tls.Config)
	}{
		{"TLS 1.2", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }},
		{"TLS 1.3", func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }},
		{"HTTP/2", func(c *tls.Config) { c.NextProtos = []string{"h2"}; c.GetConfigForClient = insistOnHTTP2 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := &tls.Config{Certificates: []tls.Certificate{servers.issue(t, testHost, until)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients.pool()}
			c.change(config)
			r := newKeeper(t, config)
			sender, n := newSender(t, Options{RootCAs: servers.pool()})
			with := func(identity hook.HiddenText) Job { return jobWith(r.url("/"), hook.Credentials{Identity: identity}) }
			right := with(pemOf(t, clients.issueClient(t, "sender-1", until)))
			for range 2 {
				mustSend(t, sender, right)
			}
			if got, _ := r.last(t); got.TLS.PeerCertificates[0].Subject.CommonName != "sender-1" {
				t.Errorf("the receiver saw %v", got.TLS.PeerCertificates[0].Subject)
			}
			if dials := n.dials.Load(); dials > 2 { // HTTP/2 asks with HTTP/1.1 first
				t.Errorf("%d connections for two requests", dials)
			}
			// Without one, the connection that the other endpoint keeps is not used.
			if a := sender.Send(t.Context(), newJob(r.url("/"))); a.Outcome != hook.Failed || a.Reason != hook.ReasonTLSHandshake {
				t.Errorf("without a certificate: %v %s", a.Reason, a.Error)
			}
			a := sender.Send(t.Context(), with(pemOf(t, strangers.issueClient(t, "x", until))))
			// net/http, which speaks HTTP/2, may see the end of the connection before the alert.
			isLost := c.name == "HTTP/2" && a.Reason == hook.ReasonReset
			if !isLost && (a.Reason != hook.ReasonMTLS || !strings.Contains(a.Error, "client certificate")) {
				t.Errorf("of another authority: %v %s", a.Reason, a.Error)
			}
			dials := n.dials.Load()
			if a := sender.Send(t.Context(), with(pemOf(t, clients.issueClient(t, "x", time.Now().Add(-time.Minute))))); a.Reason != hook.ReasonCredentials || !strings.Contains(a.Error, "expired") {
				t.Errorf("expired: %v %s", a.Reason, a.Error)
			}
			if n.dials.Load() != dials {
				t.Error("an expired certificate was shown all the same")
			}
			if r.count() != 2 {
				t.Errorf("%d requests, want 2", r.count())
			}
		})
	}
}

// issueClient returns a certificate that a client may show.
func (a *authority) issueClient(t *testing.T, name string, until time.Time) tls.Certificate {
	t.Helper()
	return a.issueFor(t, name, until, x509.ExtKeyUsageClientAuth)
}

// TestOwnAuthorityVerifiesTheReceiver: an endpoint's own CA stands in place of the usual ones, for it alone.
func TestOwnAuthorityVerifiesTheReceiver(t *testing.T) {
	private, public := newAuthority(t), newAuthority(t)
	until := time.Now().Add(time.Hour)
	inside := newKeeper(t, &tls.Config{Certificates: []tls.Certificate{private.issue(t, testHost, until)}})
	outside := newKeeper(t, &tls.Config{Certificates: []tls.Certificate{public.issue(t, testHost, until)}})
	sender, _ := newSender(t, Options{RootCAs: public.pool()})
	mustSend(t, sender, jobWith(inside.url("/"), hook.Credentials{CA: private.pem()}))
	mustSend(t, sender, newJob(outside.url("/")))
	for name, job := range map[string]Job{
		"private without the CA":               newJob(inside.url("/")),
		"public with the CA":                   jobWith(outside.url("/"), hook.Credentials{CA: private.pem()}),
		"private with the CA for another name": jobWith(strings.Replace(inside.url("/"), testHost, "other."+testHost, 1), hook.Credentials{CA: private.pem()}),
	} {
		if a := sender.Send(t.Context(), job); a.Reason != hook.ReasonTLSUnknownCA && a.Reason != hook.ReasonTLSHostname {
			t.Errorf("%s: %v %s", name, a.Reason, a.Error)
		}
	}
}

// TestNoConnectionIsSharedAcrossCredentials sends by turns to one receiver with different
// credentials, and counts connections.
func TestNoConnectionIsSharedAcrossCredentials(t *testing.T) {
	r := newKeeper(t, nil)
	sender, n := newSender(t, Options{})
	jobs := []Job{newJob(r.url("/")), jobWith(r.url("/"), hook.Credentials{Bearer: "a"}), jobWith(r.url("/"), hook.Credentials{Bearer: "b"})}
	other := jobWith(r.url("/"), hook.Credentials{Bearer: "a"})
	other.Endpoint.Application = 99
	jobs = append(jobs, other)
	for i := range jobs {
		jobs[i].Endpoint.ID = hook.EndpointID(100 + i)
	}
	for range 3 {
		for _, job := range jobs {
			mustSend(t, sender, job)
		}
	}
	if dials := n.dials.Load(); dials != int64(len(jobs)) {
		t.Errorf("%d connections, want one for each of %d", dials, len(jobs))
	}
}
