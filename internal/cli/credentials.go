package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

const credentialsPath = "/x/v1/app/{}/endpoint/{}/credentials"

// credentialNames are the parts of an endpoint's credentials, as the API calls them.
var credentialNames = []string{"basic", "bearer", "oauth2", "apiKey", "hmac", "mtls", "ca", "proxy", "sourceAddress"}

// logins are those that fill the header Authorization: one takes the place of another.
var logins = []string{"basic", "bearer", "oauth2"}

func (p *program) credentials() *cobra.Command {
	return p.group(&cobra.Command{
		Use: "credentials", Short: "What requests to an endpoint prove themselves with beside the signature",
		Long: `What requests to an endpoint prove themselves with beside the signature: a login, an OAuth 2
token, an API key, a signature in another sender's layout, a client certificate; and on
which way they leave: an authority of the receiver's own, a proxy, a source address.

Secrets are read from files (@FILE) or standard input (-), and never shown again.
See docs/credentials.md.`,
		Example: `  hookloft credentials set acme/billing --bearer @token
  hookloft credentials show acme/billing
  hookloft credentials remove acme/billing bearer`,
	}, p.showCredentials(), p.setCredentials(), p.removeCredentials())
}

func credentialsView() view[api.CredentialsOut] {
	const none = "-"
	return view[api.CredentialsOut]{columns: []column[api.CredentialsOut]{
		{"LOGIN", func(c api.CredentialsOut) string {
			switch {
			case c.Basic != nil:
				return "basic, user " + c.Basic.Username
			case c.Bearer != nil:
				return "bearer token"
			case c.OAuth2 != nil:
				return "oauth2, client " + c.OAuth2.ClientID + " at " + c.OAuth2.TokenURL
			}
			return none
		}},
		{"API KEY", func(c api.CredentialsOut) string {
			if c.APIKey == nil {
				return none
			}
			return c.APIKey.Name + " in the " + c.APIKey.In
		}},
		{"HMAC", func(c api.CredentialsOut) string {
			if c.HMAC == nil {
				return none
			}
			return c.HMAC.Header + ": " + c.HMAC.Value + ", " + c.HMAC.Algorithm
		}},
		{"CERTIFICATE", func(c api.CredentialsOut) string {
			if c.MTLS == nil {
				return none
			}
			return fmt.Sprintf("%s, until %s (%d days)", c.MTLS.Certificate.Subject, moment(c.MTLS.NotAfter), c.MTLS.DaysLeft)
		}},
		{"CA", func(c api.CredentialsOut) string {
			if c.CA == nil {
				return none
			}
			var names []string
			for _, one := range c.CA.Certificates {
				names = append(names, fmt.Sprintf("%s, until %s", one.Subject, moment(one.NotAfter)))
			}
			return strings.Join(names, "; ")
		}},
		{"PROXY", func(c api.CredentialsOut) string {
			if c.Proxy == nil {
				return none
			}
			return c.Proxy.URL
		}},
		{"FROM", func(c api.CredentialsOut) string {
			if c.SourceAddress == nil {
				return "any address"
			}
			return *c.SourceAddress
		}},
	}}
}

// printCredentials prints credentials, and warnings on standard error. An id there is none, so
// the names of what is set stand for it.
func (r *remote) printCredentials(raw json.RawMessage) error {
	var out api.CredentialsOut
	if err := json.Unmarshal(raw, &out); err != nil {
		return fmt.Errorf("the server's answer is not what was expected: %w", err)
	}
	for _, warning := range out.Warnings {
		r.notef("warning: %s", warning)
	}
	v := credentialsView()
	v.id = func(api.CredentialsOut) string {
		var parts fields
		_ = json.Unmarshal(raw, &parts) // it was read right above
		return strings.Join(slices.DeleteFunc(slices.Clone(credentialNames), func(name string) bool { return isNull(parts[name]) }), "\n")
	}
	return printOne(r, v, raw)
}

func (p *program) showCredentials() *cobra.Command {
	return p.onEndpoint(&cobra.Command{
		Use: "show ENDPOINT [flags]", Short: "Show an endpoint's credentials, without their secrets",
		Example: "  hookloft credentials show acme/billing\n  hookloft credentials show acme/billing --output json --jq .mtls.daysLeft",
	}, func(r *remote, e endpointRef) error {
		var raw json.RawMessage
		if err := r.call(http.MethodGet, client.Path(credentialsPath, e.app, e.endpoint), nil, &raw); err != nil {
			return err
		}
		return r.printCredentials(raw)
	})
}

// credentialFlags are what `credentials set` is given.
type credentialFlags struct {
	file, basic, password, bearer, oauth2   string
	apiKey, apiKeyIn, key                   string
	hmac, hmacSecret                        string
	mtls                                    []string
	ca                                      string
	proxy, proxyUser, proxyPassword, source string
}

