package send

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
)

// An endpoint may be an SMTP server (egress.ParseMailURL). Its script makes
// {subject, text, html, to} of a message, which leaves as one e-mail: to all addressees or
// to none, because a retry after half of them would write to the others twice.

// maxMailReplyBytes bounds what a server may send in one dialogue, TLS included.
const maxMailReplyBytes = 256 << 10

// mailLogin is what an SMTP server is shown; "" for none.
type mailLogin struct{ username, password string }

// letter is what a script makes of a message.
type letter struct {
	Subject string          `json:"subject"`
	Text    string          `json:"text"`
	HTML    string          `json:"html"`
	To      json.RawMessage `json:"to"` // a text with commas, or a list; absent for the URL's

	from string
	to   []string
}

// readLetter reads what a script made. An error is for the script's owner.
func readLetter(content []byte, from string, to []string) (*letter, error) {
	l := &letter{from: from, to: to}
	if err := json.Unmarshal(content, l); err != nil {
		return nil, errors.New("the payload must be {subject, text, html, to}, all of them texts, to be sent as an e-mail")
	}
	if l.Text == "" && l.HTML == "" {
		return nil, errors.New("the payload has neither text nor html, so there is nothing to be sent as an e-mail")
	}
	// A line end in it would be written in code, not as one; and no reader wants to see that.
	l.Subject = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(l.Subject, "?"))
	if len(l.To) > 0 && string(l.To) != "null" {
		var err error
		if l.to, err = addresseesOf(l.To); err != nil {
			return nil, err
		}
	}
	switch {
	case len(l.to) == 0:
		return nil, errors.New("nobody is named as addressee: give to in the endpoint's URL, or in the payload of the script")
	case len(l.to) > egress.MaxMailRecipients:
		return nil, fmt.Errorf("to: at most %d addresses may be given", egress.MaxMailRecipients)
	}
	return l, nil
}

// addresseesOf reads a text with commas, or a list of texts. Names beside addresses are dropped.
func addresseesOf(raw json.RawMessage) ([]string, error) {
	var list []string
	var text string
	if json.Unmarshal(raw, &list) != nil {
		if json.Unmarshal(raw, &text) != nil {
			return nil, errors.New("to: must be a text, or a list of texts")
		}
		list = []string{text}
	}
	var all []string
	for _, one := range list {
		if len(one) > egress.MaxURLBytes*8 {
			return nil, errors.New("to: is too long")
		}
		parsed, err := mail.ParseAddressList(one)
		if err != nil {
			return nil, errors.New("to: must be addresses such as ada@example.com, with commas between")
		}
		for _, p := range parsed {
			address, text := egress.MailAddress(p.Address)
			if text != "" {
				return nil, errors.New("to: " + text)
			}
			if !slices.Contains(all, address) {
				all = append(all, address)
			}
		}
	}
	return all, nil
}

// write makes the text of the e-mail. It is the same e-mail at each attempt: its
// Message-ID is made of the webhook's id, by which servers and readers drop a repeated
// one, and its date is the message's.
func (l *letter) write(webhookID string, at time.Time) ([]byte, error) {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := m.From(l.from); err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	if err := m.To(l.to...); err != nil {
		return nil, fmt.Errorf("to: %w", err)
	}
	m.Subject(l.Subject)
	m.SetDateWithValue(at)
	m.SetMessageIDWithValue(webhookID + "@" + domainOf(l.from))
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no vacation replies
	switch {
	case l.Text == "":
		m.SetBodyString(gomail.TypeTextHTML, l.HTML)
	default:
		m.SetBodyString(gomail.TypeTextPlain, l.Text)
		if l.HTML != "" {
			m.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
		}
	}
	var b bytes.Buffer
	_, err := m.WriteTo(&b)
	return b.Bytes(), err
}

func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

// mailStep is how far a dialogue came.
type mailStep uint8

const (
	greeting mailStep = iota
	loggingIn
	addressing
	handingIn
)

// mailRefusalError is an answer of the server that is not the one that was asked for.
type mailRefusalError struct {
	step mailStep
	what string // the command in words
	code int
	text string
}

func (e *mailRefusalError) Error() string {
	return fmt.Sprintf("the mail server refused %s: %d", e.what, e.code)
}

// mail makes one attempt by SMTP of what the script made, and fills a. The status is the
// code of the server's last answer (RFC 5321 section 4.2), its text the body.
func (t *transport) mail(ctx context.Context, p *prepared, job Job, content []byte, a *hook.Attempt) {
	l, err := readLetter(content, p.mail.From, p.mail.To)
	if err != nil {
		a.Outcome, a.Reason, a.Error = hook.Failed, hook.ReasonTransformError, err.Error()
		return
	}
	text, err := l.write(job.WebhookID, job.Message.Time())
	if err != nil {
		a.Outcome, a.Reason, a.Error = hook.Failed, hook.ReasonTransformError, "the e-mail cannot be written: "+printable(err.Error())
		return
	}
	deadline := a.StartedAt.Add(p.timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	err = t.submit(ctx, p, l, text, deadline, a)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		err = context.Canceled // whatever broke, broke because we stopped it
	}
	judgeMail(a, err)
}

