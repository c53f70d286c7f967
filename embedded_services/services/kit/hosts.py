"""Which `Host` a service answers to: a loopback name or address, at any port.

A page whose name is made to lead to 127.0.0.1 (DNS rebinding) can send a service any header, `X-User-Role` among them,
but not another `Host` than the page's own name.
"""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

_LONGEST: Final = len("[0000:0000:0000:0000:0000:0000:0000:0001]:65535")
_HOST: Final = re.compile(r"(?:\[(?P<six>[^\[\]]+)\]|(?P<name>[^:\[\]]+))(?::[0-9]{1,5})?")


def is_loopback(host: str) -> bool:
    """Whether a `Host` header names this machine's loopback: 127.0.0.0/8, `localhost` or `[::1]`."""
    return len(host) <= _LONGEST and _is_loopback(host)


@lru_cache(maxsize=64)
def _is_loopback(host: str) -> bool:
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    six, name = found.group("six", "name")
    try:
        if six is not None:
            return IPv6Address(six).is_loopback
        return name.lower() == "localhost" or IPv4Address(name).is_loopback
    except AddressValueError:
        return False
