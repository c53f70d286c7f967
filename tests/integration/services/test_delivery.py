"""Notifications that go out: to a real SMTP server, and to a real HTTP receiver, when the settings say so."""

import asyncio
import sqlite3
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aio_pika
import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from embedded_services.bus import names
from embedded_services.common.platform import listening_socket
from embedded_services.contracts.agent import Policies
from embedded_services.contracts.settings import DeliverySettings, SmtpSettings
from embedded_services.services.notification import process as notification_process
from embedded_services.services.notification import senders
from embedded_services.services.notification.messages import Channel
from tests.helpers.broker_node import BrokerNode
from tests.helpers.bus import taken
from tests.helpers.child import child_context, demo_settings
from tests.helpers.eventually import until
from tests.helpers.ports import free_port
from tests.helpers.tls import certificate_in, server_context
from tests.integration.services.api import Api, serving
from tests.integration.services.test_events import has_consumer, say

WHO = ("usr_1", "customer")
ANN = {"id": "usr_1", "email": "ann@example.com", "name": "Ann", "revision": 1, "welcome": False}
SHIPPED = {"template": "order_shipped", "data": {"orderId": "ord_1"}}


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch, allow_log: Callable[[str], None]) -> None:
    monkeypatch.setattr(names, "RETRY_AFTER_MS", (20, 40, 60, 80))
    allow_log("delivery.due msg_")


@dataclass
class Mailbox:
    """An SMTP server. `answers` are given to the next messages instead of taking them, `None` takes one."""

    answers: list[str | None] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    to: list[str] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)
    port: int = 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            return answer
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, _class=EmailMessage, policy=policy.default)
        self.mails.append(mail)
        self.to += envelope.rcpt_tos
        return "250 taken"

    def log_in(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login)
        return AuthResult(success=data.password == b"secret")


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    mailbox = Mailbox(port=free_port())
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=mailbox.port,
        authenticator=mailbox.log_in,
        auth_require_tls=False,
    )
    controller.start()
    yield mailbox
    controller.stop()


