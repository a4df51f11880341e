package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
	"github.com/hookloft/hookloft/internal/server"
	"github.com/hookloft/hookloft/internal/transform"
)

// The verdicts of a check.
const (
	checkOK   = "ok"
	checkWarn = "warn"
	checkFail = "fail"
)

const (
	// A receiver refuses a signature whose time is five minutes off (Standard Webhooks);
	// a minute is a clock that nobody keeps.
	skewWarn, skewFail = 5 * time.Second, time.Minute
	// certificateWarn is when whatever renews a certificate should have done so.
	certificateWarn = 21 * 24 * time.Hour
	// Below fewFiles a server cannot have many attempts in flight: it uses half of them.
	fewFiles                    = 4096
	littleSpace, hardlyAnySpace = 2 << 30, 256 << 20
	doctorTimeout               = 10 * time.Second
)

// finding is what one check found.
type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"`
	Detail string `json:"detail"`
	// Next is what to do about it.
	Next string `json:"next,omitempty"`
}

func (p *program) doctor() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "Check this machine's settings, the server and the token",
		Long: `Check the profiles, the server and its version, the token, the clocks, the certificate,
whether scripts run here and, with --data, a data directory on this machine. Each line is ok, warn or fail, with
what to do next. Exits 1 when anything fails. Nothing is changed.`,
		Example: `  hookloft doctor
  hookloft doctor --data /var/lib/hookloft
  hookloft doctor --output json --jq '.[] | select(.result != "ok")'`,
		Args: arguments(),
	}
	cmd.Flags().StringVar(&data, "data", "", "`DIRECTORY` of a server on this machine to look at, too.")
	remote := p.remote(cmd, nil)
	// A target that is wrong is a finding, so the flags are judged here.
	remote.RunE = func(cmd *cobra.Command, _ []string) error {
		var f remoteFlags
		flags := cmd.Flags()
		for name, text := range map[string]*string{"server": &f.server, "token": &f.token, "profile": &f.profile, "color": &f.color, "output": &f.output.format, "jq": &f.output.jq} {
			*text = flags.Lookup(name).Value.String()
		}
		f.quiet, f.verbose = flags.Lookup("quiet").Value.String() == "true", flags.Lookup("verbose").Value.String() == "true"
		return p.examine(cmd.Context(), &f, data)
	}
	return remote
}

func (p *program) examine(ctx context.Context, f *remoteFlags, data string) error {
	r := &remote{program: p, ctx: ctx, quiet: f.quiet, verbose: f.verbose}
	var err error
	if p.paint, err = p.palette(f.color); err != nil {
		return err
	}
	if r.out, err = p.newOutput(ctx, f.output); err != nil {
		return err
	}
	var list []finding
	t, err := p.target(f)
	list = append(list, p.checkProfiles(t, err))
	if err == nil {
		list = append(list, r.checkServer(t)...)
	}
	if data != "" {
		list = append(list, checkData(ctx, data)...)
	}
	list = append(list, checkFiles(), checkSandbox(ctx, transform.Options{}))
	if err := r.printFindings(list); err != nil {
		return err
	}
	for _, one := range list {
		if one.Result == checkFail {
			return errors.New("something is wrong: see the lines with fail")
		}
	}
	return nil
}

func (r *remote) printFindings(list []finding) error {
	if r.out.format != formatTable {
		return printRows(r, view[finding]{id: func(f finding) string { return f.Check }}, encoded(list))
	}
	colour := map[string]func(string) string{checkOK: r.paint.green, checkWarn: r.paint.yellow, checkFail: r.paint.red}
	for _, f := range list {
		if _, err := fmt.Fprintf(r.Out, "%s  %s: %s\n", colour[f.Result](fmt.Sprintf("%-4s", f.Result)), f.Check, cell(f.Detail)); err != nil {
			return err
		}
		if f.Next != "" {
			fmt.Fprintf(r.Out, "      -> %s\n", cell(f.Next))
		}
	}
	return nil
}

func (p *program) checkProfiles(t target, err error) finding {
	f := finding{Check: "settings", Result: checkOK}
	switch {
	case err != nil:
		f.Result, f.Detail, f.Next = checkFail, err.Error(), "mend that, or name server and token with --server and --token"
		return f
	case t.warning != "":
		f.Result, f.Detail, f.Next = checkWarn, t.warning, "chmod 600 it; if others use this machine, replace the token"
		return f
	}
	f.Detail = fmt.Sprintf("server %s (%s)", t.server, t.serverFrom)
	if t.tokenFrom != "" {
		f.Detail += fmt.Sprintf(", token from %s", t.tokenFrom)
	}
	return f
}

