import pytest

from embedded_services.broker.queue_arguments import QueueArguments, differing, understand, wrong_time
from embedded_services.broker.refusals import Refusal


def test_all_of_them_are_understood() -> None:
    given = {
        "x-queue-type": "quorum",
        "x-message-ttl": 0,
        "x-expires": 1,
        "x-max-length": 0,
        "x-max-length-bytes": 5,
        "x-overflow": "reject-publish",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "k",
        "x-delivery-limit": 3,
        "x-single-active-consumer": True,
        "mine": object(),
    }
    assert understand("q", given) == QueueArguments(
        quorum=True,
        message_ttl=0,
        expires=1,
        max_length=0,
        max_bytes=5,
        overflow="reject-publish",
        dead_letter_exchange="",
        dead_letter_routing_key="k",
        delivery_limit=3,
        single_active=True,
    )
    assert understand("q", {}) == QueueArguments()


@pytest.mark.parametrize(
    "argument",
    [
        {"x-message-ttl": True},
        {"x-message-ttl": 2**32},
        {"x-expires": 2**32},
        {"x-overflow": 5},
        {"x-queue-type": 5},
        {"x-dead-letter-exchange": 1},
        {"x-single-active-consumer": 1},
        {"x-max-priority": 5, "x-queue-type": "quorum"},
        {"x-delivery-limit": 5},
    ],
)
def test_what_means_nothing_is_refused(argument: dict[str, object]) -> None:
    with pytest.raises(Refusal) as refused:
        understand("q", argument)
    assert refused.value.code == 406


def test_only_what_matters_must_be_the_same() -> None:
    assert differing({"x-max-length": 1, "mine": 1}, {"x-max-length": 1, "x-queue-mode": "lazy"}) is None
    assert differing({}, {"x-queue-type": "classic"}) is None
    assert differing({"x-queue-type": "quorum"}, {}) == "x-queue-type"
    assert differing({"x-expires": 1}, {"x-expires": 2}) == "x-expires"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0", ""),
        ("60000", ""),
        ("+5", ""),
        ("", "no_integer"),
        ("soon", "no_integer"),
        ("5s", '{leftover_string,"s"}'),
        ("-1", "{value_negative,-1}"),
        (str(2**32), "{value_too_large,4294967296}"),
        ("\u0665", "no_integer"),
    ],
)
def test_times(text: str, why: str) -> None:
    assert wrong_time(text) == why
