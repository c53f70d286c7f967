"""Which endpoint a path and a method are for."""

from dataclasses import dataclass

import pytest

from embedded_services.contracts.errors import ApiError
from embedded_services.services.kit.routes import MethodNotAllowedError, Routes


@dataclass(frozen=True)
class Entry:
    method: str
    path: str


LIST = Entry("GET", "/orders")
PLACE = Entry("POST", "/orders")
ROLES = Entry("GET", "/users/roles")
USER = Entry("GET", "/users/{id}")
RENAME = Entry("PATCH", "/users/{id}")
REFUND = Entry("POST", "/payments/{id}/refunds")
ROUTES = Routes([LIST, PLACE, USER, RENAME, ROLES, REFUND])


def test_method_and_path_find_the_endpoint() -> None:
    assert ROUTES.match("POST", "/orders") == (PLACE, {})


def test_a_name_in_braces_stands_for_one_segment() -> None:
    assert ROUTES.match("POST", "/payments/pay_1/refunds") == (REFUND, {"id": "pay_1"})


def test_a_plain_path_goes_before_one_with_names() -> None:
    assert ROUTES.match("GET", "/users/roles") == (ROLES, {})
    assert ROUTES.match("PATCH", "/users/usr_1") == (RENAME, {"id": "usr_1"})


def test_get_answers_head() -> None:
    assert ROUTES.match("HEAD", "/orders") == (LIST, {})


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/order",
        "/orders/",
        "/orders/1/2",
        "/users/",
        "/users/a b",
        "/users/%41",
        "/users/" + "a" * 65,
    ],
)
def test_an_unknown_path_is_not_found_and_named(path: str) -> None:
    with pytest.raises(ApiError) as caught:
        ROUTES.match("GET", path)
    assert (caught.value.code, caught.value.path) == ("NOT_FOUND", path)


def test_a_known_path_says_which_methods_it_takes() -> None:
    with pytest.raises(MethodNotAllowedError) as caught:
        ROUTES.match("DELETE", "/orders")
    assert caught.value.allow == ["GET", "HEAD", "POST"]
    with pytest.raises(MethodNotAllowedError) as caught:
        ROUTES.match("GET", "/payments/pay_1/refunds")
    assert caught.value.allow == ["POST"]
