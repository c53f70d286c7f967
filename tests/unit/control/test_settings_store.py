import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.settings import Settings, Strategy
from embedded_services.control.settings_store import SettingsStore, check, merge
from tests.helpers.child import demo_settings

USABLE = frozenset({Strategy.ROUND_ROBIN, Strategy.RANDOM})

leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x"])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


class Disk:
    """What was saved, and whether the next save fails."""

    def __init__(self) -> None:
        self.saved: list[Settings] = []
        self.revision = 1
        self.full = False

    def save(self, settings: Settings, revision: int) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.saved.append(settings)
        self.revision = revision


def store(disk: Disk | None = None) -> SettingsStore:
    return SettingsStore(demo_settings(), (disk or Disk()).save, USABLE)


def refused(settings: SettingsStore, patch: Any, **options: Any) -> ApiError:
    with pytest.raises(ApiError) as error:
        settings.patch(patch, **options)
    return error.value


# --- merge: RFC 7396 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_does_what_the_standard_s_examples_say(target: Any, patch: Any, result: Any) -> None:
    assert merge(target, patch) == result


@given(values, values)
def test_merging_twice_is_merging_once(target: Any, patch: Any) -> None:
    once = merge(target, patch)
    assert merge(once, patch) == once


@given(objects, objects)
def test_merge_touches_only_what_the_patch_names_and_changes_neither(target: Any, patch: Any) -> None:
    originals = copy.deepcopy((target, patch))
    merged = merge(target, patch)
    assert (target, patch) == originals
    for name in target.keys() - patch.keys():
        assert merged[name] == target[name]
    for name, value in patch.items():
        assert (name not in merged) if value is None else merged[name] == merge(target.get(name), value)


# --- the store ------------------------------------------------------------------------------------------------------


def test_patch_changes_saves_and_tells_once() -> None:
    disk, heard = Disk(), list[tuple[Settings, Settings]]()
    settings = store(disk)
    before = settings.current
    settings.subscribe(lambda was, now: heard.append((was, now)))
    state = settings.patch({"limits": {"limit": 5}}, if_match=1)
    assert (state.revision, state.settings.limits.limit) == (2, 5)
    assert settings.state == state
    assert settings.current == state.settings == disk.saved[0]
    assert heard == [(before, state.settings)]
    assert msgspec.structs.replace(state.settings, limits=before.limits) == before


def test_null_puts_a_default_back() -> None:
    settings = store()
    settings.patch({"limits": {"limit": 5, "windowS": 7}})
    assert settings.patch({"limits": None}).settings == demo_settings()


@pytest.mark.parametrize("patch", [{}, {"name": "demo-shop"}, {"limits": {"limit": 100}}, {"dashboard": {}}])
def test_patch_that_changes_nothing_is_no_revision_and_no_save(patch: Any) -> None:
    disk = Disk()
    settings = store(disk)
    settings.subscribe(lambda _, __: pytest.fail("nothing changed"))
    assert settings.patch(patch).revision == 1
    assert disk.saved == []


@pytest.mark.parametrize("if_match", [0, 1, 3])
def test_patch_of_what_is_no_longer_there_is_refused(if_match: int) -> None:
    disk = Disk()
    settings = store(disk)
    settings.patch({"name": "two"})
    error = refused(settings, {"name": "three"}, if_match=if_match)
    assert (error.code, error.status) == ("PRECONDITION_FAILED", 412)
    assert "revision 2" in error.message
    assert (settings.current.name, settings.state.revision, len(disk.saved)) == ("two", 2, 1)
    assert settings.patch({"name": "three"}, if_match=2).revision == 3