// judgeMail names the outcome of an attempt by SMTP.
func judgeMail(a *hook.Attempt, err error) {
	var refusal *mailRefusalError
	if !errors.As(err, &refusal) {
		if err == nil {
			a.Outcome, a.Reason = hook.Success, hook.ReasonNone
			return
		}
		a.Outcome = hook.Failed
		var words string
		a.Reason, words = failure(err)
		a.Error = printable(words)
		return
	}
	a.Status, a.Outcome = refusal.code, hook.Failed
	a.Body = []byte(strings.ToValidUTF8(refusal.text, "?"))
	if a.BodyTruncated = len(a.Body) > hook.MaxStoredBody; a.BodyTruncated {
		a.Body = a.Body[:hook.MaxStoredBody]
	}
	a.Error = printable(refusal.Error())
	switch code := refusal.code; {
	case refusal.step == loggingIn, code == 530, code == 535:
		// As a 401 does, it says that the settings are wrong: they may be put right.
		a.Reason = hook.ReasonAuth
		if code/100 == 4 {
			a.Reason = hook.ReasonServer
		}
	case code == 421, code == 450, code == 451, code == 452:
		// Greylisting, too many at once, or no room: each wants to be asked later.
		a.Reason = hook.ReasonThrottled
	case code/100 == 5 && refusal.step >= addressing:
		a.Outcome, a.Reason = hook.Unsendable, hook.ReasonRejected
	case code/100 == 4 || code/100 == 5:
		a.Reason = hook.ReasonServer
	default:
		a.Reason = hook.ReasonBadResponse
	}
}

// submit hands an e-mail to a server. An error is a *mailRefusalError, an *exchangeError, or
// the context's.
func (t *transport) submit(ctx context.Context, p *prepared, l *letter, text []byte, deadline time.Time, a *hook.Attempt) error {
	dialCtx, cancel := context.WithDeadline(ctx, deadline)
	raw, trace, err := t.dialer.DialBy(dialCtx, p.mail.Host, p.mail.Port, p.way().routeOf())
	cancel()
	a.Timings.DNS, a.Timings.Connect = trace.DNS, trace.Connect
	if trace.Remote.IsValid() {
		a.RemoteAddr = trace.Remote.String()
	}
	if err != nil {
		return &exchangeError{phase: dialing, err: err}
	}
	conn := &limitedConn{Conn: raw}
	conn.allow(maxMailReplyBytes)
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	if err := raw.SetDeadline(deadline); err != nil {
		return &exchangeError{phase: exchanging, err: err}
	}
	// Through a proxy the way leads over somebody else's network.
	s := &mailSession{p: p, a: a, isPrivate: p.way().routeOf().Proxy == nil && t.dialer.Allows(trace.Remote.Addr())}
	s.config = &tls.Config{ServerName: strings.TrimSuffix(p.mail.Host, "."), MinVersion: tls.VersionTLS12, RootCAs: t.o.RootCAs}
	if w := p.way(); w != nil {
		w.tlsOf(s.config, new(bool))
	}
	if err := s.open(ctx, conn); err != nil {
		return err
	}
	if err := s.login(); err != nil {
		return err
	}
	if err := s.address(l); err != nil {
		return err
	}
	if err := s.hand(text); err != nil {
		return err
	}
	// The mail is the server's. What the goodbye comes to changes nothing, and it may not take long.
	raw.SetDeadline(time.Now().Add(time.Second))
	_ = s.client.Quit()
	return nil
}

// mailSession is one dialogue.
type mailSession struct {
	client *smtp.Client
	p      *prepared
	a      *hook.Attempt
	config *tls.Config
	// isPrivate: the operator has allowed the server's address, so that the way to it may
	// be without TLS.
	isPrivate bool
}

// failed makes of an error of a step what judgeMail reads.
func (s *mailSession) failed(step mailStep, what string, err error) error {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return &mailRefusalError{step, what, reply.Code, reply.Msg}
	}
	return &exchangeError{phase: exchanging, err: err, answered: s.client != nil}
}

