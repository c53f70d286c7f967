from typing import Any

import msgspec
import pytest

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.secret_fields import (
    MASK,
    broker_url_problem,
    shown,
    unmasked,
    with_known_password,
    without_password,
)
from embedded_services.contracts.settings import (
    BrokerSettings,
    DeliverySettings,
    Settings,
    SettingsState,
    SmtpSettings,
)
from tests.helpers.child import demo_settings

URL = "amqp://shop:s3cret@broker.local:5673/vhost?heartbeat=5"
SHOWN = f"amqp://shop:{MASK}@broker.local:5673/vhost?heartbeat=5"


def with_secrets(
    url: str | None = URL,
    password: str | None = "hush",  # noqa: S107 - it is the one that must not be shown
) -> Settings:
    smtp = SmtpSettings(host="mail.local", user="shop", password=password)
    return msgspec.structs.replace(
        demo_settings(), delivery=DeliverySettings(smtp=smtp), broker=BrokerSettings(url=url)
    )


def test_passwords_are_shown_as_a_mask_and_nothing_else_changes() -> None:
    seen = shown(SettingsState(revision=3, settings=with_secrets()))
    assert seen == SettingsState(revision=3, settings=with_secrets(SHOWN, MASK))
    assert not {b"hush", b"s3cret"} & set(msgspec.json.encode(seen).replace(b'"', b" ").split())
    assert b"s3cret" not in msgspec.json.encode(seen)


def test_absent_passwords_are_shown_as_absent() -> None:
    plain = with_secrets("amqp://broker.local/", None)
    assert shown(SettingsState(revision=1, settings=plain)).settings == plain
    bare = demo_settings()
    assert shown(SettingsState(revision=1, settings=bare)).settings == bare


def test_what_was_shown_stands_for_what_is_known() -> None:
    before = with_secrets()
    assert unmasked(shown(SettingsState(revision=1, settings=before)).settings, before) == before


@pytest.mark.parametrize(
    ("url", "password"),
    [
        (SHOWN.replace("broker.local", "elsewhere"), None),
        (SHOWN.replace("shop", "other"), None),
    ],
)
def test_password_is_not_carried_to_another_host_or_user(url: str, password: Any) -> None:
    with pytest.raises(ApiError) as error:
        unmasked(with_secrets(url), with_secrets())
    assert error.value.details is not None
    assert error.value.details[0].field == "broker.url"
    assert "s3cret" not in error.value.message


def test_webhook_with_a_password_is_masked_too() -> None:
    before = msgspec.structs.replace(
        demo_settings(), delivery=DeliverySettings(webhook_url="https://shop:s3cret@hooks.local/sms?a=1")
    )
    seen = shown(SettingsState(revision=1, settings=before)).settings
    assert seen.delivery.webhook_url == f"https://shop:{MASK}@hooks.local/sms?a=1"
    assert unmasked(seen, before) == before
    unreadable = msgspec.structs.replace(
        before, delivery=DeliverySettings(webhook_url="http://a:s3cret@[::1/")
    )
    assert "s3cret" not in str(shown(SettingsState(revision=1, settings=unreadable)).settings.delivery)


def test_mask_of_nothing_is_refused() -> None:
    with pytest.raises(ApiError, match="mask"):
        unmasked(with_secrets(password=MASK), with_secrets(password=None))
    with pytest.raises(ApiError, match="mask"):
        with_known_password("url", SHOWN, None)


def test_another_path_of_the_same_broker_keeps_the_password() -> None:
    moved = SHOWN.replace(":5673/vhost", ":5674/other")
    assert with_known_password("url", moved, URL) == URL.replace(":5673/vhost", ":5674/other")


@pytest.mark.parametrize(
    "url",
    ["amqp://h", "amqps://u:p@h:5671/v", "amqp://[::1]:5672/", URL],
)
def test_address_of_a_broker_is_known_as_one(url: str) -> None:
    assert broker_url_problem(url) is None
    assert "@" not in url or MASK in without_password(url)


@pytest.mark.parametrize(
    "url", ["http://h", "amqp://", "amqp:///v", "amqp://h:0", "amqp://h:x", "amqp://[::1"]
)
def test_what_is_no_address_of_a_broker_is_said_without_repeating_it(url: str) -> None:
    problem = broker_url_problem(url)
    assert problem is not None
    assert url not in problem or url == "amqp://"
