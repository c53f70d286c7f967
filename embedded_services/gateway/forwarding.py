"""Who the client is behind proxies: `X-Forwarded-For`, believed as far as named proxies vouch for it. Pure.

Each proxy appends the address that it was called from. Read from the right, the chain is true for as long as those who
wrote it are trusted; the first address that is no trusted proxy's is the client. What stands left of it is hearsay, and
goes no further. `Forwarded` and the other fields that say the same are dropped, so that no two can disagree.
"""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple

HOPS: Final = 32
"""Proxies between a client and the gateway that are looked at."""

_WITH_PORT: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):[0-9]{1,5}")

Address = IPv4Address | IPv6Address


class Forwarded(NamedTuple):
    client: str
    """Its address."""
    chain: str
    """The client and the proxies after it: the X-Forwarded-For of the next hop."""


class TrustedProxies:
    def __init__(self, named: Sequence[str]) -> None:
        """`named` are addresses or networks. Raises ValueError for what is neither."""
        self._networks = [ip_network(name, strict=False) for name in named]

    def __bool__(self) -> bool:
        return bool(self._networks)

    def believe(self, peer: str, fields: Sequence[bytes]) -> Forwarded:
        """Who asks. `peer` is the other end of the connection; `fields` are the values of X-Forwarded-For in their order."""
        chain = [peer]
        address = _address(peer)
        before = _from_the_right(fields)
        while address is not None and self._trusts(address) and len(chain) <= HOPS:
            address = _address(next(before, ""))
            if address is not None:
                chain.append(str(address))
        chain.reverse()
        return Forwarded(chain[0], ", ".join(chain))

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _from_the_right(fields: Sequence[bytes]) -> Iterator[str]:
    for field in reversed(fields):
        for entry in reversed(field.decode("latin-1").split(",")):
            yield entry.strip(" \t")


def _address(text: str) -> Address | None:
    """An address, perhaps with a port, which some proxies add; one of IPv4 that is written as IPv6 is the former."""
    if (found := _WITH_PORT.fullmatch(text)) is not None:
        text = found[1] or found[2]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return None if address.scope_id is not None else address.ipv4_mapped or address
    return address