func (p *program) setCredentials() *cobra.Command {
	var f credentialFlags
	cmd := &cobra.Command{
		Use: "set ENDPOINT [flags]", Short: "Set some of an endpoint's credentials",
		Long: `Set some of an endpoint's credentials; the others stay. Of --basic, --bearer and --oauth2
one takes the place of another. With --file all of them are replaced.`,
		Example: `  hookloft credentials set acme/billing --basic shop --password @password
  hookloft credentials set acme/billing --oauth2 oauth.json
  hookloft credentials set acme/billing --hmac github --hmac-secret -
  hookloft credentials set acme/billing --mtls client.crt --mtls client.key --ca internal-ca.pem`,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.file, "file", "", "JSON `FILE` with all credentials as in the API, or - for standard input; it replaces what is set.")
	flags.StringVar(&f.basic, "basic", "", "Log in as `USER` (HTTP Basic); needs --password.")
	flags.StringVar(&f.password, "password", "", "`@FILE` with the password, or - for standard input.")
	flags.StringVar(&f.bearer, "bearer", "", "`@FILE` with a token that never changes, or - for standard input.")
	flags.StringVar(&f.oauth2, "oauth2", "", "JSON `FILE` that says how access tokens are got, or - for standard input.")
	flags.StringVar(&f.apiKey, "api-key", "", "Send a key under `NAME`; needs --key.")
	flags.StringVar(&f.apiKeyIn, "api-key-in", "header", "Where the key goes: `header or query`.")
	flags.StringVar(&f.key, "key", "", "`@FILE` with the key, or - for standard input.")
	flags.StringVar(&f.hmac, "hmac", "", "Sign in the layout of `SENDER`, too: github, stripe, shopify or slack; needs --hmac-secret.")
	flags.StringVar(&f.hmacSecret, "hmac-secret", "", "`@FILE` with the shared secret, or - for standard input.")
	flags.StringArrayVar(&f.mtls, "mtls", nil, "PEM `FILE` with the client certificate, its chain or its key, or - for standard input. Repeatable.")
	flags.StringVar(&f.ca, "ca", "", "PEM `FILE` with the authorities of the receiver's certificate, or - for standard input.")
	flags.StringVar(&f.proxy, "proxy", "", "`URL` of an HTTP proxy to connect through.")
	flags.StringVar(&f.proxyUser, "proxy-user", "", "`USER` at the proxy; needs --proxy-password.")
	flags.StringVar(&f.proxyPassword, "proxy-password", "", "`@FILE` with the password at the proxy, or - for standard input.")
	flags.StringVar(&f.source, "source-address", "", "Local `ADDRESS` to leave from, one that the operator offers.")
	return p.onEndpoint(cmd, func(r *remote, e endpointRef) error {
		parts, err := f.parts(p)
		if err != nil {
			return err
		}
		if f.file == "" {
			if parts, err = r.mergedCredentials(e, parts, nil); err != nil {
				return err
			}
		}
		return r.putCredentials(e, parts)
	})
}

// parts returns the credentials that the flags hold, as the API spells them.
func (f *credentialFlags) parts(p *program) (fields, error) {
	parts := fields{}
	var failed error
	secret := func(flag, text string) string {
		value, err := p.secretFile(flag, text)
		if err != nil && failed == nil {
			failed = err
		}
		return value
	}
	set := func(name string, v any) {
		raw, err := json.Marshal(v)
		if err != nil && failed == nil {
			failed = err
		}
		parts[name] = raw
	}
	document := func(flag, name string) json.RawMessage {
		text := secret(flag, atFile(name))
		if failed == nil && !json.Valid([]byte(text)) {
			failed = usagef("%s: this is not JSON", flag)
		}
		return json.RawMessage(text)
	}
	if f.file != "" {
		raw := document("--file", f.file)
		if failed == nil && json.Unmarshal(raw, &parts) != nil {
			failed = usagef("--file: must be an object with %s", strings.Join(credentialNames, ", "))
		}
		if failed == nil {
			if err := known(parts, "--file", credentialNames); err != nil {
				failed = usagef("%w", err)
			}
		}
	}
	if f.basic != "" {
		set("basic", api.CredentialsBasicIn{Username: f.basic, Password: pointerTo(secret("--password", f.password))})
	}
	if f.bearer != "" {
		set("bearer", api.CredentialsBearerIn{Token: pointerTo(secret("--bearer", f.bearer))})
	}
	if f.oauth2 != "" {
		parts["oauth2"] = document("--oauth2", f.oauth2)
	}
	if f.apiKey != "" {
		set("apiKey", api.CredentialsAPIKeyIn{In: f.apiKeyIn, Name: f.apiKey, Value: pointerTo(secret("--key", f.key))})
	}
	if f.hmac != "" {
		set("hmac", api.CredentialsHMACIn{Preset: &f.hmac, Secret: pointerTo(secret("--hmac-secret", f.hmacSecret))})
	}
	if len(f.mtls) > 0 {
		var texts []string
		for _, name := range f.mtls {
			texts = append(texts, secret("--mtls", atFile(name)))
		}
		set("mtls", api.CredentialsMTLSIn{Identity: pointerTo(strings.Join(texts, "\n"))})
	}
	if f.ca != "" {
		set("ca", api.CredentialsCAIn{Cert: pointerTo(secret("--ca", atFile(f.ca)))})
	}
	if f.proxy != "" {
		proxy := api.CredentialsProxyIn{URL: f.proxy}
		if f.proxyUser != "" {
			proxy.Username, proxy.Password = &f.proxyUser, pointerTo(secret("--proxy-password", f.proxyPassword))
		}
		set("proxy", proxy)
	}
	if f.source != "" {
		set("sourceAddress", f.source)
	}
	if failed == nil && len(parts) == 0 && f.file == "" {
		failed = usagef("nothing to set: give --basic, --bearer, --oauth2, --api-key, --hmac, --mtls, --ca, --proxy, --source-address or --file")
	}
	return parts, failed
}