@pytest.mark.parametrize(
    ("patch", "field", "bound"),
    [
        ({"limits": {"limit": 0}}, "limits.limit", 1),
        ({"limits": {"limit": "many"}}, "limits.limit", None),
        ({"limits": {"speed": 1}}, "limits.speed", None),
        ({"limits": {"algorithm": "hope"}}, "limits.algorithm", None),
        ({"name": ""}, "name", 1),
        ({"name": None}, "name", None),
        ({"routes": None}, "routes", None),
        ({"services": {"user": {"kind": None}}}, "services.user.kind", None),
        ({"services": {"user": {"replicas": 65}}}, "services.user.replicas", 64),
        ({"services": {"user": {"strategy": "least-connections"}}}, "services.user.strategy", None),
        ({"services": {"user": {"port": 65535}}}, "services.user.port", 65525),
        ({"services": {"user": {"port": 65000, "replicas": 64}}}, "services.user.port", 64905),
        ({"services": {"user": None}}, "routes[0].service", None),
        ({"routes": [{"prefix": "/api/x", "service": "nobody"}]}, "routes[0].service", None),
        ({"routes": [{"prefix": "/x", "service": "user"}]}, "routes[0].prefix", None),
        ({"routes": [{"prefix": "/api/x\n", "service": "user"}]}, "routes[0].prefix", None),
        ({"dashboard": {"a": {"service": "nobody", "path": "/"}}}, "dashboard.a.service", None),
        ({"dashboard": {"a": {"service": "user", "path": "/\r\nX: y"}}}, "dashboard.a.path", None),
        ({"services": {"user\n": {"kind": "user"}}}, "services", None),
        ({"gateway": {"bodyLimit": 1}}, "gateway.bodyLimit", 1024),
        ({"health": {"fall": 2.5}}, "health.fall", None),
        ({"services": {"user": {"policy": {"retries": {"backoffS": 1, "backoffMaxS": 0.5}}}}}, "services.user.policy.retries.backoffS", 0.5),
        ({"services": {"user": {"policy": {"outliers": {"ejectionS": 301}}}}}, "services.user.policy.outliers.ejectionS", 300),
        ({"gateway": {"trustedProxies": ["10.0.0.1", "nobody"]}}, "gateway", None),
        ({"gateway": {"trustedProxies": ["10.0.0.0/33"]}}, "gateway", None),
        ({"dashboard": {"partial": {"service": "user", "path": "/"}}}, "dashboard.partial", None),
        ({"routes": [{"prefix": "/api/x", "service": "user", "methods": ["FETCH"]}]}, "routes[0].methods", None),
        ({"routes": [{"prefix": "/api/x", "service": "user"}, {"prefix": "/api/x", "service": "order"}]}, "routes[1].prefix", None),
    ],
)  # fmt: skip
def test_invalid_patch_names_the_field_and_changes_nothing(patch: Any, field: str, bound: object) -> None:
    disk = Disk()
    settings = store(disk)
    settings.subscribe(lambda _, __: pytest.fail("nothing changed"))
    before = settings.state
    error = refused(settings, patch)
    assert error.code == "VALIDATION_FAILED"
    assert error.details
    assert error.details[0].field == field
    if bound is not None:
        assert error.details[0].bound == bound
    assert settings.state == before
    assert disk.saved == []


def test_highest_port_that_leaves_room_for_the_replicas_is_accepted() -> None:
    assert store().patch({"services": {"user": {"port": 64905, "replicas": 64}}}).revision == 2
    assert store().patch({"services": {"user": {"port": 65535, "replicas": 0}}}).revision == 2


def test_patch_nested_without_end_is_refused() -> None:
    patch: dict[str, Any] = {}
    for _ in range(5_000):
        patch = {"a": patch}
    settings = store()
    assert refused(settings, patch).code == "VALIDATION_FAILED"
    assert settings.state.revision == 1


def test_every_problem_is_listed() -> None:
    routes = [{"prefix": "/api/a", "service": "x"}, {"prefix": "/api/b", "service": "y"}]
    error = refused(store(), {"routes": routes})
    assert [detail.field for detail in error.details or []] == ["routes[0].service", "routes[1].service"]


