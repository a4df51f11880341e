"""Prints a Stripe-Signature header by the scheme that Stripe documents, for machines
that can have none of Stripe's own packages: stripesign.py SECRET BODY-FILE [UNIX-SECONDS].
https://docs.stripe.com/webhooks#verify-manually
"""

import hashlib
import hmac
import sys
import time

if len(sys.argv) < 3:
    print("NOT a package of Stripe's: Python, by the documented scheme")
    sys.exit()
with open(sys.argv[2], "rb") as f:
    body = f.read()
unix = sys.argv[3] if len(sys.argv) > 3 else str(int(time.time()))
signature = hmac.new(sys.argv[1].encode(), unix.encode() + b"." + body, hashlib.sha256)
print(f"Stripe-Signature: t={unix},v1={signature.hexdigest()}")
