"""The history's rows: bounded, newest first, and remembered without secrets."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QAbstractItemModel

from app.core.settings import SavedRequest, WindowSettings
from app.panels.requests.draft import Draft
from app.panels.requests.history import MAX_TEXT, MOST, restored, saved
from app.panels.requests.requests_model import MOST as MOST_HELD
from app.panels.requests.requests_model import Exchange, RequestsModel, status_lamp, status_word, tint
from app.qt.columns import Look, Role

Check = Callable[[QAbstractItemModel], None]


def exchange(**known: Any) -> Exchange:
    return Exchange(1, 1.5, known.pop("draft", Draft()), **known)


def remembered(draft: Draft) -> SavedRequest:
    """As it comes back from the settings."""
    raw = msgspec.json.encode(WindowSettings(requests=saved([exchange(draft=draft, status=200)])))
    return msgspec.json.decode(raw, type=WindowSettings).requests[0]


def test_newest_comes_first_and_the_oldest_go() -> None:
    model = RequestsModel()
    for number in range(MOST_HELD + 5):
        model.add(Draft(target=f"/{number}"), float(number))
    assert model.rowCount() == MOST_HELD
    assert model.rows()[0].draft.target == f"/{MOST_HELD + 4}"
    assert model.rows()[0].number == MOST_HELD + 5


def test_what_becomes_known_later_changes_its_row_alone(check_model: Check) -> None:
    model = RequestsModel()
    check_model(model)
    first = model.add(Draft(), 1.0, status=200)
    model.add(Draft(), 2.0)
    changed = model.change(first.number, tries=2, trace="abc")
    assert changed is not None
    assert (changed.tries, changed.trace, changed.status) == (2, "abc", 200)
    assert model.rows()[0].tries is None
    assert model.change(99, tries=1) is None


@pytest.mark.parametrize(
    ("known", "word", "lamp", "ground"),
    [
        ({"status": 201}, "201", "healthy", None),
        ({"status": 404}, "404", "degraded", None),
        ({"status": 503}, "503", "unhealthy", "bad_tint"),
        ({"problem": "refused"}, "no answer", "unhealthy", "bad_tint"),
        ({"cancelled": True}, "cancelled", "unknown", None),
        ({}, "not sent", "unknown", None),
    ],
)
def test_outcome_has_a_word_a_shape_and_a_ground(
    known: dict[str, Any], word: str, lamp: str, ground: str | None
) -> None:
    row = exchange(**known)
    assert (status_word(row), status_lamp(row), tint(row)) == (word, lamp, ground)


def test_falsified_tokens_bear_the_mark_of_what_the_user_did() -> None:
    model = RequestsModel()
    model.add(Draft(), 1.0, status=403, sent_as="forged")
    look = model.index(0, 3).data(Role.LOOK)
    assert isinstance(look, Look)
    assert (look.mark, look.spans[0].tone, look.spans[0].text) == ("injected", "fault", "forged")


def test_history_comes_back_as_it_was() -> None:
    draft = Draft("POST", "/api/orders?x=1", "X-A: 1", '{"items": []}', "forged")
    row = exchange(draft=draft, status=403, sent_as="forged", took_ms=1.5, request_id="r", outcome="No.")
    back = restored(saved([row]))[0]
    assert back == exchange(
        draft=draft, status=403, sent_as="forged", took_ms=1.5, request_id="r", outcome="No."
    )
    model = RequestsModel()
    model.restore(restored(saved([row])))
    assert model.add(Draft(), 2.0).number == 2


def test_history_is_bounded() -> None:
    rows = [Exchange(n, 0.0, Draft(target="/" + "x" * n, body="y" * n)) for n in range(10_000, 9_900, -1)]
    kept = saved(rows)
    assert len(kept) == MOST
    assert all(len(request.target) + len(request.body) <= 2 * MAX_TEXT for request in kept)


@pytest.mark.parametrize(
    "headers",
    [
        "Authorization: Bearer s3cret",
        "authorization : s3cret",
        "Cookie: id=s3cret",
        "X-Api-Key: s3cret",
        "X-Auth-Token: s3cret",
    ],
)
def test_headers_that_hold_secrets_are_not_remembered(headers: str) -> None:
    assert remembered(Draft(headers=f"X-A: 1\n{headers}")).headers == "X-A: 1"


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ('{"email": "a@b", "password": "s3cret"}', '{\n  "email": "a@b",\n  "password": ""\n}'),
        (
            '[{"user": {"apiKey": {"deep": "s3cret"}}}]',
            '[\n  {\n    "user": {\n      "apiKey": ""\n    }\n  }\n]',
        ),
        ("password=s3cret&x=1", ""),
        ('{"token": "s3cret"', ""),
        ("plain text", "plain text"),
    ],
)
def test_bodies_are_remembered_without_their_secrets(body: str, kept: str) -> None:
    assert remembered(Draft("POST", body=body)).body == kept


def test_secrets_in_the_path_are_not_remembered() -> None:
    assert remembered(Draft(target="/x?a=1&token=s3cret&b=2")).target == "/x?a=1&token=&b=2"
    assert "s3cret" not in remembered(Draft(target="/x?access_token=s3cret")).target


def test_remembered_request_that_makes_no_sense_is_left_out() -> None:
    good = SavedRequest(at=1.0, method="GET", target="/x")
    bad = [
        SavedRequest(at=1.0, method="BREW", target="/x"),
        SavedRequest(at=1.0, method="GET", target="/", auth="?"),
    ]
    assert [row.draft.target for row in restored([bad[0], good, bad[1]])] == ["/x"]
    assert restored([SavedRequest(at=1.0, method="GET", target="/x", sent_as="?")])[0].sent_as is None
