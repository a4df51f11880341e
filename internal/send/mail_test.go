package send

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
)

// post is a mail server of tests.
type post struct {
	t      testing.TB
	addr   string
	server *smtp.Server
	isTLS  bool // from the first byte

	mu      sync.Mutex
	letters []received
	// refuse answers a command ("MAIL", "RCPT", "DATA", "AUTH") with an error; nil takes all.
	refuse func(command, text string) error
	// stall is closed to let a DATA go on; nil for no stall.
	stall chan struct{}
}

type received struct {
	from string
	to   []string
	data string
	user string
	tls  bool
}

type postOptions struct {
	tls, starttls bool
	certificate   *tls.Certificate
}

func newPost(t testing.TB, o postOptions) *post {
	p := &post{t: t}
	p.server = smtp.NewServer(p)
	p.server.Domain, p.server.AllowInsecureAuth = "mail.test", true
	p.server.ErrorLog = quiet{}
	if o.certificate != nil {
		p.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*o.certificate}}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr().String()
	if p.isTLS = o.tls; o.tls {
		l = tls.NewListener(l, p.server.TLSConfig)
		p.server.TLSConfig = nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.server.Serve(l)
	}()
	t.Cleanup(func() { p.server.Close(); l.Close(); <-done })
	return p
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// NewSession implements smtp.Backend.
func (p *post) NewSession(c *smtp.Conn) (smtp.Session, error) {
	_, secure := c.TLSConnectionState()
	return &postSession{p: p, r: received{tls: secure}}, nil
}

func (p *post) refusal(command, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse == nil {
		return nil
	}
	return p.refuse(command, text)
}

func (p *post) got() []received {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]received(nil), p.letters...)
}

type postSession struct {
	p *post
	r received
}

func (s *postSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *postSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if err := s.p.refusal("AUTH", username+":"+password); err != nil {
			return err
		}
		s.r.user = username
		return nil
	}), nil
}

func (s *postSession) Mail(from string, _ *smtp.MailOptions) error {
	s.r.from = from
	return s.p.refusal("MAIL", from)
}

func (s *postSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.r.to = append(s.r.to, to)
	return s.p.refusal("RCPT", to)
}

func (s *postSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.p.stall != nil {
		<-s.p.stall
	}
	if err := s.p.refusal("DATA", string(text)); err != nil {
		return err
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.r.data = string(text)
	s.p.letters = append(s.p.letters, s.r)
	return nil
}

func (s *postSession) Reset()        { s.r.from, s.r.to = "", nil }
func (s *postSession) Logout() error { return nil }

// mailSender sends e-mails to a post. Unless the address is allowed, it is reached under the
// name smtp.example.com, as a public one.
func mailSender(t testing.TB, p *post, isAllowed bool, o Options) (*Sender, *hook.Endpoint) {
	t.Helper()
	rules := egress.Rules{}
	eo := egress.Options{}
	_, port, err := net.SplitHostPort(p.addr)
	if err != nil {
		t.Fatal(err)
	}
	host := "127.0.0.1"
	if isAllowed {
		rules.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	} else {
		host = "smtp.example.com"
		eo.Resolver = oneAddress{}
		eo.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, p.addr)
		}
	}
	guard, err := egress.NewGuard(rules)
	if err != nil {
		t.Fatal(err)
	}
	o.Scripts = asItIs{} // the letter is the payload
	s := New(egress.NewDialer(guard, eo), o)
	t.Cleanup(s.Close)
	scheme := "smtp"
	if p.server.TLSConfig == nil && p.isTLS {
		scheme = "smtps"
	}
	url, err := egress.ParseMailURL(scheme+"://"+host+":"+port+"?from=shop@example.com&to=ada@example.org,bob@example.org", egress.Policy{Guard: guard})
	if err != nil {
		t.Fatal(err)
	}
	return s, &hook.Endpoint{ID: 1, Application: 1, URL: url, Features: hook.Features{Connector: &hook.ConnectorUse{Ready: "email", Script: &hook.Transformation{Code: "as it is", Enabled: true}}}}
}

