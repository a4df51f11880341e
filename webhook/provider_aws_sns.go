package webhook

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	snsHost = regexp.MustCompile(`^sns\.[a-zA-Z0-9-]{3,}\.amazonaws\.com(\.cn)?$`)
	snsPath = regexp.MustCompile(`^/[A-Za-z0-9_-]{1,128}\.pem$`)
	// snsAccount is how far a pattern of topics must go: whoever has an AWS account can make a topic.
	snsAccount = regexp.MustCompile(`^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]+:`)
)

// awsSNS: docs.aws.amazon.com/sns, "Verifying the signatures of Amazon SNS messages".
var awsSNS = provider{
	Preset: Preset{
		Name: "aws-sns", Title: "AWS SNS (HTTP/S subscription)", Family: "rsa-cert",
		Summary: "RSA with SHA-256 (SignatureVersion 2) or SHA-1 (1) over the members of the body, with the certificate that SigningCertURL names on an SNS host, for topics that are listed. Raw delivery is not signed and is refused.",
		Settings: append([]Setting{
			{Name: "allowed_topic_arns", Required: true, Summary: "the topics, as a JSON array or with commas between them; arn:aws:sns:REGION:ACCOUNT:* for all of an account"},
			// AWS publishes the certificate without the authority's, so that a chain needs ca_pem.
		}, certificateSettings("host", "required")...),
		ID:         "body MessageId",
		Deadline:   15 * time.Second,
		Retry:      "50 attempts in about 1 hour, if no delivery policy says otherwise; a 4xx other than 429 ends it",
		RetryFor:   time.Hour,
		Handshake:  "a signed SubscriptionConfirmation, finished with a GET of its SubscribeURL",
		Confidence: Confidence{Docs, Docs, Memory, Memory},
		Docs:       "https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
	},
	facts: facts{id: body("MessageId"), eventType: body("Type"), time: body("Timestamp")},
	open: func(s *settings) (scheme, error) {
		certificates, err := newCertificates(s, snsHost, snsPath, nil)
		if err != nil {
			return nil, err
		}
		topics, err := snsTopics(s)
		if err != nil {
			return nil, err
		}
		return &snsScheme{certificates, topics, s.tolerance()}, nil
	},
	handshake: func(v *ProviderVerifier, r *Request, now time.Time) (*Answer, error) {
		if r.Method != http.MethodPost || jsonText(jsonFind(r.Body, []string{"Type"})) != "SubscriptionConfirmation" {
			return nil, nil
		}
		if _, err := v.scheme.verify(r, now); err != nil {
			return nil, err
		}
		visit := jsonText(jsonFind(r.Body, []string{"SubscribeURL"}))
		u, err := url.Parse(visit)
		if err != nil || len(visit) > 4096 || u.Scheme != "https" || u.User != nil || u.Port() != "" || !snsHost.MatchString(u.Host) ||
			u.Query().Get("Action") != "ConfirmSubscription" {
			return nil, fmt.Errorf("%w: SubscribeURL is not one of SNS", ErrNoMatch)
		}
		return &Answer{Status: http.StatusOK, Visit: visit}, nil
	},
	sign: signSNS,
}

func snsTopics(s *settings) ([]string, error) {
	topics, err := s.list("allowed_topic_arns")
	if err != nil {
		return nil, err
	}
	for _, topic := range topics {
		if !snsAccount.MatchString(topic) {
			return nil, invalidSetting("allowed_topic_arns: a topic is arn:aws:sns:REGION:ACCOUNT:NAME")
		}
	}
	if len(topics) == 0 || len(topics) > 1000 {
		return nil, invalidSetting("allowed_topic_arns holds 1 to 1000 topics")
	}
	return topics, nil
}

type snsScheme struct {
	certificates *certificates
	topics       []string
	tolerance    time.Duration
}

func (s *snsScheme) verify(r *Request, now time.Time) (time.Time, error) {
	if strings.EqualFold(r.Header.Get("X-Amz-Sns-Rawdelivery"), "true") {
		return time.Time{}, fmt.Errorf("%w: raw delivery is not signed; turn it off", ErrMissingHeader)
	}
	m, err := snsParse(r.Body)
	if err != nil {
		return time.Time{}, err
	}
	if !slices.ContainsFunc(s.topics, func(topic string) bool {
		account, all := strings.CutSuffix(topic, "*")
		return topic == m.topic || all && strings.HasPrefix(m.topic, account)
	}) {
		return time.Time{}, fmt.Errorf("%w: the topic is not one of allowed_topic_arns", ErrNoMatch)
	}
	if err := s.certificates.verify(m.certificate, m.hash, m.text, m.signature, now); err != nil {
		return time.Time{}, err
	}
	return m.signed, checkAge(m.signed, now, s.tolerance, false)
}