// checkServer asks the server for its version, its readiness and the token.
func (r *remote) checkServer(t target) []finding {
	ctx, cancel := context.WithTimeout(r.ctx, doctorTimeout)
	defer cancel()
	seen := &witness{next: http.DefaultTransport}
	c, err := client.New(t.server, t.token, client.Options{Transport: seen, Retries: -1, Timeout: doctorTimeout, Trace: r.trace})
	if err != nil {
		return []finding{{"server", checkFail, err.Error(), "give a URL like https://hooks.example.com"}}
	}
	var document struct {
		Info struct{ Title, Version string }
	}
	err = c.Call(ctx, http.MethodGet, "/api/v1/openapi.json", nil, &document)
	if err != nil {
		words, next, _ := strings.Cut(explain(err), "\n")
		return []finding{{"server", checkFail, words, next}}
	}
	list := []finding{{Check: "server", Result: checkOK, Detail: fmt.Sprintf("%s, version %s", document.Info.Title, document.Info.Version)}}
	if own := server.ReadBuild().Version; own != document.Info.Version {
		list[0].Result, list[0].Next = checkWarn, "this program is version "+own+": use the same, so that every command finds its operation"
	}
	list = append(list, checkReady(ctx, c), seen.clocks(), seen.certificate(t.server, time.Now()))
	return append(list, append([]finding{checkToken(ctx, c, t)}, checkCertificates(ctx, c)...)...)
}

// checkCertificates looks for certificates of endpoints that end soon. Who may not list them
// is told nothing.
func checkCertificates(ctx context.Context, c *client.Client) (list []finding) {
	var out api.ExpiringCredentials
	if err := c.Call(ctx, http.MethodGet, "/x/v1/expiring-credentials", nil, &out); err != nil {
		return nil
	}
	const most = 10
	for i, one := range out.Data {
		f := finding{Check: "credentials", Result: checkWarn, Next: "'hookloft credentials set " + one.EndpointID + " --" + one.Part + " FILE', before it ends"}
		if i == most {
			f.Detail, f.Next = fmt.Sprintf("%d more certificates of endpoints end soon", len(out.Data)-most), "'hookloft api get /x/v1/expiring-credentials' lists them"
			return append(list, f)
		}
		what := map[string]string{"mtls": "client certificate", "ca": "CA certificate"}[one.Part]
		f.Detail = fmt.Sprintf("the %s of %s ends in %d days, at %s", what, one.EndpointID, one.DaysLeft, moment(one.NotAfter))
		if one.DaysLeft < 0 {
			f.Detail = fmt.Sprintf("the %s of %s has ended, at %s", what, one.EndpointID, moment(one.NotAfter))
		}
		list = append(list, f)
	}
	return list
}

func checkReady(ctx context.Context, c *client.Client) finding {
	f := finding{Check: "ready", Result: checkOK, Detail: "takes messages"}
	if err := c.Call(ctx, http.MethodGet, "/api/v1/health", nil, nil); err != nil {
		f.Result, f.Detail, f.Next = checkFail, explain(err), "look into the server's log, and at its disk"
	}
	return f
}

func checkToken(ctx context.Context, c *client.Client, t target) finding {
	f := finding{Check: "token", Result: checkOK}
	if t.token == "" {
		f.Result, f.Detail, f.Next = checkFail, "there is none", "'hookloft token create' where the server runs, then 'hookloft login'"
		return f
	}
	var who api.WhoamiOut
	if err := c.Call(ctx, http.MethodGet, whoamiPath, nil, &who); err != nil {
		words, next, _ := strings.Cut(explain(err), "\n")
		f.Result, f.Detail, f.Next = checkFail, words, next
		return f
	}
	f.Detail = "valid for " + whose(who)
	switch err := c.Call(ctx, http.MethodGet, "/api/v1/app?limit=1", nil, nil); {
	case err == nil:
		f.Detail += "; it may read applications"
	case client.StatusOf(err) == http.StatusForbidden && who.AppID != nil:
		f.Detail += "; it sees that application alone"
	case client.StatusOf(err) == http.StatusForbidden:
		f.Detail += "; its scopes do not let it read applications"
	default:
		f.Result, f.Detail = checkWarn, f.Detail+"; "+explain(err)
	}
	return f
}

// witness is a transport that keeps what an answer says beside its body.
type witness struct {
	next http.RoundTripper
	date string
	skew time.Duration // how far this machine's clock is ahead of the server's
	tls  *tls.ConnectionState
}

func (w *witness) RoundTrip(req *http.Request) (*http.Response, error) {
	before := time.Now()
	res, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	w.tls = res.TLS
	w.date = res.Header.Get("Date")
	if at, err := http.ParseTime(w.date); err == nil {
		after := time.Now()
		// Date is cut to the second: the server's clock was anywhere in [at, at+1 s), and
		// ours anywhere between before and after.
		switch {
		case before.After(at.Add(time.Second)):
			w.skew = before.Sub(at.Add(time.Second))
		case after.Before(at):
			w.skew = after.Sub(at)
		default:
			w.skew = 0
		}
	}
	return res, nil
}