type oneAddress struct{}

func (oneAddress) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("93.184.215.14")}, nil
}

func sendLetter(t testing.TB, s *Sender, e *hook.Endpoint, payload string) hook.Attempt {
	t.Helper()
	return sendLetterIn(t.Context(), s, e, payload)
}

func sendLetterIn(ctx context.Context, s *Sender, e *hook.Endpoint, payload string) hook.Attempt {
	settings := hook.DefaultSettings()
	m := &hook.Message{ID: hook.MessageID(hook.KeyAt(time.UnixMilli(1_700_000_000_000))), Payload: []byte(payload), EventType: "a.b"}
	return s.Send(ctx, Job{Message: m, Endpoint: e, Settings: &settings, WebhookID: "msg_2abc", Attempt: 1, N: 1})
}

const plainLetter = `{"subject": "Paid \u20ac 5", "text": "Bonjour, \u00e9t\u00e9.\n.\nLine of a dot.", "html": "<p>h\u00e9</p>"}`

// partsOf reads an e-mail.
func partsOf(t testing.TB, data string) (h mail.Header, parts map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts = map[string]string{}
	read := func(kind, coding string, r io.Reader) {
		if coding == "quoted-printable" {
			r = quotedprintable.NewReader(r)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		parts[kind] = strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	}
	if !strings.HasPrefix(kind, "multipart/") {
		read(kind, m.Header.Get("Content-Transfer-Encoding"), m.Body)
		return m.Header, parts
	}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := r.NextRawPart()
		if err == io.EOF {
			return m.Header, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		read(kind, part.Header.Get("Content-Transfer-Encoding"), part)
	}
}

func TestMailIsHandedIn(t *testing.T) {
	ca := newAuthority(t)
	certificate := ca.issue(t, "smtp.example.com", time.Now().Add(time.Hour))
	for name, o := range map[string]postOptions{
		"starttls": {starttls: true, certificate: &certificate},
		"tls":      {tls: true, certificate: &certificate},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t, o)
			s, e := mailSender(t, p, false, Options{RootCAs: ca.pool()})
			e.Connector.Variables = map[string]string{"username": "shop", "password": "hush"}
			for range 2 {
				a := sendLetter(t, s, e, plainLetter)
				if a.Outcome != hook.Success || a.Status != 250 || a.Timings.TLS <= 0 || a.RemoteAddr == "" || len(a.Body) == 0 || a.Took <= 0 {
					t.Fatalf("attempt %+v, answer %q", a, a.Body)
				}
				if a.TLS == nil || a.TLS.Subject != "smtp.example.com" || a.TLS.Version != tls.VersionTLS13 || a.Protocol() != hook.UnknownProtocol {
					t.Errorf("TLS %+v", a.TLS)
				}
			}
			got := p.got()
			if len(got) != 2 || !got[0].tls && !o.tls || got[0].user != "shop" || got[0].from != "shop@example.com" || strings.Join(got[0].to, " ") != "ada@example.org bob@example.org" {
				t.Fatalf("received %+v", got)
			}
			h, parts := partsOf(t, got[0].data)
			subject, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
			if err != nil || subject != "Paid € 5" {
				t.Errorf("subject %q, %v", subject, err)
			}
			if h.Get("Message-Id") != "<msg_2abc@example.com>" || h.Get("Auto-Submitted") != "auto-generated" || !strings.Contains(h.Get("From"), "<shop@example.com>") {
				t.Errorf("header %v", h)
			}
			if at, err := h.Date(); err != nil || !at.Equal(time.UnixMilli(1_700_000_000_000)) {
				t.Errorf("date %v, %v: not the message's", at, err)
			}
			if parts["text/plain"] != "Bonjour, été.\n.\nLine of a dot." || parts["text/html"] != "<p>hé</p>" {
				t.Errorf("parts %q", parts)
			}
			again, _ := partsOf(t, got[1].data)
			if again.Get("Message-Id") != h.Get("Message-Id") || again.Get("Date") != h.Get("Date") {
				t.Error("a retry is another e-mail")
			}
		})
	}
}

