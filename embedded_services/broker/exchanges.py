"""Exchanges: which destinations a message goes to. Pure.

A kind of exchange is one small matcher: `add`, `remove`, `match`. Destinations are queues or other exchanges; what they
are is the virtual host's business.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from embedded_services.broker.topics import TopicTrie

Arguments = Mapping[str, Any]


class Destination(NamedTuple):
    kind: str
    """`queue` or `exchange`."""
    name: str


@dataclass(frozen=True)
class Binding:
    """Two bindings that differ in nothing are one."""

    source: str
    destination: Destination
    routing_key: str
    arguments: Arguments = field(hash=False)

    @property
    def key(self) -> tuple[str, Destination, str, str]:
        return self.source, self.destination, self.routing_key, repr(sorted(self.arguments.items()))


class Matcher(Protocol):
    def add(self, binding: Binding) -> None: ...

    def remove(self, binding: Binding) -> None: ...

    def match(self, routing_key: str, headers: Arguments) -> Iterable[Destination]:
        """Each destination at least once."""
        ...


class Direct:
    def __init__(self) -> None:
        self._by_key: dict[str, dict[Destination, int]] = {}

    def add(self, binding: Binding) -> None:
        wanted = self._by_key.setdefault(binding.routing_key, {})
        wanted[binding.destination] = wanted.get(binding.destination, 0) + 1

    def remove(self, binding: Binding) -> None:
        wanted = self._by_key[binding.routing_key]
        wanted[binding.destination] -= 1
        if not wanted[binding.destination]:
            del wanted[binding.destination]
        if not wanted:
            del self._by_key[binding.routing_key]

    def match(self, routing_key: str, headers: Arguments) -> Iterable[Destination]:  # noqa: ARG002 - a Matcher
        return self._by_key.get(routing_key, ())


class Fanout(Direct):
    """Direct, for whom every key is the same."""

    def add(self, binding: Binding) -> None:
        super().add(_without_key(binding))

    def remove(self, binding: Binding) -> None:
        super().remove(_without_key(binding))

    def match(self, routing_key: str, headers: Arguments) -> Iterable[Destination]:  # noqa: ARG002 - a Matcher
        return super().match("", headers)


class Topic:
    REMEMBERED: Final = 2_000

    def __init__(self) -> None:
        self._trie: TopicTrie[tuple[Destination, str]] = TopicTrie()
        self._known: dict[str, list[Destination]] = {}

    def add(self, binding: Binding) -> None:
        self._trie.add(binding.routing_key, (binding.destination, binding.key[3]))
        self._known.clear()

    def remove(self, binding: Binding) -> None:
        self._trie.remove(binding.routing_key, (binding.destination, binding.key[3]))
        self._known.clear()

    def match(self, routing_key: str, headers: Arguments) -> Iterable[Destination]:  # noqa: ARG002 - a Matcher
        known = self._known.get(routing_key)
        if known is None:
            known = list(dict.fromkeys(destination for destination, _ in self._trie.match(routing_key)))
            if len(self._known) >= self.REMEMBERED:
                self._known.clear()
            self._known[routing_key] = known
        return known


class Headers:
    """`x-match`: `all` (the default) or `any`; fields whose names begin with `x-` count only for the `-with-x` forms."""

    def __init__(self) -> None:
        self._bindings: dict[tuple[str, Destination, str, str], Binding] = {}

    def add(self, binding: Binding) -> None:
        self._bindings[binding.key] = binding

    def remove(self, binding: Binding) -> None:
        self._bindings.pop(binding.key, None)

    def match(self, routing_key: str, headers: Arguments) -> Iterable[Destination]:  # noqa: ARG002 - a Matcher
        return [b.destination for b in self._bindings.values() if header_match(b.arguments, headers)]


X_MATCHES: Final = ("all", "any", "all-with-x", "any-with-x")


def header_match(wanted: Arguments, headers: Arguments) -> bool:
    """Whether a message's headers satisfy a binding's arguments. A wanted value that is void asks for presence only."""
    how = wanted.get("x-match", "all")
    with_x = how in ("all-with-x", "any-with-x")
    asked = {
        name: value
        for name, value in wanted.items()
        if name != "x-match" and (with_x or not name.startswith("x-"))
    }
    tests = (
        name in headers and (value is None or _same(headers[name], value)) for name, value in asked.items()
    )
    return any(tests) if str(how).startswith("any") else all(tests)


def _same(one: object, other: object) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


KINDS: Final[dict[str, type[Matcher]]] = {
    "direct": Direct,
    "fanout": Fanout,
    "topic": Topic,
    "headers": Headers,
}


@dataclass
class Exchange:
    name: str
    kind: str
    durable: bool
    auto_delete: bool = False
    internal: bool = False
    arguments: Arguments = field(default_factory=dict)
    bindings: dict[tuple[str, Destination, str, str], Binding] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._matcher: Matcher = KINDS[self.kind]()

    @property
    def alternate(self) -> str | None:
        return self.arguments.get("alternate-exchange")

    def bind(self, binding: Binding) -> bool:
        """False when there is such a binding already."""
        if binding.key in self.bindings:
            return False
        self.bindings[binding.key] = binding
        self._matcher.add(binding)
        return True

    def unbind(self, binding: Binding) -> Binding | None:
        """The binding that was taken away, if there was one."""
        known = self.bindings.pop(binding.key, None)
        if known is not None:
            self._matcher.remove(known)
        return known

    def match(self, routing_key: str, headers: Arguments) -> Iterable[Destination]:
        return self._matcher.match(routing_key, headers)


def _without_key(binding: Binding) -> Binding:
    return Binding(binding.source, binding.destination, "", binding.arguments)
