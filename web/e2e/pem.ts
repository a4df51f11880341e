// A client certificate of nobody, with its key, for forms that take one. It ends in 2076.
export const identity = `-----BEGIN CERTIFICATE-----
MIIBhDCCASugAwIBAgIUSpufQl/V4Wub2KCu6J/TBYCgqaowCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMc2hvcC5leGFtcGxlMCAXDTI2MTEyMTE1NTkyN1oYDzIwNzYw
MzAzMTU1OTI3WjAXMRUwEwYDVQQDDAxzaG9wLmV4YW1wbGUwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAAREzinOyQNjPOvXhcI9rlpM1P50ZKeZyQP/ZV3jZZAJzBr+
kf+L1XwMpEVvE8CLa1ZiDI1QblcvgizTyLvRD+suo1MwUTAdBgNVHQ4EFgQUxE6H
C/ozcjNLOpoBco4WqQj+KuEwHwYDVR0jBBgwFoAUxE6HC/ozcjNLOpoBco4WqQj+
KuEwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBeRYB6sn/VtO66
cAKlEwTO7gIPaxYiug7WdkDLloaFPgIgblmX5+rV7uTibtF4MurIn5i09Vz3qEq4
qcLqWOkAcjg=
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCGsd6hCSb3+cI4xx
qM1hwDbzk8TLA0YBW1xj35Id7g2hRANCAAREzinOyQNjPOvXhcI9rlpM1P50ZKeZ
yQP/ZV3jZZAJzBr+kf+L1XwMpEVvE8CLa1ZiDI1QblcvgizTyLvRD+su
-----END PRIVATE KEY-----
`

export const certificate = identity.slice(0, identity.indexOf('-----BEGIN PRIVATE'))
