"""The user service, over HTTP."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import jwt
import pytest

from embedded_services.contracts.tokens import ALGORITHM, AUDIENCE, ISSUER, LIFETIME_S
from tests.helpers.child import JWT_SECRET
from tests.integration.services.api import ADMIN, DEMO, NOBODY, OTHER, SUPPORT, Api, serving

ANN = {"email": "Ann@Example.com", "password": "correct horse", "name": " Ann "}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path, "user") as api:
        yield api


async def register(api: Api, name: str) -> tuple[str, str]:
    """A new customer, as who they are."""
    body = {"email": f"{name}@example.com", "password": "correct horse", "name": name}
    reply = await api("POST", "/auth/register", body, who=NOBODY)
    assert reply.status == 201
    return reply.body["user"]["id"], "customer"


@pytest.mark.parametrize(
    ("email", "role"), [("demo@faultdeck.local", "customer"), ("admin@faultdeck.local", "admin")]
)
async def test_the_demo_users_can_log_in(api: Api, email: str, role: str) -> None:
    reply = await api("POST", "/auth/login", {"email": email, "password": "faultdeck"}, who=NOBODY)
    assert reply.status == 200
    assert (reply.body["user"]["email"], reply.body["user"]["role"]) == (email, role)


async def test_a_token_says_who_and_until_when(api: Api) -> None:
    before = int(time.time())
    reply = await api(
        "POST", "/auth/login", {"email": "demo@faultdeck.local", "password": "faultdeck"}, who=NOBODY
    )
    claims = jwt.decode(
        reply.body["token"],
        JWT_SECRET,
        algorithms=[ALGORITHM],
        issuer=ISSUER,
        audience=AUDIENCE,
        options={"require": ["iss", "aud", "exp", "iat", "sub"]},
    )
    assert claims["id"] == claims["sub"] == "usr_demo"
    assert (claims["role"], claims["email"], claims["name"]) == (
        "customer",
        "demo@faultdeck.local",
        "Demo Customer",
    )
    assert claims["exp"] - claims["iat"] == LIFETIME_S
    assert claims["iat"] - before < 60
    assert reply.body["expiresAt"] == claims["exp"]


async def test_who_registers_is_a_customer_and_can_log_in_by_any_spelling(api: Api) -> None:
    reply = await api("POST", "/auth/register", ANN, who=NOBODY)
    assert reply.status == 201
    user = reply.body["user"]
    assert (user["email"], user["name"], user["role"]) == ("ann@example.com", "Ann", "customer")
    assert reply.headers["Location"] == f"../users/{user['id']}"
    again = await api(
        "POST", "/auth/login", {"email": " ANN@example.com ", "password": "correct horse"}, who=NOBODY
    )
    assert again.body["user"] == user


async def test_an_address_is_taken_once_even_by_many_at_one_moment(tmp_path: Path) -> None:
    async with serving(tmp_path, "user") as one, serving(tmp_path, "user", slot=2) as two:
        replies = await asyncio.gather(
            *[api("POST", "/auth/register", ANN, who=NOBODY) for api in (one, two) for _ in range(3)]
        )
    assert sorted(reply.status for reply in replies) == [201] + [409] * 5
    assert {reply.error["code"] for reply in replies if reply.status == 409} == {"CONFLICT"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "ann"}, "email"),
        ({"email": "a" * 300 + "@b.c"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"role": "admin"}, "role"),
    ],
)
async def test_a_registration_that_does_not_fit_names_its_field(
    api: Api, change: dict[str, str], field: str
) -> None:
    reply = await api("POST", "/auth/register", ANN | change, who=NOBODY)
    assert (reply.status, reply.field) == (400, field)


async def test_a_wrong_password_and_an_unknown_address_are_answered_alike(api: Api) -> None:
    async def attempt(email: str) -> tuple[float, int, str]:
        started = time.perf_counter()
        reply = await api("POST", "/auth/login", {"email": email, "password": "wrong"}, who=NOBODY)
        return time.perf_counter() - started, reply.status, reply.error["message"]

    wrong = [await attempt("demo@faultdeck.local") for _ in range(5)]
    unknown = [await attempt("nobody@faultdeck.local") for _ in range(5)]
    assert {attempt[1:] for attempt in wrong + unknown} == {(401, "E-mail address or password is wrong")}
    # Without the work for an unknown address it would be some thirty times faster.
    assert statistics.median(a[0] for a in unknown) > statistics.median(a[0] for a in wrong) / 3


async def test_a_user_sees_and_renames_themselves_and_nobody_else(api: Api) -> None:
    assert (await api("GET", "/users/usr_demo")).body["name"] == "Demo Customer"
    assert (await api("GET", "/users/usr_admin")).status == 404
    assert (await api("PATCH", "/users/usr_demo", {"name": "New"})).body["name"] == "New"
    assert (await api("PATCH", "/users/usr_demo", {"name": "X"}, who=OTHER)).status == 404
    assert (await api("PATCH", "/users/usr_demo", {"name": "X"}, who=SUPPORT)).status == 403
    assert (await api("PATCH", "/users/usr_demo", {"name": "Admin's"}, who=ADMIN)).body["revision"] == 3
    assert (await api("PATCH", "/users/usr_demo", {"role": "admin"})).field == "role"


async def test_admins_and_support_list_users_customers_do_not(api: Api) -> None:
    assert (await api("GET", "/users")).status == 403
    for who in (ADMIN, SUPPORT):
        page = (await api("GET", "/users", who=who)).body
        assert [user["id"] for user in page["items"]] == ["usr_admin", "usr_demo"]
        assert page["nextCursor"] is None
        assert all("passwordHash" not in user for user in page["items"])


async def test_users_are_found_by_address_and_role(api: Api) -> None:
    found = (await api("GET", "/users?email=DEMO@faultdeck.local", who=ADMIN)).body["items"]
    assert [user["id"] for user in found] == ["usr_demo"]
    found = (await api("GET", "/users?role=admin", who=ADMIN)).body["items"]
    assert [user["id"] for user in found] == ["usr_admin"]
    assert (await api("GET", "/users?role=king", who=ADMIN)).field == "role"


async def test_pages_stay_stable_while_users_are_added(api: Api) -> None:
    first = (await api("GET", "/users?limit=1", who=ADMIN)).body
    await register(api, "late")
    second = (await api("GET", f"/users?limit=1&cursor={first['nextCursor']}", who=ADMIN)).body
    assert [user["id"] for user in first["items"] + second["items"]] == ["usr_admin", "usr_demo"]
    assert second["nextCursor"] is None
    assert (await api("GET", "/users?cursor=nonsense", who=ADMIN)).field == "cursor"


async def test_a_role_changes_by_an_admin_and_acts_on_the_next_login(api: Api) -> None:
    assert (await api("PATCH", "/users/usr_demo/role", {"role": "support"})).status == 403
    assert (await api("PATCH", "/users/usr_demo/role", {"role": "support"}, who=SUPPORT)).status == 403
    reply = await api("PATCH", "/users/usr_demo/role", {"role": "support"}, who=ADMIN)
    assert (reply.status, reply.body["role"]) == (200, "support")
    login = await api(
        "POST", "/auth/login", {"email": "demo@faultdeck.local", "password": "faultdeck"}, who=NOBODY
    )
    assert jwt.decode(login.body["token"], options={"verify_signature": False})["role"] == "support"
    assert (await api("PATCH", "/users/usr_nobody/role", {"role": "admin"}, who=ADMIN)).status == 404


async def test_the_last_admin_keeps_the_role_and_the_account(api: Api) -> None:
    assert (await api("PATCH", "/users/usr_admin/role", {"role": "customer"}, who=ADMIN)).status == 409
    assert (await api("PATCH", "/users/usr_admin/role", {"role": "admin"}, who=ADMIN)).status == 200
    assert (await api("DELETE", "/users/usr_admin", who=ADMIN)).status == 409
    assert (await api("DELETE", "/users/usr_admin", who=("usr_other", "admin"))).status == 409
    await api("PATCH", "/users/usr_demo/role", {"role": "admin"}, who=ADMIN)
    assert (await api("PATCH", "/users/usr_admin/role", {"role": "customer"}, who=ADMIN)).status == 200


async def test_two_admins_who_demote_each_other_leave_one(tmp_path: Path) -> None:
    async with serving(tmp_path, "user") as one, serving(tmp_path, "user", slot=2) as two:
        await one("PATCH", "/users/usr_demo/role", {"role": "admin"}, who=ADMIN)
        replies = await asyncio.gather(
            one("PATCH", "/users/usr_demo/role", {"role": "customer"}, who=ADMIN),
            two("PATCH", "/users/usr_admin/role", {"role": "customer"}, who=(DEMO[0], "admin")),
        )
        assert sorted(reply.status for reply in replies) == [200, 409]


async def test_a_deleted_user_is_gone_and_their_address_stays_taken(api: Api) -> None:
    ann = await register(api, "ann")
    assert (await api("DELETE", f"/users/{ann[0]}")).status == 403
    assert (await api("DELETE", f"/users/{ann[0]}", who=ADMIN)).status == 204
    assert (await api("DELETE", f"/users/{ann[0]}", who=ADMIN)).status == 404
    assert (await api("GET", f"/users/{ann[0]}", who=ann)).status == 404
    login = {"email": "ann@example.com", "password": "correct horse"}
    assert (await api("POST", "/auth/login", login, who=NOBODY)).status == 401
    assert (await api("POST", "/auth/register", login | {"name": "Ann"}, who=NOBODY)).status == 409


async def test_roles_are_listed_with_their_permissions(api: Api) -> None:
    roles = (await api("GET", "/users/roles")).body["items"]
    assert [role["name"] for role in roles] == ["admin", "customer", "support"]
    assert "roles:write" in roles[0]["permissions"]
    assert roles[1]["permissions"] == []
    first = (await api("GET", "/users/roles?limit=2")).body
    rest = (await api("GET", f"/users/roles?cursor={first['nextCursor']}")).body
    assert first["items"] + rest["items"] == roles


async def test_a_profile_is_empty_until_it_is_filled_in(api: Api) -> None:
    empty = (await api("GET", "/profiles/usr_demo")).body
    assert (empty["userId"], empty["preferences"], empty["updatedAt"]) == ("usr_demo", {}, None)
    filled = {
        "displayName": "Demo",
        "phone": "+49 (30) 1234-567",
        "address": {"line1": "Street 1", "city": "Berlin", "postalCode": "10115", "country": "DE"},
        "locale": "de-DE",
        "preferences": {"theme": "dark", "page": 50, "news": True},
    }
    assert (await api("PUT", "/profiles/usr_demo", filled)).status == 200
    profile = (await api("GET", "/profiles/usr_demo")).body
    assert {name: profile[name] for name in filled} == filled


async def test_a_patch_changes_only_what_it_names_and_null_clears(api: Api) -> None:
    await api("PUT", "/profiles/usr_demo", {"displayName": "Demo", "phone": "+49301234", "locale": "de"})
    profile = (await api("PATCH", "/profiles/usr_demo", {"phone": None, "locale": "en-GB"})).body
    assert (profile["displayName"], profile["phone"], profile["locale"]) == ("Demo", None, "en-GB")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"phone": "call me"}, "phone"),
        ({"locale": "not a locale"}, "locale"),
        ({"address": {"country": "Germany"}}, "address.country"),
        ({"address": {"planet": "Earth"}}, "address.planet"),
        ({"preferences": {"a": "x" * 257}}, "preferences.a"),
        ({"preferences": {str(n): 1 for n in range(51)}}, "preferences"),
        ({"preferences": {"a": {"b": 1}}}, "preferences.a"),
    ],
)
async def test_a_profile_is_bounded(api: Api, change: dict[str, object], field: str) -> None:
    for method in ("PUT", "PATCH"):
        assert (await api(method, "/profiles/usr_demo", change)).field == field


async def test_profiles_belong_to_their_users(api: Api) -> None:
    assert (await api("GET", "/profiles/usr_demo", who=OTHER)).status == 404
    assert (await api("PATCH", "/profiles/usr_demo", {"locale": "en"}, who=OTHER)).status == 404
    assert (await api("GET", "/profiles/usr_demo", who=SUPPORT)).status == 200
    assert (await api("PATCH", "/profiles/usr_demo", {"locale": "en"}, who=SUPPORT)).status == 403
    assert (await api("PATCH", "/profiles/usr_demo", {"locale": "en"}, who=ADMIN)).status == 200
    assert (await api("GET", "/profiles/usr_nobody", who=ADMIN)).status == 404