func pointerTo(s string) *string { return &s }

// atFile names a file as secretFile wants it.
func atFile(name string) string {
	if name == "-" {
		return name
	}
	return "@" + name
}

// secretFile is secretText for what must not stand on a command line, where others can read it.
func (p *program) secretFile(flag, text string) (string, error) {
	if text == "" {
		return "", usagef("%s is missing: give @FILE, or - for standard input", flag)
	}
	if text != "-" && !strings.HasPrefix(text, "@") {
		return "", usagef("%s: give @FILE, or - for standard input: what stands on a command line can be read by others", flag)
	}
	if name, ok := strings.CutPrefix(text, "@"); ok {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			return "", usagef("%s: %s is a directory", flag, name)
		}
	}
	return p.secretText(flag, text)
}

// mergedCredentials returns the credentials that an endpoint has, with parts put over them and
// some taken away. Secrets are not among them: what is absent there stays.
func (r *remote) mergedCredentials(e endpointRef, parts fields, without []string) (fields, error) {
	var have fields
	if err := r.call(http.MethodGet, client.Path(credentialsPath, e.app, e.endpoint), nil, &have); err != nil {
		return nil, err
	}
	all := fields{}
	for _, name := range credentialNames {
		replaced := slices.Contains(logins, name) && slices.ContainsFunc(logins, func(l string) bool { return parts[l] != nil })
		switch {
		case parts[name] != nil:
			all[name] = parts[name]
		case !isNull(have[name]) && !replaced && !slices.Contains(without, name):
			all[name] = have[name]
		}
	}
	return all, nil
}

func (r *remote) putCredentials(e endpointRef, parts fields) error {
	var raw json.RawMessage
	if err := r.call(http.MethodPut, client.Path(credentialsPath, e.app, e.endpoint), parts, &raw); err != nil {
		return err
	}
	return r.printCredentials(raw)
}

func (p *program) removeCredentials() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "remove ENDPOINT [NAME]... [flags]", Short: "Remove some of an endpoint's credentials, or all",
		Long: `Remove some of an endpoint's credentials: basic, bearer, oauth2, apiKey, hmac, mtls, ca, proxy
or sourceAddress. Without a name all are removed.`,
		Example: "  hookloft credentials remove acme/billing oauth2 ca\n  hookloft credentials remove acme/billing --yes",
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "Do not ask.")
	remote := p.remote(cmd, func(r *remote, args []string) error {
		e, err := r.resolve(args[0])
		if err != nil {
			return err
		}
		if names := args[1:]; len(names) > 0 {
			parts, err := r.mergedCredentials(e, nil, names)
			if err != nil {
				return noEndpoint(err, args[0])
			}
			return noEndpoint(r.putCredentials(e, parts), args[0])
		}
		if err := r.confirm(yes, "Remove all credentials of "+cell(e.endpoint)+"? Requests to it go without them at once."); err != nil {
			return err
		}
		if err := r.call(http.MethodDelete, client.Path(credentialsPath, e.app, e.endpoint), nil, nil); err != nil {
			return noEndpoint(err, args[0])
		}
		r.notef("removed the credentials of %s", e.endpoint)
		return nil
	})
	remote.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("ENDPOINT is missing")
		}
		for _, name := range args[1:] {
			if !slices.Contains(credentialNames, name) {
				return usagef("NAME is one of %s, not %q", strings.Join(credentialNames, ", "), name)
			}
		}
		return nil
	}
	remote.ValidArgsFunction = completeWith(p.completeEndpoints)
	return remote
}