func TestMailGoesWithoutTLSOnlyWhereTheOperatorAllowsTheAddress(t *testing.T) {
	p := newPost(t, postOptions{}) // a server, or one in between, that offers no STARTTLS
	s, e := mailSender(t, p, false, Options{})
	e.Connector.Variables = map[string]string{"username": "shop", "password": "hush"}
	a := sendLetter(t, s, e, plainLetter)
	if a.Outcome != hook.Failed || a.Reason != hook.ReasonTLSHandshake || !strings.Contains(a.Error, "STARTTLS") || len(p.got()) != 0 {
		t.Fatalf("attempt %+v", a)
	}
	p.mu.Lock()
	p.refuse = nil
	p.mu.Unlock()
	s, e = mailSender(t, p, true, Options{})
	if a := sendLetter(t, s, e, plainLetter); a.Outcome != hook.Success || a.Timings.TLS != 0 {
		t.Fatalf("to an allowed address: %+v", a)
	}
}

func TestMailServersCertificateIsVerified(t *testing.T) {
	ca := newAuthority(t)
	for _, c := range []struct {
		host string
		o    Options
		want hook.Reason
	}{
		{"other.example.com", Options{RootCAs: ca.pool()}, hook.ReasonTLSHostname},
		{"smtp.example.com", Options{RootCAs: newAuthority(t).pool()}, hook.ReasonTLSUnknownCA},
	} {
		certificate := ca.issue(t, c.host, time.Now().Add(time.Hour))
		p := newPost(t, postOptions{starttls: true, certificate: &certificate})
		s, e := mailSender(t, p, false, c.o)
		if a := sendLetter(t, s, e, plainLetter); a.Reason != c.want || a.Outcome != hook.Failed {
			t.Errorf("%s: %+v", c.want, a)
		} else if a.TLS == nil || a.TLS.Subject != c.host {
			t.Errorf("%s: certificate %+v", c.want, a.TLS)
		}
		if len(p.got()) != 0 {
			t.Error("mail went to a server that could not prove itself")
		}
	}
}

func TestMailRefusalsBecomeOutcomes(t *testing.T) {
	for _, c := range []struct {
		command string
		code    int
		outcome hook.Outcome
		reason  hook.Reason
	}{
		{"AUTH", 535, hook.Failed, hook.ReasonAuth},
		{"AUTH", 454, hook.Failed, hook.ReasonServer},
		{"MAIL", 530, hook.Failed, hook.ReasonAuth},
		{"MAIL", 451, hook.Failed, hook.ReasonThrottled},
		{"RCPT", 450, hook.Failed, hook.ReasonThrottled},
		{"RCPT", 550, hook.Unsendable, hook.ReasonRejected},
		{"DATA", 452, hook.Failed, hook.ReasonThrottled},
		{"DATA", 432, hook.Failed, hook.ReasonServer},
		{"DATA", 554, hook.Unsendable, hook.ReasonRejected},
	} {
		p := newPost(t, postOptions{})
		s, e := mailSender(t, p, true, Options{})
		e.Connector.Variables = map[string]string{"username": "shop", "password": "hush-hush"}
		p.refuse = func(command, text string) error {
			if command != c.command || command == "RCPT" && !strings.HasPrefix(text, "bob") {
				return nil
			}
			return &smtp.SMTPError{Code: c.code, EnhancedCode: smtp.EnhancedCode{c.code / 100, 7, 1}, Message: "no, thanks"}
		}
		a := sendLetter(t, s, e, plainLetter)
		if a.Outcome != c.outcome || a.Reason != c.reason || a.Status != c.code || !strings.Contains(string(a.Body), "no, thanks") {
			t.Errorf("%s %d: %s %s, status %d, %q", c.command, c.code, a.Outcome, a.Reason, a.Status, a.Body)
		}
		if a.Error == "" || strings.Contains(a.Error, "hush-hush") {
			t.Errorf("%s %d: error %q", c.command, c.code, a.Error)
		}
		if c.command == "RCPT" && !strings.Contains(a.Error, "bob@example.org") {
			t.Errorf("error %q does not say whom the server refused", a.Error)
		}
		if len(p.got()) != 0 {
			t.Errorf("%s %d: somebody got the mail all the same, and a retry would write again", c.command, c.code)
		}
	}
}

