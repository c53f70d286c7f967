"""Which heads say without doubt where their message ends, and for whom it is (RFC 9112 §3.2, §6.3). Pure.

Two servers that disagree on either can be played off against each other (request smuggling). So nothing is repaired:
whatever could be read in two ways is a fault, also where the RFC allows a server to be lenient.
"""

import re
from typing import Final

from embedded_services.gateway.http import Headers
from embedded_services.gateway.memo import Memo

_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~%!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")

is_host: Final = Memo(lambda value: _HOST.fullmatch(value) is not None)
"""Whether the value of a Host field names a host, and perhaps a port."""


def framing_fault(headers: Headers, *, is_11: bool = True) -> str | None:
    """What is wrong with the fields that frame and address a request; None if nothing is."""
    return _host_fault(headers.all(b"host"), is_11) or _length_fault(
        headers.all(b"content-length"), headers.all(b"transfer-encoding"), is_11
    )


def _host_fault(hosts: list[bytes], is_11: bool) -> str | None:
    if len(hosts) > 1:
        return "there is more than one Host"
    if not hosts:
        return "there is no Host" if is_11 else None
    return None if is_host[hosts[0]] else "Host names no host"


def _length_fault(lengths: list[bytes], codings: list[bytes], is_11: bool) -> str | None:
    if len(lengths) > 1:
        return "there is more than one Content-Length"
    if lengths and _LENGTH.fullmatch(lengths[0]) is None:
        return "Content-Length is not a number"
    if not codings:
        return None
    if lengths:
        return "there is a Transfer-Encoding beside a Content-Length"
    if not is_11:
        return "HTTP/1.0 has no Transfer-Encoding"
    return (
        None if [coding.lower() for coding in codings] == [b"chunked"] else "Transfer-Encoding is not chunked"
    )
