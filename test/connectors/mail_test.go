//go:build unix

package connectors

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// post is a mail server on loopback, which the server under test is allowed to reach
// without TLS.
type post struct {
	addr string

	mu      sync.Mutex
	letters []letter
	refuse  func(to string) error // nil takes all
}

type letter struct {
	user, from, data string
	to               []string
}

func newPost(t *testing.T) *post {
	t.Helper()
	p := &post{}
	s := smtp.NewServer(p)
	s.Domain, s.AllowInsecureAuth = "mail.test", true
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l) // ends with the listener
	}()
	t.Cleanup(func() { s.Close(); l.Close(); <-done })
	return p
}

// NewSession implements smtp.Backend.
func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{p: p}, nil }

func (p *post) got() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]letter(nil), p.letters...)
}

func (p *post) refusing(f func(to string) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = f
}

type session struct {
	p *post
	l letter
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "not-a-real-password" {
			return smtp.ErrAuthFailed
		}
		s.l.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error { s.l.from = from; return nil }

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.p.refuse != nil {
		if err := s.p.refuse(to); err != nil {
			return err
		}
	}
	s.l.to = append(s.l.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.l.data = string(text)
	s.p.letters = append(s.p.letters, s.l)
	return nil
}

func (s *session) Reset()        { s.l = letter{user: s.l.user} }
func (s *session) Logout() error { return nil }

// TestMailIsTriedAgainOrGivenUp: 4yz for a while, 5yz for good; and a source's endpoint
// writes e-mails as well.
func TestMailIsTriedAgainOrGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPost(t)
	w.must("POST", "/api/v1/app/acme/endpoint", fmt.Sprintf(`{"uid":"mail","url":"smtp://%s?from=shop@example.com"}`, p.addr))
	w.must("PUT", "/x/v1/app/acme/endpoint/mail/connector", `{"name":"email","variables":{"to":"{{payload.to}}","username":"shop","password":"not-a-real-password"}}`)
	deliveryOf := func(a map[string]any) map[string]any {
		t.Helper()
		return w.must("GET", fmt.Sprintf("/api/v1/app/acme/msg/%v/endpoint", a["msgId"]), "")["data"].([]any)[0].(map[string]any)
	}
	p.refusing(func(string) error { return &smtp.SMTPError{Code: 450, Message: "greylisted"} })
	w.publish(`{"to":"ada@example.org"}`)
	a := w.attempts("mail", 1)[0]
	if d := deliveryOf(a); a["responseStatusCode"] != 450.0 || d["nextAttempt"] == nil {
		t.Errorf("450: %v, %v", a, d)
	}
	p.refusing(func(string) error { return &smtp.SMTPError{Code: 550, Message: "no such user"} })
	w.publish(`{"to":"bob@example.org"}`)
	a = w.attempts("mail", 2)[0]
	if d := deliveryOf(a); a["responseStatusCode"] != 550.0 || d["status"] != 2.0 || d["nextAttempt"] != nil {
		t.Errorf("550: %v, %v", a, d)
	}
	p.refusing(nil)
	w.publish(`{"to":"Eve <eve@example.org>, dan@example.org"}`)
	if a := w.attempts("mail", 3)[0]; a["status"] != 0.0 {
		t.Errorf("taken: %v", a)
	}
	if got := p.got(); len(got) != 1 || fmt.Sprint(got[0].to) != "[eve@example.org dan@example.org]" {
		t.Errorf("received %+v", got)
	}
}