@dataclass
class Hook:
    """An HTTP receiver. `answers` are statuses for the next requests."""

    url: str
    answers: list[int] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    async def take(self, request: web.BaseRequest) -> web.Response:
        self.bodies.append(msgspec.json.decode(await request.read()))
        self.keys.append(request.headers["Idempotency-Key"])
        return web.Response(status=self.answers.pop(0) if self.answers else 204)


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Hook]:
    listener = listening_socket("127.0.0.1", 0)
    scheme = "http" if tls is None else "https"
    hook = Hook(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/notify")
    runner = web.ServerRunner(web.Server(hook.take))
    await runner.setup()
    await web.SockSite(runner, listener, ssl_context=tls).start()
    try:
        yield hook
    finally:
        await runner.cleanup()


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with receiving() as hook:
        yield hook


def by_mail(port: int, **more: Any) -> DeliverySettings:
    return DeliverySettings(smtp=SmtpSettings(host="127.0.0.1", port=port, from_="shop@example.com", **more))


@asynccontextmanager
async def notifying(
    workspace: Path, node: BrokerNode, delivery: DeliverySettings, slot: int = 1
) -> AsyncIterator[Api]:
    """The service, which knows where Ann can be reached."""
    settings = msgspec.structs.replace(demo_settings(), delivery=delivery)
    async with serving(workspace, "notification", slot=slot, broker_url=node.url, settings=settings) as api:

        async def known() -> bool | None:
            with sqlite3.connect(workspace / "data" / "notifications.db") as database:
                row = database.execute("SELECT 1 FROM recipients").fetchone()
            database.close()
            return True if row else None

        await until(lambda: has_consumer(node))
        await say(node.url, "user.created", ANN, "msg_ann")
        await until(known, 10)
        yield api


async def send(api: Api, template: str = "welcome", **data: Any) -> dict[str, Any]:
    body = {"template": template, "data": data or {"name": "Ann", "email": "ann@example.com"}}
    reply = await api("POST", "/notifications", body, who=WHO)
    assert reply.status == 201
    made: dict[str, Any] = reply.body
    return made


async def becomes(api: Api, id_: str, status: str) -> None:
    async def look() -> bool | None:
        return (await api("GET", f"/notifications/{id_}", who=WHO)).body["status"] == status or None

    await until(look, 10)


async def test_an_email_goes_out_once(tmp_path: Path, node: BrokerNode, mailbox: Mailbox) -> None:
    async with notifying(tmp_path, node, by_mail(mailbox.port)) as api:
        made = await send(api)
        assert made["status"] == "pending"
        await becomes(api, made["id"], "sent")
        (mail,) = mailbox.mails
        assert mailbox.to == ["ann@example.com"]
        assert (mail["From"], mail["To"], mail["Subject"]) == (
            "shop@example.com",
            "ann@example.com",
            "Welcome, Ann",
        )
        assert mail["Message-ID"] == f"<{made['id']}@faultdeck.local>"
        assert mail["Date"] is not None
        assert mail.get_content().splitlines() == ["Hello Ann,", "", "your account ann@example.com is ready."]
        # What comes again, as after a broker's fall, finds it sent.
        await deliver_again(node, made["id"])
        await send(api)
        await until(lambda: enough(mailbox.mails, 2))
        assert len(mailbox.mails) == 2


async def enough(items: list[Any], count: int) -> bool | None:
    return len(items) >= count or None


async def deliver_again(node: BrokerNode, id_: str, message_id: str = "msg_again") -> None:
    event = {
        "type": "delivery.due", "data": {"notificationId": id_}, "source": "test", "timestamp": "",
        "messageId": message_id,
    }  # fmt: skip
    async with await aio_pika.connect(node.url) as connection, connection.channel() as channel:
        message = aio_pika.Message(msgspec.json.encode(event), message_id=message_id)
        await channel.default_exchange.publish(message, names.deliveries_of("notification"))


async def test_a_server_that_says_later_is_asked_again(
    tmp_path: Path, node: BrokerNode, mailbox: Mailbox
) -> None:
    mailbox.answers = ["451 not now", "421 not now either"]
    async with notifying(tmp_path, node, by_mail(mailbox.port)) as api:
        made = await send(api)
        await becomes(api, made["id"], "sent")
        assert len(mailbox.mails) == 1


async def test_what_the_server_will_never_take_is_a_dead_letter_at_once_and_can_be_sent_later(
    tmp_path: Path, node: BrokerNode, mailbox: Mailbox
) -> None:
    mailbox.answers = ["554 spam"]
    async with notifying(tmp_path, node, by_mail(mailbox.port)) as api:
        made = await send(api)
        await becomes(api, made["id"], "failed")
        letter = await taken(node.url, "notification.deliveries.dead")
        assert letter.headers[names.REASON] == "the mail server answered 554 spam"
        assert letter.headers[names.FIRST_KEY] == "notification.deliveries"
        await deliver_again(node, made["id"])
        await becomes(api, made["id"], "sent")
        assert [mail["Message-ID"] for mail in mailbox.mails] == [f"<{made['id']}@faultdeck.local>"]


async def test_a_server_that_is_away_for_too_long_leaves_a_dead_letter(
    tmp_path: Path, node: BrokerNode
) -> None:
    async with notifying(tmp_path, node, by_mail(free_port())) as api:
        made = await send(api)
        await becomes(api, made["id"], "failed")
        letter = await taken(node.url, "notification.deliveries.dead")
        history = msgspec.json.decode(str(letter.headers[names.FAILURES]))
        assert len(history) == 5
        assert "the mail server 127.0.0.1:" in history[0]["reason"]


async def test_a_server_that_wants_a_login_gets_it(
    tmp_path: Path, node: BrokerNode, mailbox: Mailbox
) -> None:
    async with notifying(tmp_path, node, by_mail(mailbox.port, user="shop", password="secret")) as api:
        made = await send(api)
        await becomes(api, made["id"], "sent")
    assert mailbox.logins == [b"shop"]


async def test_starttls_is_never_left_out(tmp_path: Path, node: BrokerNode, mailbox: Mailbox) -> None:
    async with notifying(tmp_path, node, by_mail(mailbox.port, starttls=True)) as api:
        made = await send(api)
        await becomes(api, made["id"], "failed")
    assert mailbox.mails == []


async def test_sms_and_push_are_posted(tmp_path: Path, node: BrokerNode, hook: Hook) -> None:
    hook.answers = [503, 429]
    async with notifying(tmp_path, node, DeliverySettings(webhook_url=hook.url)) as api:
        made = await send(api, "order_shipped", orderId="ord_1")
        assert made["status"] == "pending"
        await becomes(api, made["id"], "sent")
        assert hook.bodies == [
            {
                "id": made["id"], "channel": "sms", "userId": "usr_1", "template": "order_shipped",
                "subject": None, "body": made["body"],
            }
        ] * 3  # fmt: skip
        assert hook.keys == [made["id"]] * 3
        assert (await send(api))["status"] == "stored", "there is no mail server"


@pytest.mark.parametrize("answer", [400, 302])
async def test_a_webhook_that_refuses_is_not_asked_again(
    tmp_path: Path, node: BrokerNode, hook: Hook, answer: int
) -> None:
    hook.answers = [answer]
    async with notifying(tmp_path, node, DeliverySettings(webhook_url=hook.url)) as api:
        made = await send(api, "order_shipped", orderId="ord_1")
        await becomes(api, made["id"], "failed")
        letter = await taken(node.url, "notification.deliveries.dead")
        assert letter.headers[names.REASON] == f"the webhook answered {answer}"
        assert len(hook.bodies) == 1


async def test_nobody_s_address_is_guessed(tmp_path: Path, node: BrokerNode, mailbox: Mailbox) -> None:
    async with notifying(tmp_path, node, by_mail(mailbox.port)) as api:
        body = {"template": "welcome", "data": {"name": "Bob", "email": "bob@example.com"}}
        reply = await api("POST", "/notifications", body, who=("usr_2", "customer"))
        assert reply.body["status"] == "failed"
    assert mailbox.mails == []


async def test_only_one_of_two_instances_sends(
    tmp_path: Path, node: BrokerNode, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same order to deliver, at both at once: one waits for the other's outcome."""
    sending, go_on = asyncio.Event(), asyncio.Event()
    real = senders.SmtpSender.__call__

    async def slow(sender: senders.SmtpSender, outgoing: senders.Outgoing) -> None:
        sending.set()
        await go_on.wait()
        await real(sender, outgoing)

    monkeypatch.setattr(senders.SmtpSender, "__call__", slow)
    async with (
        notifying(tmp_path, node, by_mail(mailbox.port)) as api,
        notifying(tmp_path, node, by_mail(mailbox.port), slot=2),
    ):
        made = await send(api)
        await sending.wait()
        await deliver_again(node, made["id"])
        await deliver_again(node, made["id"], "msg_third")
        asyncio.get_running_loop().call_later(0.3, go_on.set)
        await becomes(api, made["id"], "sent")
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize(
    ("claimed_by", "left_s"), [("notification-1/0", 60.0), ("notification-2/7", 0.4)], ids=["own", "other"]
)
async def test_what_a_killed_instance_was_at_is_taken_over(
    tmp_path: Path, node: BrokerNode, mailbox: Mailbox, claimed_by: str, left_s: float
) -> None:
    """At once from an earlier incarnation, which is no more; from another instance when its time is over."""
    mailbox.answers = ["554 once"]
    async with notifying(tmp_path, node, by_mail(mailbox.port)) as api:
        made = await send(api)
        await becomes(api, made["id"], "failed")
        with sqlite3.connect(tmp_path / "data" / "notifications.db") as database:
            database.execute(
                "UPDATE deliveries SET claimed_by = ?, claimed_until = ?", [claimed_by, time.time() + left_s]
            )
        database.close()
        before = time.monotonic()
        await deliver_again(node, made["id"])
        await becomes(api, made["id"], "sent")
        assert (time.monotonic() - before >= left_s) == (left_s < 1)


async def test_settings_take_effect_while_it_runs(tmp_path: Path, node: BrokerNode, hook: Hook) -> None:
    context = child_context(tmp_path, "notification", broker_url=node.url)
    tell: list[Callable[[Policies], None]] = []
    context.link.on_policies = tell.append  # type: ignore[method-assign, assignment]  # the link's end of it, without a link
    settings = msgspec.structs.replace(demo_settings(), delivery=DeliverySettings(webhook_url=hook.url))
    async with notification_process.serve(context) as port, serving_at(port) as api:
        assert (await send(api, "order_shipped", orderId="ord_1"))["status"] == "stored"
        for call in tell:
            call(Policies(revision=2, settings=settings))
        made = await send(api, "order_shipped", orderId="ord_2")
        await becomes(api, made["id"], "sent")
        assert len(hook.bodies) == 1
        hook.answers = [500] * 4
        held = await send(api, "order_shipped", orderId="ord_3")
        await until(lambda: enough(hook.bodies, 2))
        for call in tell:
            call(Policies(revision=3, settings=demo_settings()))
        await becomes(api, held["id"], "stored")


@asynccontextmanager
async def serving_at(port: int) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession(skip_auto_headers=["Content-Type"]) as session:
        yield Api(session, port)


@pytest.mark.parametrize("known", [False, True])
async def test_a_webhook_s_certificate_is_checked_by_those_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    if known:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate_in(tmp_path)))
    senders._trust.cache_clear()
    outgoing = senders.Outgoing("msg_1", Channel.SMS, "usr_1", "order_shipped", None, "On its way", 1.0, "")
    async with receiving(server_context(tmp_path)) as hook, aiohttp.ClientSession() as session:
        sending = senders.WebhookSender(hook.url, session)(outgoing)
        if known:
            await sending
        else:
            with pytest.raises(senders.SendFailedError, match="certificate verify failed"):
                await sending
        assert len(hook.keys) == known
    senders._trust.cache_clear()
