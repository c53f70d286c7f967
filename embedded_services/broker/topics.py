"""Which binding patterns a routing key matches: words between dots; `*` is one word, `#` any number of them. Pure.

No text at all is no word.
"""

from typing import Generic, TypeVar

T = TypeVar("T")


class _Node(Generic[T]):
    __slots__ = ("children", "values")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.values: dict[T, None] = {}


class TopicTrie(Generic[T]):
    """A set of (pattern, value). Patterns share their beginnings, so a key is compared with all of them in one walk."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, pattern: str, value: T) -> None:
        node = self._root
        for word in _words(pattern):
            node = node.children.setdefault(word, _Node())
        node.values[value] = None

    def remove(self, pattern: str, value: T) -> None:
        path = [self._root]
        words = _words(pattern)
        for word in words:
            following = path[-1].children.get(word)
            if following is None:
                return
            path.append(following)
        path[-1].values.pop(value, None)
        for word, parent, node in zip(reversed(words), reversed(path[:-1]), reversed(path[1:]), strict=True):
            if node.values or node.children:
                return
            del parent.children[word]

    def match(self, key: str) -> dict[T, None]:
        """The values of all patterns that match, each once."""
        found: dict[T, None] = {}
        words = _words(key)
        # A node reached at a place need not be walked again: with several `#` the ways to it would multiply.
        seen: set[tuple[int, int]] = set()
        todo: list[tuple[_Node[T], int]] = [(self._root, 0)]
        while todo:
            node, at = todo.pop()
            if (id(node), at) in seen:
                continue
            seen.add((id(node), at))
            if at == len(words):
                found.update(node.values)
            elif (child := node.children.get(words[at])) is not None and words[at] not in ("*", "#"):
                todo.append((child, at + 1))
            if at < len(words) and (child := node.children.get("*")) is not None:
                todo.append((child, at + 1))
            if (child := node.children.get("#")) is not None:
                todo += ((child, place) for place in range(at, len(words) + 1))
        return found


def _words(text: str) -> list[str]:
    return text.split(".") if text else []
