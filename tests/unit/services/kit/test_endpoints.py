"""What callers may see, and how an answer says where things are."""

import pytest

from embedded_services.contracts.errors import ApiError
from embedded_services.services.kit.endpoints import Caller, answer
from embedded_services.services.kit.roles import PERMISSIONS, Permission, Role

CUSTOMER = Caller("usr_1", Role.CUSTOMER)
SUPPORT = Caller("usr_2", Role.SUPPORT)
ADMIN = Caller("usr_3", Role.ADMIN)


def test_every_role_has_permissions_and_admins_have_all() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert PERMISSIONS[Role.ADMIN] == set(Permission)
    assert not PERMISSIONS[Role.CUSTOMER]


def test_support_changes_nothing_of_others() -> None:
    assert not any(
        SUPPORT.may(p) for p in (Permission.ORDERS_WRITE, Permission.PAYMENTS_WRITE, Permission.USERS_WRITE)
    )
    with pytest.raises(ApiError, match="orders:write") as caught:
        SUPPORT.must(Permission.ORDERS_WRITE)
    assert caught.value.status == 403


def test_what_belongs_to_others_is_not_there_for_a_customer() -> None:
    with pytest.raises(ApiError) as caught:
        CUSTOMER.must_see("usr_9", Permission.ORDERS_READ, "order")
    assert caught.value.status == 404
    CUSTOMER.must_see("usr_1", Permission.ORDERS_READ, "order")
    ADMIN.must_see("usr_9", Permission.ORDERS_READ, "order")


def test_a_list_shows_a_customer_their_own_and_others_all() -> None:
    assert CUSTOMER.whose(None, Permission.ORDERS_READ) == "usr_1"
    assert CUSTOMER.whose("usr_1", Permission.ORDERS_READ) == "usr_1"
    assert SUPPORT.whose(None, Permission.ORDERS_READ) is None
    assert ADMIN.whose("usr_9", Permission.ORDERS_READ) == "usr_9"
    with pytest.raises(ApiError) as caught:
        CUSTOMER.whose("usr_9", Permission.ORDERS_READ)
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("asked", "location", "reference"),
    [
        ("/orders", "/orders/ord_1", "orders/ord_1"),
        ("/cart/checkout", "/orders/ord_1", "../orders/ord_1"),
        ("/auth/register", "/users/usr_1", "../users/usr_1"),
    ],
)
def test_a_location_holds_under_any_prefix(asked: str, location: str, reference: str) -> None:
    assert answer({}, 201, location=location, asked=asked).headers == {"Location": reference}
