"""The trie of patterns against a specification that is too plain to be wrong."""

from hypothesis import given
from hypothesis import strategies as st

from embedded_services.broker.topics import TopicTrie

words = st.sampled_from(["a", "b", "*", "#", "", "ab"])
patterns = st.lists(words, max_size=5).map(".".join)
keys = st.lists(st.sampled_from(["a", "b", "", "ab", "*", "#"]), max_size=6).map(".".join)


def matches(pattern: list[str], key: list[str]) -> bool:
    if not pattern:
        return not key
    first, *rest = pattern
    if first == "#":
        return matches(rest, key) or (bool(key) and matches(pattern, key[1:]))
    return bool(key) and first in ("*", key[0]) and matches(rest, key[1:])


def words_of(text: str) -> list[str]:
    return text.split(".") if text else []


@given(st.lists(patterns, max_size=10), keys)
def test_a_key_matches_what_it_should(bound: list[str], key: str) -> None:
    trie: TopicTrie[str] = TopicTrie()
    for pattern in bound:
        trie.add(pattern, pattern)
    assert set(trie.match(key)) == {pattern for pattern in bound if matches(words_of(pattern), words_of(key))}


@given(st.lists(patterns, max_size=10, unique=True), st.data())
def test_what_is_taken_away_leaves_the_others(bound: list[str], data: st.DataObject) -> None:
    trie: TopicTrie[str] = TopicTrie()
    for pattern in bound:
        trie.add(pattern, pattern)
    gone = data.draw(st.sets(st.sampled_from(bound)) if bound else st.just(set()))
    for pattern in gone:
        trie.remove(pattern, pattern)
        trie.remove(pattern, pattern)
    key = data.draw(keys)
    assert set(trie.match(key)) == {
        pattern for pattern in bound if pattern not in gone and matches(words_of(pattern), words_of(key))
    }


def test_many_hashes_are_walked_once() -> None:
    trie: TopicTrie[int] = TopicTrie()
    trie.add(".".join(["#"] * 40), 1)
    trie.add(".".join(["#", "a"] * 20), 2)
    assert set(trie.match(".".join(["a"] * 60))) == {1, 2}
    assert set(trie.match(".".join(["b"] * 60))) == {1}