func TestMailLoginIsNotShownToServersThatOfferNone(t *testing.T) {
	said := make(chan string, 64)
	addr := script(t, said, "220 hi", "250 mail.test", "221 bye")
	s, e := mailSender(t, &post{t: t, addr: addr, server: &smtp.Server{}}, true, Options{})
	e.Connector.Variables = map[string]string{"username": "shop", "password": "hush"}
	a := sendLetter(t, s, e, plainLetter)
	if a.Outcome != hook.Failed || a.Reason != hook.ReasonAuth {
		t.Fatalf("attempt %+v", a)
	}
	close(said)
	for line := range said {
		if strings.HasPrefix(line, "AUTH") || strings.HasPrefix(line, "MAIL") {
			t.Errorf("said %q", line)
		}
	}
}

// script answers each line of a client with the next of answers, and tells what was said.
// When they run out it says nothing more, and holds the connection.
func script(t testing.TB, said chan<- string, answers ...string) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		lines := bufio.NewScanner(c)
		for _, answer := range answers {
			if _, err := io.WriteString(c, answer+"\r\n"); err != nil || !lines.Scan() {
				return
			}
			select {
			case said <- lines.Text():
			default:
			}
		}
		for lines.Scan() {
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func TestMailServersThatMisbehave(t *testing.T) {
	endless := "220-" + strings.Repeat("x", 1000) + strings.Repeat("\r\n220-"+strings.Repeat("y", 1000), 1000)
	for name, c := range map[string]struct {
		answers []string
		reason  hook.Reason
	}{
		"says nothing":          {nil, hook.ReasonTimeoutHeaders},
		"hangs after hello":     {[]string{"220 hi"}, hook.ReasonTimeoutHeaders},
		"speaks HTTP":           {[]string{"HTTP/1.1 400 Bad Request"}, hook.ReasonBadResponse},
		"never ends":            {[]string{endless}, hook.ReasonBadResponse},
		"is busy":               {[]string{"421 too many"}, hook.ReasonThrottled},
		"serves no mail":        {[]string{"554 no mail here"}, hook.ReasonServer},
		"smuggles a line end":   {[]string{"220 hi", "250 ok", "550 no\x00\x1b[31m"}, hook.ReasonRejected},
		"unexpected code":       {[]string{"220 hi", "250 ok", "354 go on"}, hook.ReasonBadResponse},
		"closes while it talks": {[]string{"220 hi", "250-ok"}, hook.ReasonTimeoutHeaders},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := script(t, make(chan string), c.answers...)
			timeout := time.Minute // is not what ends them
			if c.reason == hook.ReasonTimeoutHeaders {
				timeout = time.Second
			}
			s, e := mailSender(t, &post{t: t, addr: addr, server: &smtp.Server{}}, true, Options{Timeout: timeout})
			start := time.Now()
			a := sendLetter(t, s, e, plainLetter)
			if a.Reason != c.reason || a.Outcome == hook.Success {
				t.Errorf("%s %s: %s", a.Outcome, a.Reason, a.Error)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("the attempt took %s", took)
			}
			if strings.ContainsAny(a.Error, "\x00\x1b\r\n") {
				t.Errorf("error %q", a.Error)
			}
		})
	}
}

