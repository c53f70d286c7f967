"""Every text of the window has a translation: a sentence that is new in `app/` needs one in `resources/translations`."""

import ast
from collections.abc import Iterator

import pytest

from app.core import language
from tests.helpers.sources import Source, sources

TRANSLATED = sorted(language.LANGUAGES.keys() - {language.ENGLISH})


def calls_of_tr(source: Source) -> Iterator[ast.Call]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr":
            yield node


def sentences() -> dict[str, str]:
    """Each sentence that is looked up somewhere, and where."""
    found = {}
    for source in sources("app"):
        for call in calls_of_tr(source):
            sentence = call.args[0]
            if isinstance(sentence, ast.Constant) and isinstance(sentence.value, str):
                found[sentence.value] = f"{source.name}:{call.lineno}"
    return found


def test_only_sentences_that_stand_in_the_source_are_looked_up() -> None:
    built = [
        f"{source.name}:{call.lineno}: {ast.unparse(call.args[0])}"
        for source in sources("app")
        for call in calls_of_tr(source)
        if not isinstance(call.args[0], ast.Constant)
    ]
    assert built == [], "what is built at run time cannot be found in a catalogue"


@pytest.mark.parametrize("key", TRANSLATED)
def test_every_sentence_is_translated(key: str) -> None:
    catalogue = language.load(key)
    missing = [
        f"{where}: {sentence!r}" for sentence, where in sentences().items() if sentence not in catalogue
    ]
    assert missing == [], f"add to resources/translations/{key}.json"


@pytest.mark.parametrize("key", TRANSLATED)
def test_nothing_is_translated_to_nothing(key: str) -> None:
    assert [sentence for sentence, text in language.load(key).items() if not text.strip()] == []


@pytest.mark.parametrize("key", TRANSLATED)
def test_nothing_is_translated_that_nobody_says(key: str) -> None:
    assert sorted(language.load(key).keys() - sentences().keys()) == []
