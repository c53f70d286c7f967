"""What a notification looks like as an e-mail."""

import pytest

from embedded_services.services.notification.messages import Channel
from embedded_services.services.notification.senders import Outgoing, mail_of


def outgoing(**more: str) -> Outgoing:
    given = {
        "id": "ntf_1",
        "to": "ann@example.com",
        "template": "welcome",
        "subject": "Ünïcode",
        "body": "Grüße\n",
    }
    return Outgoing(channel=Channel.EMAIL, created_at=1_700_000_000.0, traceparent="", **(given | more))


def test_an_email_says_who_what_and_when() -> None:
    mail = mail_of(outgoing(), "shop@example.com")
    assert mail["Message-ID"] == "<ntf_1@faultdeck.local>"
    assert mail["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    assert mail["Subject"] == "Ünïcode"
    assert mail.get_content() == "Grüße\n"


@pytest.mark.parametrize("more", [{"to": "a@b.c\r\nBcc: d@e.f"}, {"subject": "a\nBcc: d@e.f"}])
def test_nothing_in_a_notification_becomes_a_header(more: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"newline|CR|LF|linefeed"):
        mail_of(outgoing(**more), "shop@example.com")
