"""What of the settings may be written but not read: passwords are shown as a mask, and the mask stands for what is known.

Whoever sends back what was shown changes nothing by it. Pure.
"""

from typing import Final
from urllib.parse import SplitResult, urlsplit

import msgspec

from embedded_services.contracts.settings import Settings, SettingsState
from embedded_services.contracts.validation import invalid

MASK: Final = "•••"
BROKER_FORM: Final = "must be like amqp://user:password@host:5672/vhost"


def broker_url_problem(url: str) -> str | None:
    """Why `url` is no address of an AMQP broker, without what stands in it; None if it is one."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("amqp", "amqps") and parts.hostname and parts.port != 0
    except ValueError:
        return BROKER_FORM
    return None if usable else BROKER_FORM


def without_password(url: str) -> str:
    """A URL as it may be shown."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url if "@" not in url else MASK
    return url if parts.password is None else _with_password(parts, MASK)


def with_known_password(field: str, url: str, known: str | None) -> str:
    """`url` with the password of `known` where it has the mask. Raises VALIDATION_FAILED if that is of another host or user: a
    password is not carried to where it was not meant for."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise invalid(field, "cannot be read") from error
    if parts.password != MASK:
        return url
    of = urlsplit(known or "")
    if of.password is None or (of.hostname, of.username) != (parts.hostname, parts.username):
        raise invalid(field, "has the mask in place of a password that is not known: write the password")
    return _with_password(parts, of.password)


def _with_password(parts: SplitResult, password: str) -> str:
    at = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username or ''}:{password}@{at}").geturl()


def shown(state: SettingsState) -> SettingsState:
    """As whoever asks may see them."""
    settings = state.settings
    delivery, broker = settings.delivery, settings.broker
    if delivery.webhook_url is not None:
        delivery = msgspec.structs.replace(delivery, webhook_url=without_password(delivery.webhook_url))
    if (smtp := delivery.smtp) is not None and smtp.password is not None:
        delivery = msgspec.structs.replace(delivery, smtp=msgspec.structs.replace(smtp, password=MASK))
    if broker.url is not None:
        broker = msgspec.structs.replace(broker, url=without_password(broker.url))
    return SettingsState(
        revision=state.revision,
        settings=msgspec.structs.replace(settings, delivery=delivery, broker=broker),
    )


def unmasked(after: Settings, before: Settings) -> Settings:
    """`after` with what `before` knows in place of each mask. Raises VALIDATION_FAILED for one that stands for nothing."""
    delivery, broker = after.delivery, after.broker
    if (hook := delivery.webhook_url) is not None and MASK in hook:
        url = with_known_password("delivery.webhookUrl", hook, before.delivery.webhook_url)
        delivery = msgspec.structs.replace(delivery, webhook_url=url)
    if (smtp := delivery.smtp) is not None and smtp.password == MASK:
        known = before.delivery.smtp
        if known is None or known.password is None:
            raise invalid("delivery.smtp.password", "is the mask of a password, and none is known")
        smtp = msgspec.structs.replace(smtp, password=known.password)
        delivery = msgspec.structs.replace(delivery, smtp=smtp)
    if broker.url is not None and broker_url_problem(broker.url) is None:
        url = with_known_password("broker.url", broker.url, before.broker.url)
        broker = msgspec.structs.replace(broker, url=url)
    return msgspec.structs.replace(after, delivery=delivery, broker=broker)
