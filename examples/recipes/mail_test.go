//go:build unix

package recipes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// post is a mail server that lets in who knows its password, and keeps a mail whose
// Message-ID it has once.
type post struct {
	mu      sync.Mutex
	isDown  bool
	down    int // how often it was met down
	letters map[string]letter
	repeats int
}

type letter struct {
	from, subject, text, html string
	to                        []string
}

func (l letter) String() string { return fmt.Sprintf("%s -> %v: %s", l.from, l.to, l.subject) }

func newPost(t *testing.T) (p *post, addr string) {
	t.Helper()
	p = &post{letters: map[string]letter{}}
	s := smtp.NewServer(p)
	s.Domain, s.AllowInsecureAuth = "mail.test", true // on loopback, where the server may send without TLS
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l) // ends with the listener
	}()
	t.Cleanup(func() { s.Close(); l.Close(); <-done })
	return p, l.Addr().String()
}

// NewSession implements smtp.Backend. A server that is down drops the connection.
func (p *post) NewSession(c *smtp.Conn) (smtp.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isDown {
		p.down++
		c.Conn().Close()
		return nil, errors.New("down")
	}
	return &session{p: p}, nil
}

type session struct {
	p       *post
	letter  letter
	isKnown bool
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if s.isKnown = user == "hooks" && password == "password-of-the-mail"; !s.isKnown {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.isKnown {
		return smtp.ErrAuthRequired
	}
	s.letter.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.letter.to = append(s.letter.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return err
	}
	s.letter.subject = subject
	if err := s.letter.read(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body); err != nil {
		return err
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	id := m.Header.Get("Message-ID")
	if id == "" {
		return errors.New("no Message-ID")
	}
	if _, is := s.p.letters[id]; is {
		s.p.repeats++
	}
	s.p.letters[id] = s.letter
	return nil
}

// read takes the texts out of a part and those inside of it.
func (l *letter) read(contentType, encoding string, body io.Reader) error {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return err
	}
	if strings.HasPrefix(media, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := l.read(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part); err != nil {
				return err
			}
		}
	}
	if encoding == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	content := strings.ReplaceAll(strings.TrimSpace(string(text)), "\r\n", "\n")
	if media == "text/html" {
		l.html = content
	} else {
		l.text = content
	}
	return nil
}

func (s *session) Reset()        { s.letter = letter{} }
func (s *session) Logout() error { return nil }

func (p *post) all() (list []letter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.letters {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b letter) int { return strings.Compare(a.String(), b.String()) })
	return list
}

func TestSignupToWelcome(t *testing.T) {
	t.Parallel()
	p, addr := newPost(t)
	members := map[string]bool{}
	list := serve(t, http.StatusOK, func(r *http.Request, body []byte) (string, error) {
		var in struct {
			Email  string `json:"email_address"`
			Status string `json:"status_if_new"`
		}
		_, key, _ := r.BasicAuth()
		member, isMember := strings.CutPrefix(r.URL.Path, "/3.0/lists/1/members/")
		switch err := read(r, body, &in); {
		case err != nil:
			return "", err
		case r.Method != http.MethodPut || key != "key-of-mailchimp" || !isMember || member != in.Email || in.Status != "subscribed":
			return "", errors.New("Invalid Resource")
		case members[member]:
			return "", nil
		}
		members[member] = true
		return member, nil
	})
	c := cook(t, "signup-to-welcome", "MAIL_URL=smtp://"+addr+"?from=hello@example.com&to=hello@example.com", "MAIL_USER=hooks", "MAIL_PASSWORD=password-of-the-mail",
		"MAILCHIMP_URL="+list.URL+"/3.0/lists/1/members", "MAILCHIMP_KEY=key-of-mailchimp")
	c.publish("accounts", "user.created", "u1", `{"user": {"name": "Zoë\r\nBcc: all@example.org", "email": "zoe+new@example.org", "newsletter": true}}`)
	c.publish("accounts", "user.created", "u2", `{"user": {"name": "Ada", "email": "ada@example.org"}}`)
	c.quiet("accounts", 2)
	list.want(t, "zoe+new@example.org")
	letters := p.all()
	if got, want := fmt.Sprint(letters), "[hello@example.com -> [ada@example.org]: Welcome, Ada hello@example.com -> [zoe+new@example.org]: Welcome, Zoë Bcc: all@example.org]"; got != want {
		t.Errorf("mails %s, want %s", got, want)
	}
	if !strings.Contains(letters[0].text, "Hello Ada,\n\ngood to have you here.") || p.repeats > 0 {
		t.Errorf("%d repeats, text %q", p.repeats, letters[0].text)
	}
}

// TestReceiptByEmail: the mail server is down, and the server is killed before the receipt is out.
func TestReceiptByEmail(t *testing.T) {
	t.Parallel()
	p, addr := newPost(t)
	p.isDown = true
	c := cook(t, "receipt-by-email", "MAIL_URL=smtp://"+addr+"?from=shop@example.com&to=books@example.com", "MAIL_USER=hooks", "MAIL_PASSWORD=password-of-the-mail")
	order, _ := json.Marshal(map[string]any{"id": "o_7", "currency": "EUR", "customer": map[string]string{"email": "ada@example.org"}, "lines": []map[string]any{
		{"title": "Rye <b>bread</b>", "quantity": 2, "cents": 450}, {"title": "Butter", "quantity": 1, "cents": 299}}})
	c.publish("shop", "order.paid", "o_7", string(order))
	for end := 1200; ; end-- {
		p.mu.Lock()
		n := p.down
		p.mu.Unlock()
		if n > 0 {
			break
		}
		if end == 0 {
			t.Fatal("the mail server was not tried")
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.crash()
	p.mu.Lock()
	p.isDown = false
	p.mu.Unlock()
	c.quiet("shop", 1)
	letters := p.all()
	if got, want := fmt.Sprint(letters), "[shop@example.com -> [ada@example.org books@example.com]: Receipt for order o_7]"; got != want {
		t.Fatalf("mails %s, want %s", got, want)
	}
	if want := "2 x Rye <b>bread</b>: 9.00\n1 x Butter: 2.99\nTotal: 11.99 EUR"; letters[0].text != want || !strings.Contains(letters[0].html, "Rye &#60;b&#62;bread") {
		t.Errorf("text %q, want %q; html %q", letters[0].text, want, letters[0].html)
	}
}
