// A certificate of receivers on 127.0.0.1, which signs itself, with a name that means no good. It
// is made for these tests alone: nobody trusts it but the endpoint that is told to.
export const certificateName = '<script>window.hacked=1</script>'
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBrzCCAVWgAwIBAgIBATAKBggqhkjOPQQDAjArMSkwJwYDVQQDDCA8c2NyaXB0
PndpbmRvdy5oYWNrZWQ9MTwvc2NyaXB0PjAgFw0yMDAxMDEwMDAwMDBaGA8yMTIw
MDEwMTAwMDAwMFowKzEpMCcGA1UEAwwgPHNjcmlwdD53aW5kb3cuaGFja2VkPTE8
L3NjcmlwdD4wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATdC+X6iW242zUp0iyp
wFvZwdolN96BzrqKsGLX1VlnuFOF3jLTaGb0FudkZk6TqJk0Zl4Af6gWegyfUnq/
ZuxTo2gwZjAOBgNVHQ8BAf8EBAMCAoQwEwYDVR0lBAwwCgYIKwYBBQUHAwEwDwYD
VR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUwAbYg4rX3Z6xM8ZQuNvZuu6OXDEwDwYD
VR0RBAgwBocEfwAAATAKBggqhkjOPQQDAgNIADBFAiBWO6hgE+vA98BleAjLs0PN
lUVKGb7JqFKJw5D59evFDQIhAIGmGfU0wNjAo6CYdArr49hKDTtvfgTiHhAoj/aa
bYPL
-----END CERTIFICATE-----
`
export const certificateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghrNWTYHyKDHtZBCO
MBip4ENektVZrvmLk9Ne47ppSoyhRANCAATdC+X6iW242zUp0iypwFvZwdolN96B
zrqKsGLX1VlnuFOF3jLTaGb0FudkZk6TqJk0Zl4Af6gWegyfUnq/ZuxT
-----END PRIVATE KEY-----
`