def test_failing_save_changes_nothing() -> None:
    disk = Disk()
    disk.full = True
    settings = store(disk)
    settings.subscribe(lambda _, __: pytest.fail("nothing changed"))
    before = settings.state
    error = refused(settings, {"name": "other"})
    assert (error.code, error.message) == (
        "INTERNAL_ERROR", "the settings could not be saved: No space left on device",
    )  # fmt: skip
    assert settings.state == before
    disk.full = False
    settings = store(disk)
    assert settings.patch({"name": "other"}).revision == 2


@given(
    st.lists(
        st.tuples(
            st.fixed_dictionaries(
                {},
                optional={
                    "name": st.sampled_from(["", "a", "b"]),
                    "limits": st.fixed_dictionaries({}, optional={"limit": st.integers(-1, 2)}),
                    "services": st.dictionaries(
                        st.sampled_from(["user", "order", "new"]),
                        st.none() | st.fixed_dictionaries({}, optional={"replicas": st.integers(-1, 3)}),
                    ),
                    "unknown": st.none() | st.just(1),
                },
            ),
            st.none() | st.integers(1, 4),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_at_every_moment_what_is_in_force_is_valid_and_is_what_was_saved(
    patches: list[tuple[dict[str, Any], int | None, bool]],
) -> None:
    disk = Disk()
    settings = store(disk)
    for patch, if_match, full in patches:
        before, saves = settings.state, len(disk.saved)
        disk.full = full
        try:
            after = settings.patch(patch, if_match=if_match)
        except ApiError:
            assert settings.state == before
            assert len(disk.saved) == saves
            continue
        changed = after.settings != before.settings
        assert after.revision == before.revision + changed
        assert len(disk.saved) == saves + changed
        assert settings.current == (disk.saved[-1] if disk.saved else demo_settings())
        check(settings.current, USABLE)
        assert msgspec.json.decode(msgspec.json.encode(settings.current), type=Settings) == settings.current


def test_store_is_not_made_from_settings_that_cannot_be() -> None:
    with pytest.raises(ApiError) as error:
        SettingsStore(demo_settings(), lambda _, __: None, frozenset({Strategy.RANDOM}))
    assert error.value.details
    assert error.value.details[0].bound == "random"


def test_a_kind_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    before = demo_settings()
    for patch, field in (
        ({"services": {"mine": {"kind": "nonexistent"}}}, "services.mine.kind"),
        ({"services": {"mine": {"kind": "kit"}}}, "services.mine.kind"),
        ({"services": {"order": {"kind": "user"}}}, "services.order.kind"),
        ({"services": {"mine": {"kind": "external"}}}, "services.mine.replicas"),
        ({"services": {"order": {"policy": {"tryTimeoutS": 9}}}}, "services.order.policy.tryTimeoutS"),
    ):
        disk = Disk()
        store = SettingsStore(before, disk.save, frozenset(Strategy))
        with pytest.raises(ApiError) as refused:
            store.patch(patch)
        assert refused.value.details is not None
        assert refused.value.details[0].field == field
        assert (disk.saved, store.current) == ([], before)


def test_a_service_of_others_can_be_added() -> None:
    disk = Disk()
    store = SettingsStore(demo_settings(), disk.save, frozenset(Strategy))
    store.patch({"services": {"mine": {"kind": "external", "replicas": 0}}})
    assert disk.saved == [store.current]
    assert store.current.services["mine"].kind == "external"


# --- what cannot be put in force ------------------------------------------------------------------------------------


def test_a_listener_that_fails_undoes_the_change_for_all_who_heard_of_it(
    expect_log: Callable[[str], None],
) -> None:
    expect_log("could not be put in force")
    disk = Disk()
    settings = SettingsStore(demo_settings(), disk.save, USABLE, 7)
    before = settings.state
    heard: list[tuple[str, str, str]] = []

    def fails(was: Settings, now: Settings) -> None:
        heard.append(("second", was.name, now.name))
        if now.name == "two":
            raise RuntimeError("no port is free")

    settings.subscribe(lambda was, now: heard.append(("first", was.name, now.name)))
    settings.subscribe(fails)
    settings.subscribe(lambda _, __: pytest.fail("it was undone before it came here"))
    error = refused(settings, {"name": "two"})
    assert (error.code, settings.state) == ("INTERNAL_ERROR", before)
    assert "no port is free" in error.message
    assert heard == [
        ("first", "demo-shop", "two"),
        ("second", "demo-shop", "two"),
        ("second", "two", "demo-shop"),
        ("first", "two", "demo-shop"),
    ]
    assert (disk.saved[-1], disk.revision) == (before.settings, 7)


def test_an_undoing_that_fails_too_is_logged_and_the_settings_are_those_before(
    expect_log: Callable[[str], None],
) -> None:
    expect_log("could not be put in force")
    expect_log("could not be put in force again everywhere")
    settings = store()
    before = settings.state

    def fails(_: Settings, __: Settings) -> None:
        raise RuntimeError("broken")

    settings.subscribe(fails)
    assert refused(settings, {"name": "two"}).code == "INTERNAL_ERROR"
    assert settings.state == before


def test_restoring_is_a_revision_of_its_own() -> None:
    disk = Disk()
    settings = store(disk)
    before = settings.current
    settings.patch({"name": "two"})
    settings.restore(before)
    assert (settings.state.revision, settings.current, disk.revision) == (3, before, 3)
    settings.restore(before)
    assert settings.state.revision == 3


# --- secrets and the broker -----------------------------------------------------------------------------------------

SMTP = {"host": "mail.local", "from": "shop@faultdeck.local", "user": "shop", "password": "hush"}


def test_password_is_kept_when_the_mask_or_nothing_is_sent() -> None:
    settings = store()
    settings.patch({"delivery": {"smtp": SMTP}})
    masked = settings.shown.settings.delivery.smtp
    assert masked is not None
    assert masked.password == "•••"
    for smtp in ({"password": masked.password, "port": 2525}, {"port": 26}, {"user": "other"}):
        settings.patch({"delivery": {"smtp": smtp}})
        known = settings.current.delivery.smtp
        assert known is not None
        assert known.password == "hush"
    settings.patch({"delivery": {"smtp": {"password": None}}})
    assert settings.shown.settings.delivery.smtp is not None
    assert settings.shown.settings.delivery.smtp.password is None


def test_settings_sent_back_as_they_were_shown_are_no_change() -> None:
    settings = store()
    before = settings.patch({"delivery": {"smtp": SMTP}, "broker": {"url": "amqp://u:p4ss@h/"}})
    assert settings.patch(msgspec.to_builtins(settings.shown.settings)) == before


@pytest.mark.parametrize(
    "url", ["http://u:p4ss@h/", "amqp://u:p4ss@", "amqp://u:p4ss@h:0/", "", 5, "amqp://a b"]
)
def test_broker_that_is_no_amqp_address_is_refused_without_repeating_it(url: Any) -> None:
    settings = store()
    error = refused(settings, {"broker": {"url": url}})
    assert error.details is not None
    assert (error.code, error.details[0].field) == ("VALIDATION_FAILED", "broker.url")
    assert "p4ss" not in f"{error.message} {error.details}"
    assert settings.current.broker.url is None


def test_broker_is_written_down_with_its_password_and_shown_without() -> None:
    disk = Disk()
    settings = store(disk)
    settings.patch({"broker": {"url": "amqp://u:p4ss@h:5672/"}})
    assert disk.saved[-1].broker.url == "amqp://u:p4ss@h:5672/"
    assert settings.shown.settings.broker.url == "amqp://u:•••@h:5672/"
    settings.patch({"broker": {"url": None}})
    assert settings.current.broker.url is None