func TestMailEndsWithItsContext(t *testing.T) {
	p := newPost(t, postOptions{})
	p.stall = make(chan struct{})
	defer close(p.stall)
	s, e := mailSender(t, p, true, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	p.refuse = func(command, _ string) error {
		if command == "RCPT" {
			time.AfterFunc(10*time.Millisecond, cancel)
		}
		return nil
	}
	if a := sendLetterIn(ctx, s, e, plainLetter); a.Outcome != hook.Failed || a.Reason != hook.ReasonCanceled {
		t.Errorf("attempt %+v", a)
	}
}

func TestMailToANarrowAddressIsBlocked(t *testing.T) {
	p := newPost(t, postOptions{})
	s, _ := mailSender(t, p, false, Options{})
	_, port, _ := net.SplitHostPort(p.addr)
	e := &hook.Endpoint{ID: 2, Application: 1, URL: "smtp://127.0.0.1:" + port + "?from=a@b.example&to=c@d.example"}
	if a := sendLetter(t, s, e, plainLetter); a.Reason != hook.ReasonBlockedPrivate {
		t.Errorf("attempt %+v", a)
	}
}

func TestLettersThatCannotBe(t *testing.T) {
	p := newPost(t, postOptions{})
	s, e := mailSender(t, p, true, Options{})
	var list []string
	for i := range egress.MaxMailRecipients + 1 {
		list = append(list, fmt.Sprintf(`"a%d@b.example"`, i))
	}
	for payload, want := range map[string]string{
		`[1]`: "{subject, text, html, to}", `{"subject": 5, "text": "x"}`: "{subject, text, html, to}", `{"subject": "s"}`: "neither",
		`{"text": "x", "to": 5}`: "to:", `{"text": "x", "to": "nobody"}`: "to:", `{"text": "x", "to": []}`: "addressee", `{"text": "x", "to": ["a@b.example\r\nDATA"]}`: "to:",
		`{"text": "x", "to": [` + strings.Join(list, ",") + `]}`: "at most 50",
	} {
		a := sendLetter(t, s, e, payload)
		if a.Outcome != hook.Failed || a.Reason != hook.ReasonTransformError || !strings.Contains(a.Error, want) {
			t.Errorf("%.60s: %s %s %q, want %q", payload, a.Outcome, a.Reason, a.Error, want)
		}
	}
	if len(p.got()) != 0 {
		t.Error("something was sent")
	}
}

// TestNoTextBecomesAHeader puts line ends wherever a payload reaches.
func TestNoTextBecomesAHeader(t *testing.T) {
	p := newPost(t, postOptions{})
	s, e := mailSender(t, p, true, Options{})
	for _, end := range []string{`\r\n`, `\n`, `\r`, `\u2028`, `\u0085`, `\u0000`} {
		payload := `{"subject": "a` + end + `Bcc: eve@example.net` + end + end + `body", "text": "x` + end + `.` + end + `RCPT TO:<eve@example.net>", "to": "Ada <ada@example.org>"}`
		if a := sendLetter(t, s, e, payload); a.Outcome != hook.Success {
			t.Fatalf("%q: %+v", end, a)
		}
	}
	for _, r := range p.got() {
		h, parts := partsOf(t, r.data)
		if h.Get("Bcc") != "" || len(r.to) != 1 || r.to[0] != "ada@example.org" || len(parts) != 1 {
			t.Errorf("received %+v", r)
		}
		head, _, _ := bytes.Cut([]byte(r.data), []byte("\r\n\r\n"))
		for line := range bytes.SplitSeq(head, []byte("\r\n")) {
			if bytes.ContainsAny(line, "\r\n\x00") || bytes.HasPrefix(bytes.ToLower(line), []byte("bcc")) {
				t.Errorf("header line %q", line)
			}
		}
	}
}

func TestMailTakesBasicCredentialsOnly(t *testing.T) {
	p := newPost(t, postOptions{})
	s, e := mailSender(t, p, true, Options{})
	e.Connector.Variables = map[string]string{"username": "variable", "password": "x"}
	e.Credentials = &hook.Credentials{Basic: &hook.BasicLogin{Username: "above", Password: "hush"}}
	if a := sendLetter(t, s, e, plainLetter); a.Outcome != hook.Success || p.got()[0].user != "above" {
		t.Errorf("attempt %+v, %+v", a, p.got())
	}
	other := *e
	other.Credentials = &hook.Credentials{Bearer: "hush"}
	if a := sendLetter(t, s, &other, plainLetter); a.Reason != hook.ReasonCredentials || len(p.got()) != 1 {
		t.Errorf("attempt %+v", a)
	}
}