// open greets the server, over TLS where that is to be had.
func (s *mailSession) open(ctx context.Context, conn net.Conn) error {
	start := time.Now()
	if s.p.mail.TLS {
		secure := tls.Client(conn, s.config)
		err := secure.HandshakeContext(ctx)
		s.a.Timings.TLS = time.Since(start)
		s.secured(secure.ConnectionState(), err)
		if err != nil {
			return &exchangeError{phase: handshaking, err: err}
		}
		conn = secure
	}
	client, err := smtp.NewClient(conn, s.p.mail.Host)
	if err != nil {
		return s.failed(greeting, "the connection", err)
	}
	s.client = client
	client.SkipSMTPUTF8(true) // all addresses are ASCII
	if err := client.Hello(domainOf(s.p.mail.From)); err != nil {
		return s.failed(greeting, "the greeting", err)
	}
	if s.p.mail.TLS {
		return nil
	}
	if offers, _ := client.Extension("STARTTLS"); !offers {
		if s.isPrivate {
			return nil
		}
		// Somebody in between may have taken the offer out, so it is no choice.
		return &exchangeError{phase: handshaking, err: errors.New("the mail server offers no STARTTLS, and mail goes over the open network only under TLS")}
	}
	start = time.Now()
	err = client.StartTLS(s.config)
	s.a.Timings.TLS = time.Since(start)
	state, _ := client.TLSConnectionState()
	s.secured(state, err)
	var reply *textproto.Error
	switch {
	case errors.As(err, &reply):
		return s.failed(greeting, "STARTTLS", err)
	case err != nil:
		return &exchangeError{phase: handshaking, err: err}
	}
	return nil
}

// secured notes what a handshake that ended with err has told.
func (s *mailSession) secured(state tls.ConnectionState, err error) {
	if s.a.TLS = tlsOf(state, err); s.a.TLS != nil {
		s.a.TLS.Protocol = hook.UnknownProtocol // of HTTP, there is none
	}
}

// login shows the endpoint's credentials, where it has some.
func (s *mailSession) login() error {
	login := s.p.login
	if login == (mailLogin{}) {
		return nil
	}
	offered, mechanisms := s.client.Extension("AUTH")
	has := func(name string) bool { return slices.Contains(strings.Fields(strings.ToUpper(mechanisms)), name) }
	var proof smtp.Auth
	switch host := s.p.mail.Host; {
	case offered && has("PLAIN"):
		proof = smtp.PlainAuth("", login.username, login.password, host, s.isPrivate)
	case offered && has("LOGIN"):
		proof = smtp.LoginAuth(login.username, login.password, host, s.isPrivate)
	default:
		return &mailRefusalError{loggingIn, "a login: it offers neither PLAIN nor LOGIN", 504, mechanisms}
	}
	if err := s.client.Auth(proof); err != nil {
		return s.failed(loggingIn, "the login", err)
	}
	return nil
}

// address names who writes and who reads. Nobody gets anything unless all are taken.
func (s *mailSession) address(l *letter) error {
	if err := s.client.Mail("<" + l.from + ">"); err != nil {
		return s.failed(addressing, "the sender "+l.from, err)
	}
	for _, to := range l.to {
		if err := s.client.Rcpt("<" + to + ">"); err != nil {
			return s.failed(addressing, "the addressee "+to, err)
		}
	}
	return nil
}

// hand gives the text. After its last byte the server may have the mail, whatever comes.
func (s *mailSession) hand(text []byte) error {
	w, err := s.client.Data()
	if err != nil {
		return s.failed(handingIn, "the e-mail", err)
	}
	if _, err := w.Write(text); err != nil {
		return s.failed(handingIn, "the e-mail", err)
	}
	start := time.Now()
	err = w.Close()
	s.a.Timings.FirstByte = time.Since(start)
	if err != nil {
		return s.failed(handingIn, "the e-mail", err)
	}
	s.a.Status = 250
	if d, ok := w.(*smtp.DataCloser); ok {
		s.a.Body = []byte(strings.ToValidUTF8(d.ServerResponse(), "?"))
		if s.a.BodyTruncated = len(s.a.Body) > hook.MaxStoredBody; s.a.BodyTruncated {
			s.a.Body = s.a.Body[:hook.MaxStoredBody]
		}
	}
	return nil
}

// prepareMail fills in what attempts by SMTP need.
func (p *prepared) prepareMail(e *hook.Endpoint) error {
	m, err := egress.ReadMailURL(e.URL)
	if err != nil {
		return err
	}
	if _, text := egress.MailAddress(m.From); text != "" || m.Host == "" {
		return errors.New("the URL of the SMTP server cannot be read")
	}
	if addr, err := netip.ParseAddr(m.Host); err == nil {
		m.Host = addr.Unmap().String()
	}
	p.mail, p.target = &m, target{tls: m.TLS, host: m.Host, port: m.Port}
	if u := e.Connector; u != nil {
		p.login = mailLogin{u.Variables[mailUsername], u.Variables[mailPassword]}
	}
	c := e.Credentials
	if c.IsEmpty() {
		return nil
	}
	if c.Bearer != "" || c.OAuth2 != nil || c.APIKey != nil || c.HMAC != nil {
		return &credentialsError{"an SMTP server can be shown a user name with a password (basic) and a client certificate, and nothing else"}
	}
	if c.Basic != nil {
		p.login = mailLogin{c.Basic.Username, string(c.Basic.Password)}
	}
	p.credentials, err = newCredentials(c)
	return err
}

// The variables of the e-mail connector that are not for its code (package connector).
// Credentials of the endpoint stand above them.
const (
	mailUsername = "username"
	mailPassword = "password"
)
