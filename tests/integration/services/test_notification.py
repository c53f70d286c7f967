"""The notification service, over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.services.api import ADMIN, DEMO, OTHER, SUPPORT, Api, Reply, serving


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path, "notification") as api:
        yield api


WELCOME = {"template": "welcome", "data": {"name": "Ann", "email": "ann@example.com"}}
SHIPPED = {"template": "order_shipped", "data": {"orderId": "ord_1"}}


async def send(api: Api, body: dict[str, Any] = WELCOME, *, who: tuple[str, str] = DEMO) -> Reply:
    return await api("POST", "/notifications", body, who=who)


SAMPLES: dict[str, dict[str, Any]] = {
    "welcome": {"name": "Ann", "email": "ann@example.com"},
    "order_confirmation": {
        "orderId": "ord_1",
        "items": [
            {"productId": "prod1", "name": "Keyboard", "quantity": 2, "price": 29.99},
            {"productId": "prod2", "quantity": 1},
        ],
        "total": 119.97,
    },
    "order_cancelled": {"orderId": "ord_1", "reason": "Insufficient inventory"},
    "payment_receipt": {"orderId": "ord_1", "paymentId": "pay_1", "amount": 119.9},
    "order_shipped": {"orderId": "ord_1"},
    "security_alert": {"event": "Your password was changed"},
}


async def test_the_seeded_templates_are_there_and_render(api: Api) -> None:
    templates = {t["name"]: t for t in (await api("GET", "/templates")).body["items"]}
    assert {name: t["channel"] for name, t in templates.items()} == {
        "order_cancelled": "email",
        "order_confirmation": "email",
        "order_shipped": "sms",
        "payment_receipt": "email",
        "security_alert": "push",
        "welcome": "email",
    }
    for name, data in SAMPLES.items():
        reply = await api("POST", f"/templates/{name}/preview", {"data": data})
        assert reply.status == 200, reply.raw
        assert "{" not in reply.body["body"]


async def test_an_order_confirmation_reads_well(api: Api) -> None:
    reply = await api(
        "POST", "/templates/order_confirmation/preview", {"data": SAMPLES["order_confirmation"]}
    )
    assert reply.body == {
        "channel": "email",
        "subject": "Your order ord_1",
        "body": "Thank you for your order ord_1:\n\n  2 x Keyboard at 29.99\n  1 x prod2\n\nTotal: 119.97\n",
    }


async def test_a_notification_is_rendered_and_kept(api: Api) -> None:
    reply = await send(api)
    assert reply.status == 201
    assert reply.headers["Location"] == f"notifications/{reply.body['id']}"
    assert {
        "userId": "usr_demo",
        "channel": "email",
        "template": "welcome",
        "subject": "Welcome, Ann",
        "body": "Hello Ann,\n\nyour account ann@example.com is ready.\n",
        "status": "stored",
        "readAt": None,
    }.items() <= reply.body.items()
    assert (await api("GET", f"/notifications/{reply.body['id']}")).body == reply.body


async def test_the_channel_may_be_another_and_an_sms_has_no_subject(api: Api) -> None:
    reply = await send(api, WELCOME | {"channel": "sms"})
    assert (reply.body["channel"], reply.body["subject"]) == ("sms", None)
    assert (await send(api, SHIPPED)).body["channel"] == "sms"


async def test_a_subject_stays_one_line(api: Api) -> None:
    reply = await send(api, {"template": "welcome", "data": {"name": "A\r\nBcc: b@c.d", "email": "x"}})
    assert reply.body["subject"] == "Welcome, A Bcc: b@c.d"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"template": "welcome", "data": {"name": "Ann"}}, "data.email"),
        ({"template": "welcome"}, "data.name"),
        ({"template": "Welcome!"}, "template"),
        ({"template": "welcome", "channel": "pigeon"}, "channel"),
        ({"template": "welcome", "data": {"a b": 1}}, "data"),
        ({"template": "welcome", "data": {"name": "x" * 2001, "email": "x"}}, "data.name"),
        ({"template": "welcome", "data": [1]}, "data"),
    ],
)
async def test_a_notification_that_does_not_fit_names_its_field(
    api: Api, body: dict[str, Any], field: str
) -> None:
    reply = await send(api, body)
    assert (reply.status, reply.field) == (400, field)
    assert (await api("GET", "/notifications")).body["items"] == []


async def test_an_unknown_template_is_not_found(api: Api) -> None:
    assert (await send(api, {"template": "nope"})).status == 404
    assert (await api("GET", "/templates/nope")).status == 404
    assert (await api("POST", "/templates/nope/preview", {})).status == 404


async def test_only_staff_write_to_others(api: Api) -> None:
    assert (await send(api, WELCOME | {"userId": "usr_other"})).status == 403
    assert (await send(api, WELCOME | {"userId": "usr_demo"})).status == 201
    for who in (ADMIN, SUPPORT):
        assert (await send(api, WELCOME | {"userId": "usr_other"}, who=who)).body["userId"] == "usr_other"


async def test_users_see_what_was_sent_to_them(api: Api) -> None:
    mine = (await send(api)).body["id"]
    theirs = (await send(api, who=OTHER)).body["id"]
    assert [n["id"] for n in (await api("GET", "/notifications")).body["items"]] == [mine]
    assert (await api("GET", f"/notifications/{theirs}")).status == 404
    assert (await api("POST", f"/notifications/{theirs}/read")).status == 404
    assert (await api("GET", "/notifications?userId=usr_other")).status == 403
    everything = (await api("GET", "/notifications", who=ADMIN)).body
    assert ([n["id"] for n in everything["items"]], everything["unread"]) == ([theirs, mine], 2)
    one = (await api("GET", "/notifications?userId=usr_other", who=SUPPORT)).body
    assert ([n["id"] for n in one["items"]], one["unread"]) == ([theirs], 1)


async def test_reading_counts_down_what_is_unread(api: Api) -> None:
    ids = [(await send(api)).body["id"] for _ in range(3)]
    first = await api("POST", f"/notifications/{ids[0]}/read")
    again = await api("POST", f"/notifications/{ids[0]}/read")
    assert first.body["readAt"] is not None
    assert again.body == first.body
    unread = (await api("GET", "/notifications?unread=true&limit=1")).body
    assert (unread["unread"], len(unread["items"]), unread["items"][0]["id"]) == (2, 1, ids[2])
    read = (await api("GET", "/notifications?unread=false")).body
    assert ([n["id"] for n in read["items"]], read["unread"]) == ([ids[0]], 2)
    assert (await api("POST", "/notifications/read-all")).body == {"updated": 2}
    assert (await api("POST", "/notifications/read-all")).body == {"updated": 0}
    assert (await api("GET", "/notifications")).body["unread"] == 0
    assert (await api("POST", "/notifications/ntf_none/read")).status == 404


async def test_reading_all_is_for_the_caller_s_own(api: Api) -> None:
    await send(api, who=OTHER)
    await api("POST", "/notifications/read-all", who=ADMIN)
    assert (await api("GET", "/notifications", who=OTHER)).body["unread"] == 1


async def test_notifications_are_filtered_and_paged(api: Api) -> None:
    ids = [(await send(api)).body["id"] for _ in range(3)]
    sms = (await send(api, SHIPPED)).body["id"]
    assert [n["id"] for n in (await api("GET", "/notifications?channel=sms")).body["items"]] == [sms]
    page = (await api("GET", "/notifications?limit=3")).body
    rest = (await api("GET", f"/notifications?limit=3&cursor={page['nextCursor']}")).body
    assert [n["id"] for n in page["items"] + rest["items"]] == [sms, *ids[::-1]]
    assert page["unread"] == rest["unread"] == 4


TEMPLATE = {"channel": "email", "subject": "Hi {{ name }}", "body": "{{ text|upper }} {{ name }}"}


async def test_admins_write_templates(api: Api) -> None:
    assert (await api("PUT", "/templates/mine", TEMPLATE)).status == 403
    assert (await api("PUT", "/templates/mine", TEMPLATE, who=SUPPORT)).status == 403
    made = await api("PUT", "/templates/mine", TEMPLATE, who=ADMIN)
    assert (made.status, made.body["variables"], made.body["revision"]) == (201, ["name", "text"], 1)
    data = {"name": "Ann", "text": "x"}
    assert (await send(api, {"template": "mine", "data": data})).body["body"] == "X Ann"
    changed = await api("PUT", "/templates/mine", TEMPLATE | {"body": "New {{ name }}"}, who=ADMIN)
    assert (changed.status, changed.body["revision"]) == (200, 2)
    assert (await send(api, {"template": "mine", "data": data})).body["body"] == "New Ann"


async def test_variables_that_were_not_declared_are_listed(api: Api) -> None:
    declared = TEMPLATE | {"variables": ["other"]}
    reply = await api("PUT", "/templates/mine", declared, who=ADMIN)
    assert reply.status == 400
    assert [detail["message"] for detail in reply.error["details"]] == ["lacks name", "lacks text"]
    assert (
        await api("PUT", "/templates/mine", TEMPLATE | {"variables": ["name", "text"]}, who=ADMIN)
    ).status == 201


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"body": "{{ name"}, "body"),
        ({"body": "{% for i in range(10**9) %}x{% endfor %}"}, "body"),
        ({"body": "{{ 'a' * 1000000000 }}"}, "body"),
        ({"body": ""}, "body"),
        ({"body": "x" * 8001}, "body"),
        ({"subject": "{{ x.__class__.mro() }}"}, "subject"),
        ({"subject": None}, "subject"),
        ({"channel": "sms"}, "subject"),
        ({"channel": "fax"}, "channel"),
        ({"variables": ["a-b"]}, "variables[0]"),
    ],
)
async def test_a_faulty_template_is_refused_and_changes_nothing(
    api: Api, change: dict[str, Any], field: str
) -> None:
    before = (await api("GET", "/templates/welcome")).body
    reply = await api("PUT", "/templates/welcome", TEMPLATE | change, who=ADMIN)
    assert (reply.status, reply.field) == (400, field)
    assert (await api("GET", "/templates/welcome")).body == before


async def test_a_template_s_name_has_a_form(api: Api) -> None:
    assert (await api("PUT", "/templates/Upper", TEMPLATE, who=ADMIN)).field == "name"


async def test_what_grows_too_long_is_refused_not_cut(api: Api) -> None:
    body = {"channel": "sms", "body": "{% for x in xs %}{{ x }}{% endfor %}"}
    await api("PUT", "/templates/long", body, who=ADMIN)
    data = {"xs": ["x" * 100] * 17}
    reply = await api("POST", "/templates/long/preview", {"data": data})
    assert (reply.status, reply.error["message"]) == (
        400,
        "The template cannot be rendered: the text is longer than 1600 characters",
    )
    assert (await api("POST", "/templates/long/preview", {"data": data, "channel": "email"})).status == 200


async def test_templates_are_paged_by_name(api: Api) -> None:
    page = (await api("GET", "/templates?limit=4")).body
    rest = (await api("GET", f"/templates?cursor={page['nextCursor']}")).body
    names = [t["name"] for t in page["items"] + rest["items"]]
    assert names == sorted(SAMPLES)
