"""What is sent: the kinds of request and their variants, drawn by weight. Pure; the same seed draws the same order.

`browse` looks at the catalogue, at one product, at one's orders and at the dashboard; `checkout` orders one piece of a product
and waits for what becomes of it, so that its latency is the whole saga's; `login` signs in anew, which costs the user service
a password hash.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final

import msgspec

from embedded_services.contracts.traffic import CustomRequest, TrafficPlan

AGENT: Final = b"faultdeck-traffic"
SIGN_IN: Final = "/api/auth/login"
REGISTER: Final = "/api/auth/register"
CATALOGUE: Final = "/api/products?limit=20"
ORDERS: Final = "/api/orders"
ORDER_WAIT_S: Final = 4
"""How long an order is waited for at once: less than the gateway gives a call. What takes longer is looked at again."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request but for what differs each time: `head` lacks its last, empty line.

    `authorised`: it carries its client's token; `keyed`: an Idempotency-Key of its own; `signs_in`: its body is its client's
    address and password, and the answer a token; `follows`: an answer of 202 is not the end of it.
    """

    head: bytes
    body: bytes = b""
    authorised: bool = True
    keyed: bool = False
    signs_in: bool = False
    follows: bool = False


@dataclass(frozen=True)
class Kind:
    """`share` of all requests, in percent, is of this kind; which of its `asks` it is goes by `weights`."""

    name: str
    share: float
    asks: Sequence[Ask]
    weights: Sequence[int]


class Choice:
    """Draws one request after the other."""

    def __init__(self, kinds: Sequence[Kind], seed: int) -> None:
        self.kinds = kinds
        self._random = Random(seed).random  # noqa: S311 - a choice, no secret
        self._bounds = list(accumulate(kind.share for kind in kinds))
        self._within = [list(accumulate(kind.weights)) for kind in kinds]

    def draw(self) -> tuple[int, Ask]:
        """The number of its kind, and the request."""
        number = self._pick(self._bounds)
        asks = self.kinds[number].asks
        return number, asks[0] if len(asks) == 1 else asks[self._pick(self._within[number])]

    def _pick(self, bounds: Sequence[float]) -> int:
        if len(bounds) == 1:
            return 0
        return min(bisect_right(bounds, self._random() * bounds[-1]), len(bounds) - 1)


def kinds_of(plan: TrafficPlan, host: str, products: Sequence[str]) -> list[Kind]:
    """What `plan` sends to `host` (name and port). Without known `products` nothing can be ordered: a checkout orders one that
    does not exist, and is refused."""
    if plan.requests:
        whole = sum(request.weight for request in plan.requests)
        return [
            Kind(request.name, 100 * request.weight / whole, [_custom(request, host)], [1])
            for request in plan.requests
        ]
    mix = plan.mix
    whole = mix.browse + mix.checkout + mix.login
    kinds = [
        ("browse", mix.browse, *_browse(host, products)),
        ("checkout", mix.checkout, *_checkout(host, products)),
        ("login", mix.login, [Ask(head("POST", SIGN_IN, host, None), authorised=False, signs_in=True)], [1]),
    ]
    return [
        Kind(name, 100 * weight / whole, asks, weights) for name, weight, asks, weights in kinds if weight
    ]


def needs_accounts(plan: TrafficPlan) -> bool:
    """Whether anything in it carries a token, or signs in."""
    return not plan.requests or any(_carries_token(request) for request in plan.requests)


def head(method: str, path: str, host: str, body: bytes | None = b"", *fields: tuple[str, str]) -> bytes:
    """The request line and the fields, without the empty line. None for a body whose fields are still to follow."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    names = {name.lower() for name, _ in fields}
    if "user-agent" not in names:
        lines.append(f"User-Agent: {AGENT.decode()}")
    if "accept" not in names:
        lines.append("Accept: application/json")
    lines += [f"{name}: {value}" for name, value in fields]
    if body and "content-type" not in names:
        lines.append("Content-Type: application/json")
    if body or (body is not None and method in ("POST", "PUT", "PATCH")):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n"


def credentials(email: str, password: str, name: str | None = None) -> bytes:
    """The fields and the body of a sign-in, or of a registration under `name`, to follow on a head."""
    given = {"email": email, "password": password} | ({} if name is None else {"name": name})
    body = msgspec.json.encode(given)
    return b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def _browse(host: str, products: Sequence[str]) -> tuple[list[Ask], list[int]]:
    paths = {CATALOGUE: 40, f"{ORDERS}?limit=5": 15, "/api/dashboard": 15}
    asks = [Ask(head("GET", path, host)) for path in paths]
    weights = [10 * max(1, len(products)) * weight for weight in paths.values()]
    asks += [Ask(head("GET", f"/api/products/{product}", host)) for product in products]
    return asks, weights + [10 * 30] * len(products)


def _checkout(host: str, products: Sequence[str]) -> tuple[list[Ask], list[int]]:
    asks = []
    for product in products or ["unknown"]:
        body = msgspec.json.encode({"items": [{"productId": product, "quantity": 1}]})
        asks.append(
            Ask(head("POST", f"{ORDERS}?wait={ORDER_WAIT_S}", host, body), body, keyed=True, follows=True)
        )
    return asks, [1] * len(asks)


def _custom(request: CustomRequest, host: str) -> Ask:
    body = b"" if request.body is None else msgspec.json.encode(request.body)
    return Ask(
        head(request.method, request.path, host, body, *request.headers.items()),
        body,
        authorised=_carries_token(request),
    )


def _carries_token(request: CustomRequest) -> bool:
    return not request.anonymous and "authorization" not in {name.lower() for name in request.headers}
