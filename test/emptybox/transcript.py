"""Makes a page like docs/receiving-transcript.md, sending-... or shaping-transcript.md of what run.sh recorded.

    transcript.py RECORD [TEXT=REPLACEMENT...] < PREFACE > PAGE

A record's lines begin with a byte that says what they are: 1 a step, 2 a command or what
it printed. Each TEXT is replaced first; then what differs from run to run by its form:
ids and URLs by numbers in the order of their appearance, signatures, secrets and times
by words. So two runs give nearly the same page, and it gives nothing away. A page with
something left of it is not written.
"""

import re
import sys

ID = r"\b(src|app|ep|msg|atmpt|org|log|rej|qtask|evtsub|req|key|integ|sink|sinkatmpt|trtmpl)_([0-9A-Za-z]{20,})\b"
FORMS = [
    (r"\bwhsec_[A-Za-z0-9+/=_]{12,}", "whsec_SECRET"),
    (r"\bhl_[a-z_]+_[A-Za-z0-9._-]{12,}", "hl_TOKEN"),
    (r"\bv1=[0-9a-f]{64}\b", "v1=SIGNATURE"),
    (r"\bsha256=[0-9a-f]{64}\b", "sha256=SIGNATURE"),
    (r"\bv1,[A-Za-z0-9+/]{43}=", "v1,SIGNATURE"),
    (r"\bt=\d{10}\b", "t=UNIX"),
    (r"(?i)(timestamp: )\d{10}\b", r"\1UNIX"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b", "TIME"),
    (r"it is 36\d\d s old", "it is 3600 s old"),  # an hour, and what the machine took
    (r"after \d+ ms", "after N ms"),
    (r"\b\d+(\.\d+)?ms\b", "N ms"),
    (r"\brequest [0-9a-f]{24}\b", "request ID"),
    (r"(?m)^(\x02RATE: +)\d+\.\d/s", r"\1N/s"),
    (r"(?m)^\x02\d\d:\d\d:\d\d", "\x02TIME"),
    (r"\b\d+\.\d [KMG]iB\b", "N MiB"),
]
LEFT = [ID, "PRIVATE KEY", r"/in/[A-Za-z0-9_-]{12,}", r"/(home|root|work|var)/|/tmp/tmp[.]", r"127\.0\.0\.1:\d{5}", r"\b[0-9a-f]{32,}\b"] + [
    pattern for pattern, _ in FORMS[:5]
]


class Numbers:
    """Gives each text of a kind a number, by order of appearance."""

    def __init__(self):
        self.seen = {}

    def of(self, kind, text):
        known = self.seen.setdefault(kind, {})
        return known.setdefault(text, len(known) + 1)


def mask(text, replace):
    for old, new in replace:
        text = text.replace(old, new)
    numbers = Numbers()
    text = re.sub(ID, lambda m: f"{m[1]}_{numbers.of(m[1], m[2])}", text)
    text = re.sub(r"/in/([A-Za-z0-9_-]{12,})", lambda m: f"/in/TOKEN-{numbers.of('in', m[1])}", text)
    for pattern, new in FORMS:
        text = re.sub(pattern, new, text)
    return text


def page(record):
    """Markdown of a record: a heading for each step that has shown something."""
    out, heading, inside = [], None, False
    for line in record.splitlines():
        kind, text = line[:1], line[1:]
        if kind == "\1":
            if inside:
                out.append("```")
            heading, inside = text, False
            continue
        if not inside:
            out += ["", f"## {heading}", "", "```console"]
            inside = True
        out.append(text.rstrip())
    if inside:
        out.append("```")
    return "\n".join(out) + "\n"


with open(sys.argv[1], encoding="utf-8") as f:
    body = mask(f.read(), [pair.rsplit("=", 1) for pair in sys.argv[2:]])
for pattern in LEFT:
    for found in re.finditer(pattern, body):
        sys.exit(f"the transcript would hold {found[0]!r}, which differs from run to run or is a secret")
sys.stdout.write(sys.stdin.read() + page(body))
