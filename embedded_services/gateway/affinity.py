"""What a request shows of the key that consistent hashing goes by. Pure."""

from typing import Final

from embedded_services.gateway.exchange import Exchange

_HEADER: Final = "header:"


def affinity(exchange: Exchange, hash_key: str) -> str:
    """`<kind of key>:<value>`. `hash_key` is as in `ServiceSettings`; a request that does not show it goes by its client's
    address."""
    if hash_key == "path":
        return f"path:{exchange.request.path}"
    if hash_key == "user":
        if exchange.identity is not None:
            return f"user:{exchange.identity.user}"
    elif hash_key.startswith(_HEADER):
        name = hash_key.removeprefix(_HEADER)
        if (value := exchange.request.headers.get(name.lower().encode())) is not None:
            return f"header {name}:{value.decode('latin-1')}"
    return f"ip:{exchange.request.client}"