// snsMessage is what a signature of SNS is about.
type snsMessage struct {
	topic, certificate string
	hash               crypto.Hash
	text, signature    []byte
	signed             time.Time
}

func snsParse(text []byte) (*snsMessage, error) {
	if !json.Valid(text) {
		return nil, malformed("body", "it is not JSON")
	}
	members, err := signedObject(jsonFind(text, nil), "the body", "Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
	if err != nil {
		return nil, err
	}
	// Functions of AWS Lambda see it spelled this way.
	if url := members["SigningCertUrl"]; url != nil {
		members["SigningCertURL"] = url
	}
	m := &snsMessage{}
	var version, signature, at string
	for _, wanted := range []struct {
		name string
		text *string
	}{{"Signature", &signature}, {"SignatureVersion", &version}, {"SigningCertURL", &m.certificate}, {"TopicArn", &m.topic}, {"Timestamp", &at}} {
		if *wanted.text, err = signedText(members, wanted.name); err != nil {
			return nil, err
		}
	}
	switch version {
	case "1":
		m.hash = crypto.SHA1
	case "2":
		m.hash = crypto.SHA256
	default:
		return nil, fmt.Errorf("%w: SignatureVersion is neither 1 nor 2", ErrNoMatch)
	}
	if m.signature, err = base64.StdEncoding.DecodeString(signature); err != nil || len(m.signature) > maxRSABits/8 {
		return nil, malformed("body Signature", "a signature is base64")
	}
	if m.signed, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return nil, malformed("body Timestamp", "a time is written as in RFC 3339")
	}
	m.signed = m.signed.UTC()
	m.text, err = snsText(members)
	return m, err
}

// snsText is what is signed: names and values with line ends between them, in the order of the names.
func snsText(members map[string][]byte) ([]byte, error) {
	var names []string
	switch jsonText(members["Type"]) {
	case "Notification":
		names = []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	case "SubscriptionConfirmation", "UnsubscribeConfirmation":
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	default:
		return nil, malformed("body Type", "it is not a type of SNS")
	}
	var text []byte
	for _, name := range names {
		value := members[name]
		if name == "Subject" && (value == nil || string(value) == "null") {
			continue
		}
		if len(value) == 0 || value[0] != '"' {
			return nil, fmt.Errorf("%w: body %s", ErrMissingHeader, name)
		}
		text = append(append(append(append(text, name...), '\n'), jsonText(value)...), '\n')
	}
	return text, nil
}

// signSNS signs a message of SNS; any other body becomes the Message of a Notification.
func signSNS(s *settings, r *Request, now time.Time) error {
	key, err := privateKey[*rsa.PrivateKey](s)
	if err != nil {
		return err
	}
	message := map[string]any{}
	if json.Unmarshal(r.Body, &message) != nil || message["MessageId"] == nil || message["Type"] == nil {
		topics, err := snsTopics(s)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(r.Body)
		message = map[string]any{
			"Type": "Notification", "MessageId": hex.EncodeToString(sum[:16]), "Message": string(r.Body),
			"TopicArn": strings.ReplaceAll(topics[0], "*", "test"),
		}
	}
	message["Timestamp"] = now.UTC().Format("2006-01-02T15:04:05.000Z")
	message["SignatureVersion"] = "2"
	if message["SigningCertURL"] == nil {
		message["SigningCertURL"] = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-test.pem"
	}
	members, err := signedObject(mustJSON(message), "the body")
	if err != nil {
		return err
	}
	text, err := snsText(members)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(text)
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	message["Signature"] = base64.StdEncoding.EncodeToString(signature)
	r.Body = mustJSON(message)
	r.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	for name, member := range map[string]string{"Type": "Type", "Id": "MessageId"} {
		r.Header.Set("X-Amz-Sns-Message-"+name, jsonText(members[member]))
	}
	r.Header.Set("X-Amz-Sns-Topic-Arn", jsonText(members["TopicArn"]))
	return nil
}
