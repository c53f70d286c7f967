"""Ways out of here: e-mail by SMTP, SMS and push by a webhook. Nothing leaves unless the settings say where to."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from typing import Final, Protocol

import aiohttp
import aiosmtplib
import msgspec

from embedded_services.contracts.settings import DeliverySettings, SmtpSettings
from embedded_services.services.notification.messages import Channel

SEND_S: Final = 10.0
RETRIED: Final = (408, 425, 429)


class SendRefusedError(Exception):
    """It was understood, and will never be taken."""


class SendFailedError(Exception):
    """It was not taken, or nobody knows; another attempt may succeed."""


@dataclass(frozen=True)
class Outgoing:
    """`to` is an e-mail address, or for the other channels the user's id. `id` is the notification's, and stays the same
    however often it is sent."""

    id: str
    channel: Channel
    to: str
    template: str
    subject: str | None
    body: str
    created_at: float
    traceparent: str


class Sender(Protocol):
    """Returns when the other side has taken it. Raises SendRefusedError or SendFailedError, within `SEND_S`."""

    async def __call__(self, outgoing: Outgoing) -> None: ...


class Senders:
    """The way out for each channel, by the settings in force. `settings` says which these are."""

    def __init__(self, settings: Callable[[], DeliverySettings], session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session

    def find(self, channel: Channel) -> Sender | None:
        """None when there is nowhere to send it."""
        settings = self._settings()
        if channel is Channel.EMAIL:
            return None if settings.smtp is None else SmtpSender(settings.smtp)
        return None if settings.webhook_url is None else WebhookSender(settings.webhook_url, self._session)


class SmtpSender:
    """The message's `Message-ID` is made of the notification's id: who gets it twice can tell."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings

    async def __call__(self, outgoing: Outgoing) -> None:
        settings = self._settings
        try:
            await aiosmtplib.send(
                mail_of(outgoing, settings.from_),
                hostname=settings.host,
                port=settings.port,
                username=settings.user,
                password=settings.password if settings.user is not None else None,
                start_tls=settings.starttls,
                timeout=SEND_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = error.recipients[0]
            raise _by_code(refused.code, refused.message) from error
        except (aiosmtplib.SMTPDataError, aiosmtplib.SMTPRecipientRefused) as error:
            raise _by_code(error.code, error.message) from error
        except (MessageError, ValueError) as error:
            raise SendRefusedError(f"it cannot be written as an e-mail: {error}") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            where = f"{settings.host}:{settings.port}"
            raise SendFailedError(f"the mail server {where}: {str(error) or type(error).__name__}") from error


class WebhookSender:
    """Posts JSON; `Idempotency-Key` is the notification's id."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def __call__(self, outgoing: Outgoing) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": outgoing.id}
        if outgoing.traceparent:
            headers["traceparent"] = outgoing.traceparent
        try:
            async with self._session.post(
                self._url,
                data=msgspec.json.encode(_posted(outgoing)),
                headers=headers,
                allow_redirects=False,
                ssl=await asyncio.to_thread(_trust) if self._url.startswith("https:") else True,
                timeout=aiohttp.ClientTimeout(total=SEND_S),
            ) as response:
                status = response.status
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SendFailedError(f"the webhook: {str(error) or type(error).__name__}") from error
        if 200 <= status < 300:
            return
        if status >= 500 or status in RETRIED:
            raise SendFailedError(f"the webhook answered {status}")
        raise SendRefusedError(f"the webhook answered {status}")


@cache
def _trust() -> ssl.SSLContext:
    """The certificates of this machine, read when they are needed: aiohttp may have been imported without them."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def mail_of(outgoing: Outgoing, sender: str) -> EmailMessage:
    """Raises ValueError for what cannot be a header."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = outgoing.to
    mail["Subject"] = outgoing.subject or outgoing.template
    mail["Date"] = format_datetime(datetime.fromtimestamp(outgoing.created_at, UTC))
    mail["Message-ID"] = f"<{outgoing.id}@faultdeck.local>"
    mail.set_content(outgoing.body)
    return mail


def _posted(outgoing: Outgoing) -> dict[str, str | None]:
    return {
        "id": outgoing.id,
        "channel": outgoing.channel,
        "userId": outgoing.to,
        "template": outgoing.template,
        "subject": outgoing.subject,
        "body": outgoing.body,
    }


def _by_code(code: int, message: str) -> Exception:
    kind = SendRefusedError if 500 <= code < 600 else SendFailedError
    return kind(f"the mail server answered {code} {message}")
