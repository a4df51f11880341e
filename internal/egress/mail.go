package egress

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// MaxMailRecipients is how many addressees one e-mail may have.
const MaxMailRecipients = 50

const (
	submissionPort    = 587 // RFC 6409
	submissionTLSPort = 465 // RFC 8314
	otherSubmission   = 2525
	relayPort         = 25
)

// MailURL is the URL of an SMTP server with who writes and who reads.
type MailURL struct {
	TLS  bool // from the first byte; otherwise by STARTTLS
	Host string
	Port uint16
	From string
	To   []string // may be empty: the script names them then
}

// ParseMailURL checks a URL such as smtp://smtp.example.com:587?from=shop@example.com&to=a@example.com,b@example.com
// that a tenant gave, and returns it in the one spelling in which it is stored. Like
// ParseURL it makes no look-up, and the error is a *URLError. Port 25 is refused unless
// the operator has allowed the address: on it servers take mail for their own people from
// anybody, which would make this one a source of unwanted mail.
func ParseMailURL(raw string, p Policy) (string, error) {
	if len(raw) > MaxURLBytes {
		return refuse("the URL must have at most 2048 bytes")
	}
	if text := badText(raw); text != "" {
		return refuse(text)
	}
	scheme, rest, _ := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if scheme != "smtp" && scheme != "smtps" {
		return refuse("the URL of an SMTP server must begin with smtp:// or smtps://")
	}
	if strings.Contains(rest, "#") {
		return refuse("the URL must not have a fragment (#...)")
	}
	before, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(before, "/")
	switch {
	case path != "":
		return refuse("the URL of an SMTP server has no path: after the host come only ?from=...&to=...")
	case authority == "":
		return refuse("the URL must name a host after " + scheme + "://")
	case strings.Contains(authority, "@"):
		return refuse("the URL must not contain a user name or password; give them as variables of the connector")
	case strings.Contains(authority, "%"):
		return refuse("the host must not contain percent signs")
	}
	hostText, portText, text := splitPort(authority)
	if text != "" {
		return refuse(text)
	}
	host, addr, text := parseHost(hostText, p)
	if text != "" {
		return refuse(text)
	}
	isAllowed := addr.IsValid() && p.Guard.Allows(addr)
	if addr.IsValid() {
		if err := p.Guard.Judge(addr); err != nil {
			return refuse("the host must be a public address: " + strings.TrimPrefix(err.Error(), "blocked: "))
		}
	}
	port, text := mailPort(scheme, portText, isAllowed)
	if text != "" {
		return refuse(text)
	}
	query, text = mailQuery(query)
	if text != "" {
		return refuse(text)
	}
	out := scheme + "://" + host + port + "?" + query
	if len(out) > MaxURLBytes {
		return refuse("the URL must have at most 2048 bytes after encoding")
	}
	return out, nil
}

// mailPort returns ":port", or "" for the scheme's default.
func mailPort(scheme, port string, isAllowed bool) (out, text string) {
	if port == "" {
		return "", ""
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || port[0] == '+' {
		return "", "the port must be a number from 1 to 65535"
	}
	switch {
	case isAllowed, n == submissionPort, n == submissionTLSPort, n == otherSubmission, n >= 1024 && !isBadPort(uint16(n)):
	case n == relayPort:
		return "", "the port 25 is for mail between servers; use 587, or 465 with smtps://"
	default:
		return "", "the port " + strconv.FormatUint(n, 10) + " is none on which mail is handed in; use 587, or 465 with smtps://"
	}
	if scheme == "smtp" && n == submissionPort || scheme == "smtps" && n == submissionTLSPort {
		return "", ""
	}
	return ":" + strconv.FormatUint(n, 10), ""
}

// mailQuery checks who writes and who reads.
func mailQuery(query string) (out, text string) {
	// A plus is a letter of addresses, not a blank.
	values, err := url.ParseQuery(strings.ReplaceAll(query, "+", "%2B"))
	if err != nil {
		return "", "what follows the question mark must be from=...&to=..., percent-encoded"
	}
	for name, list := range values {
		if name != "from" && name != "to" {
			return "", "after the host come only from and to"
		}
		if len(list) != 1 {
			return "", name + " must stand once; several addresses go with commas between"
		}
	}
	from, text := MailAddress(values.Get("from"))
	if text != "" {
		return "", "from: " + text
	}
	out = "from=" + escapeAddress(from)
	if !values.Has("to") {
		return out, ""
	}
	list := strings.Split(values.Get("to"), ",")
	if len(list) > MaxMailRecipients {
		return "", "to: at most 50 addresses may be given"
	}
	for i, one := range list {
		if list[i], text = MailAddress(strings.TrimSpace(one)); text != "" {
			return "", "to: " + text
		}
		list[i] = escapeAddress(list[i])
	}
	return out + "&to=" + strings.Join(list, ","), ""
}

// escapeAddress encodes what has a meaning in a query.
func escapeAddress(address string) string {
	return strings.NewReplacer("%", "%25", "&", "%26", "+", "%2B", "#", "%23", "=", "%3D", "`", "%60", "{", "%7B", "|", "%7C", "}", "%7D", "^", "%5E", "'", "%27").Replace(address)
}

// MailAddress checks a plain address without a name beside it, and returns it with its
// domain in ASCII. Quoted local parts and address literals are refused: nobody has one,
// and they hide what would end a line or a list elsewhere (RFC 5321 section 4.1.2). A text
// that is not "" says what is wrong.
func MailAddress(s string) (address, text string) {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 || len(s) > 254 {
		return "", "must be an address such as shop@example.com"
	}
	local := s[:at]
	for i := range len(local) {
		c := local[i]
		isLetter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !isLetter && strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", c) < 0 {
			return "", "what stands before the @ must be ASCII letters, digits and signs without blanks, quotes or commas"
		}
	}
	if local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return "", "what stands before the @ must not begin or end with a dot, or hold two in a row"
	}
	domain, text := asciiName(strings.TrimSuffix(s[at+1:], "."))
	if text != "" || at+1+len(domain) > 254 || !strings.Contains(domain, ".") && domain != "localhost" {
		return "", "what follows the @ must be a host name such as example.com"
	}
	if _, err := netip.ParseAddr(domain); err == nil {
		return "", "what follows the @ must be a host name, not an address"
	}
	return local + "@" + domain, ""
}

// ReadMailURL returns the parts of a URL that ParseMailURL has returned.
func ReadMailURL(normal string) (m MailURL, err error) {
	u, err := url.Parse(normal)
	if err != nil {
		return m, &URLError{"the URL of the SMTP server cannot be read"}
	}
	m = MailURL{TLS: u.Scheme == "smtps", Host: u.Hostname(), Port: submissionPort}
	if m.TLS {
		m.Port = submissionTLSPort
	}
	if u.Port() != "" {
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil {
			return m, &URLError{"the URL of the SMTP server has a port that cannot be read"}
		}
		m.Port = uint16(port)
	}
	values := u.Query()
	m.From = values.Get("from")
	if to := values.Get("to"); to != "" {
		m.To = strings.Split(to, ",")
	}
	return m, nil
}

// Allows reports whether the operator has allowed an address that would be refused otherwise.
func (d *Dialer) Allows(a netip.Addr) bool { return d.guard.Allows(a) }
