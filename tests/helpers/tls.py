"""A server on 127.0.0.1 that speaks TLS, and the certificate by which it is trusted: its own, known to nobody else."""

import ssl
from pathlib import Path
from typing import Final

CERTIFICATE: Final = """\
-----BEGIN CERTIFICATE-----
MIIBhTCCASygAwIBAgIUMD6J5w+HahBZ0VP34Azz9h68vOAwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjMxMDAxNDVaGA8yMTI2MTAzMDEwMDE0
NVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABO5k
WvHij+YYqZvpud28W//6iPJshKWXd40AghKss+N67nWi44ATzcqRCc6hxxFtf3K5
5ZD7lX/hiu2c1UxcvJqjZDBiMB0GA1UdDgQWBBQYn1tbZcKRgTz6J3dXC21wEqDN
WTAfBgNVHSMEGDAWgBQYn1tbZcKRgTz6J3dXC21wEqDNWTAPBgNVHRMBAf8EBTAD
AQH/MA8GA1UdEQQIMAaHBH8AAAEwCgYIKoZIzj0EAwIDRwAwRAIgedTXgvLEgako
+niuqc/ST3RhNe1gOaQNNPGKeuHC5EUCICwuGkTFNKC69WwhOZNlBx2+Y8YjNG9n
ij/KXKp9Eihd
-----END CERTIFICATE-----
"""
_KEY: Final = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXGWrVrwwDWQHfEZU
TnZzHlK1S5RL9mEGg/PREun/xSGhRANCAATuZFrx4o/mGKmb6bndvFv/+ojybISl
l3eNAIISrLPjeu51ouOAE83KkQnOoccRbX9yueWQ+5V/4YrtnNVMXLya
-----END PRIVATE KEY-----
"""


def certificate_in(folder: Path) -> Path:
    """A file as SSL_CERT_FILE names one."""
    path = folder / "certificate.pem"
    path.write_text(CERTIFICATE)
    return path


def server_context(folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    both = folder / "server.pem"
    both.write_text(CERTIFICATE + _KEY)
    context.load_cert_chain(both)
    return context
