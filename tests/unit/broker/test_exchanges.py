"""Which destinations each kind of exchange chooses."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from embedded_services.broker.exchanges import Binding, Destination, Exchange, header_match

values = st.one_of(st.integers(0, 2), st.sampled_from(["0", "1"]), st.booleans(), st.none())
names = st.sampled_from(["a", "b", "c", "x-a"])
tables = st.dictionaries(names, values, max_size=4)


def satisfied(how: str, wanted: dict[str, Any], headers: dict[str, Any]) -> bool:
    asked = {
        name: value for name, value in wanted.items() if how.endswith("-with-x") or not name.startswith("x-")
    }
    answers = []
    for name, value in asked.items():
        found = headers.get(name, "absent")
        same_kind = isinstance(found, bool) == isinstance(value, bool)
        answers.append(name in headers and (value is None or (same_kind and found == value)))
    return any(answers) if how.startswith("any") else all(answers)


@given(st.sampled_from(["all", "any", "all-with-x", "any-with-x"]), tables, tables)
def test_headers(how: str, wanted: dict[str, Any], headers: dict[str, Any]) -> None:
    assert header_match({"x-match": how, **wanted}, headers) == satisfied(how, wanted, headers)


@given(
    st.sampled_from(["direct", "fanout", "topic", "headers"]),
    st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["q1", "q2"])), max_size=6),
    st.data(),
)
def test_bindings_come_and_go(kind: str, bound: list[tuple[str, str]], data: st.DataObject) -> None:
    exchange = Exchange("e", kind, True)
    bindings = [Binding("e", Destination("queue", queue), key, {"n": key}) for key, queue in bound]
    new = [exchange.bind(binding) for binding in bindings]
    assert sum(new) == len(set(bound))
    left = set(bound)
    for gone in data.draw(st.lists(st.sampled_from(bindings), max_size=4) if bindings else st.just([])):
        known = exchange.unbind(gone)
        assert (known is not None) == ((gone.routing_key, gone.destination.name) in left)
        left.discard((gone.routing_key, gone.destination.name))
    found = {destination.name for destination in exchange.match("a", {"n": "a"})}
    assert found == {queue for key, queue in left if kind == "fanout" or key == "a"}
