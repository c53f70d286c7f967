"""What the Limits panel calls things: rules, algorithms, what clients are told apart by. Pure."""

from collections.abc import Mapping
from typing import Literal, get_args

from app.core.language import tr
from embedded_services.contracts.limits import Algorithm, LimitSettings

KeyKind = Literal["ip", "user", "header"]
KINDS: tuple[KeyKind, ...] = get_args(KeyKind)


def algorithms() -> dict[str, str]:
    """Words by the wire's names."""
    return {
        Algorithm.FIXED_WINDOW.value: tr("fixed window"),
        Algorithm.SLIDING_WINDOW.value: tr("sliding window"),
        Algorithm.TOKEN_BUCKET.value: tr("token bucket"),
    }


def behaviours() -> Mapping[str, str]:
    """How each algorithm behaves, in two sentences."""
    return {
        Algorithm.FIXED_WINDOW.value: tr(
            "The window opens with a client's first request. When it ends, the whole allowance is back at once, so twice "
            "the limit can pass around its end."
        ),
        Algorithm.SLIDING_WINDOW.value: tr(
            "In any stretch as long as the window no more than the limit pass. Each request is forgotten a window after "
            "it was made."
        ),
        Algorithm.TOKEN_BUCKET.value: tr(
            "A bucket of as many tokens as the limit refills evenly, all of it in one window. A client may spend it at "
            "once, and then goes on at the pace of the refill."
        ),
    }


def kinds() -> Mapping[KeyKind, str]:
    """What clients are told apart by, after "for each"."""
    return {"ip": tr("address"), "user": tr("user"), "header": tr("value of a header")}


def kind_of(key: str) -> tuple[KeyKind, str]:
    """The kind of a limit's key, and the header's name if it is one."""
    kind, _, name = key.partition(":")
    return next((known for known in KINDS if known == kind), "ip"), name


def amount(rule: LimitSettings) -> str:
    """`100 per 60 s`."""
    return tr("{limit} per {window} s", limit=f"{rule.limit:,}", window=f"{rule.window_s:,}")


def whole_rule(rule: LimitSettings) -> str:
    """`100 per 60 s for each address, fixed window`."""
    kind, name = kind_of(rule.key)
    each = tr("value of {header}", header=name) if kind == "header" else kinds()[kind]
    return tr(
        "{amount} for each {client}, {algorithm}",
        amount=amount(rule),
        client=each,
        algorithm=algorithms()[rule.algorithm.value],
    )


def reset_meaning(algorithm: str, moment: str) -> str:
    """What happens at the moment a client's countdown ends."""
    match algorithm:
        case Algorithm.FIXED_WINDOW.value:
            return tr("Its whole allowance is back at {moment}.", moment=moment)
        case Algorithm.SLIDING_WINDOW.value:
            return tr("Its oldest requests are forgotten at {moment}.", moment=moment)
        case _:
            return tr("One more request is allowed at {moment}.", moment=moment)
