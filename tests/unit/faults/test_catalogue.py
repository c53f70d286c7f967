import msgspec
import pytest

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.faults import FaultFamily, FaultTarget, NewFault, ParamType
from embedded_services.contracts.validation import decode_json
from embedded_services.faults.catalogue import KINDS, catalogue, kind_of
from embedded_services.faults.params import Delay

OF_FAMILY = {
    FaultFamily.PROCESS: {"kill", "terminate", "freeze", "restart", "crash-loop", "cpu-burn"},
    FaultFamily.EDGE: {
        "latency", "abort", "drop-connection", "truncate-body", "malformed-body", "bandwidth",
    },
    FaultFamily.HEALTH: {"lying-health", "false-alarm"},
    FaultFamily.MESSAGING: {"publish-failure", "handler-failure", "duplicate", "delay", "reorder"},
    FaultFamily.DATA: {"slow-database", "locked-database"},
    FaultFamily.SAGA: {"fail-step", "reply-lost", "fail-compensation", "crash-orchestrator"},
    FaultFamily.AUTH: {"expired-token", "wrong-signature", "alg-none-token"},
}  # fmt: skip


def test_all_kinds_of_the_design_are_there() -> None:
    told = catalogue().items
    found: dict[FaultFamily, set[str]] = {}
    for kind in told:
        found.setdefault(kind.family, set()).add(kind.kind)
    assert found == OF_FAMILY


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_says_what_it_is_and_what_a_client_sees(kind: object) -> None:
    info = next(one for one in catalogue().items if one.kind == getattr(kind, "name", ""))
    assert info.title
    assert info.sees
    assert info.help.endswith(".")
    assert info.scopes
    known = set(FaultTarget.__struct_fields__)
    assert {*info.needs, *info.allows} <= known
    assert not set(info.needs) & set(info.allows)


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_has_what_a_form_needs(kind: str) -> None:
    forms = kind_of(kind).info.params
    names = {form.name for form in forms}
    for form in forms:
        assert form.title
        assert form.help
        assert set(form.only_with) <= names
        match form.type:
            case ParamType.INTEGER | ParamType.NUMBER:
                assert form.minimum is not None
                assert form.maximum is not None
                assert form.minimum <= form.default <= form.maximum
            case ParamType.CHOICE:
                assert form.default in form.choices
            case ParamType.BOOLEAN:
                assert form.default in (True, False)
            case ParamType.TEXT:
                assert isinstance(form.default, str)


@pytest.mark.parametrize("kind", KINDS)
def test_the_defaults_are_valid_and_complete(kind: str) -> None:
    defaults = {form.name: form.default for form in kind_of(kind).info.params}
    assert kind_of(kind).read({}) == kind_of(kind).read(defaults)


@pytest.mark.parametrize("kind", KINDS)
def test_a_parameter_out_of_bounds_is_refused_with_field_bound_and_unit(kind: str) -> None:
    for form in kind_of(kind).info.params:
        if form.maximum is None:
            continue
        with pytest.raises(ApiError) as refused:
            kind_of(kind).read({form.name: form.maximum + 1})
        (detail,) = refused.value.details or []
        assert (detail.field, detail.bound, detail.unit) == (f"params.{form.name}", form.maximum, form.unit)


def test_an_unknown_parameter_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(
        ApiError, match=r"params\.millis is not a parameter of latency; there are: .*jitterMs"
    ):
        kind_of("latency").read({"millis": 3})


def test_an_unknown_kind_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ApiError, match=r"'chaos' is not a kind of fault; there are: kill, .*latency"):
        kind_of("chaos")


def test_the_delays_of_all_layers_are_the_same() -> None:
    assert {name for name, kind in KINDS.items() if kind.params is Delay} == {
        "latency",
        "delay",
        "slow-database",
    }


def test_parameters_that_do_not_go_together_name_the_one_that_is_wrong() -> None:
    with pytest.raises(ApiError) as refused:
        kind_of("latency").read({"everyS": 5})
    (detail,) = refused.value.details or []
    assert (detail.field, detail.message) == ("params.everyS", "needs a forS that is shorter than it")


@pytest.mark.parametrize(("number", "bound"), [("1e999", 60_000), ("-1e999", 0)])
def test_a_number_larger_than_any_is_refused_as_others_that_are_too_large(number: str, bound: int) -> None:
    raw = f'{{"kind":"latency","params":{{"ms":{number}}}}}'
    asked = decode_json(msgspec.json.Decoder(NewFault), raw.encode())
    with pytest.raises(ApiError) as refused:
        kind_of(asked.kind).read(asked.params)
    (detail,) = refused.value.details or []
    assert (detail.field, detail.bound, detail.unit) == ("params.ms", bound, "ms")