func (w *witness) clocks() finding {
	f := finding{Check: "clocks", Result: checkOK, Detail: "this machine and the server agree"}
	if _, err := http.ParseTime(w.date); err != nil {
		f.Result, f.Detail = checkWarn, "the server's answers do not say its time"
		return f
	}
	off := w.skew.Abs().Round(time.Second)
	if off < skewWarn {
		return f
	}
	f.Result = checkWarn
	if off >= skewFail {
		f.Result = checkFail
	}
	f.Detail = fmt.Sprintf("this machine's clock is %v %s the server's", off, map[bool]string{true: "ahead of", false: "behind"}[w.skew > 0])
	f.Next = "keep both by NTP: receivers refuse signatures whose time is five minutes off"
	return f
}

func (w *witness) certificate(url string, now time.Time) finding {
	f := finding{Check: "certificate", Result: checkOK}
	if w.tls == nil || len(w.tls.PeerCertificates) == 0 {
		f.Detail = "none: the server is called without TLS on this machine"
		if readable(url) {
			f.Result, f.Detail, f.Next = checkWarn, "none: what is sent can be read on the way", "give the server a certificate, or a proxy with one, and use https"
		}
		return f
	}
	left := w.tls.PeerCertificates[0].NotAfter.Sub(now)
	f.Detail = fmt.Sprintf("valid for %d days more, until %s", int(left/(24*time.Hour)), moment(w.tls.PeerCertificates[0].NotAfter))
	if left < certificateWarn {
		f.Result, f.Next = checkWarn, "renew it; the server takes a changed file without a restart"
	}
	return f
}

func checkData(ctx context.Context, dir string) []finding {
	report, err := server.InspectData(ctx, dir)
	switch {
	case err != nil:
		return []finding{{"data", checkFail, err.Error(), "run this as the user that the server runs as"}}
	case !report.Exists:
		return []finding{{"data", checkFail, "there is no " + dir, "name the directory that 'hookloft serve --data' has"}}
	case !report.HasStore:
		return []finding{{"data", checkWarn, "there is no store in " + dir + " yet", "'hookloft serve' makes it"}}
	}
	held := finding{Check: "data", Result: checkOK, Detail: fmt.Sprintf("%s holds %s; no server runs on it", dir, bytesText(report.Bytes))}
	if report.Served {
		held.Detail = fmt.Sprintf("%s holds %s; a server runs on it", dir, bytesText(report.Bytes))
	}
	if !report.Writable {
		held.Result, held.Detail, held.Next = checkFail, "this user may not write to "+dir, "run this as the user that the server runs as, or give it the directory"
	}
	list := []finding{held}
	rights := finding{Check: "rights", Result: checkOK, Detail: "for their owner alone"}
	if len(report.Open) > 0 {
		rights.Result, rights.Detail, rights.Next = checkWarn, "others may read or write "+strings.Join(report.Open, ", "), "chmod -R go-rwx "+dir
	}
	list = append(list, rights)
	if report.KeyMissing {
		list = append(list, finding{"key", checkWarn, "main.key is not in " + dir, "right where the main secret is given (--main-secret); else put the key back before the next start"})
	}
	if report.FreeBytes >= 0 {
		space := finding{Check: "space", Result: checkOK, Detail: bytesText(report.FreeBytes) + " free"}
		switch {
		case report.FreeBytes < hardlyAnySpace:
			space.Result = checkFail
		case report.FreeBytes < littleSpace:
			space.Result = checkWarn
		}
		if space.Result != checkOK {
			space.Next = "make room, or keep less (--retention-bytes, 'hookloft prune'): without space publishing answers 503"
		}
		list = append(list, space)
	}
	return list
}

func checkFiles() finding {
	limit := server.FileLimit()
	f := finding{Check: "open files", Result: checkOK, Detail: fmt.Sprintf("a server started from here may open %s", thousands(int64(limit)))}
	if limit < fewFiles {
		f.Result, f.Next = checkWarn, "raise it (ulimit -n, LimitNOFILE=): half of them are what attempts in flight may use"
	}
	return f
}

// checkSandbox runs a script as a server would that is started from here.
func checkSandbox(ctx context.Context, o transform.Options) finding {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	pool := transform.New(o)
	defer pool.Close()
	err := pool.Check(ctx, 0, "function handler(webhook) { return webhook }")
	var failed *transform.Error
	switch {
	case err == nil:
		return finding{Check: "sandbox", Result: checkOK, Detail: "scripts of transformations and connectors run here"}
	case errors.As(err, &failed) && failed.Cause != nil:
		err = failed.Cause
	}
	return finding{
		"sandbox", checkWarn, "scripts of transformations and connectors do not run here: " + err.Error(),
		"let this user start the program's own file: no noexec mount, room for more processes and memory; other deliveries go on without it",
	}
}
