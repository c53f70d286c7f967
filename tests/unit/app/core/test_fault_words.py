"""The window's words for kinds of fault are the catalogue's, in the window's language."""

import re
from collections.abc import Iterator

import pytest

from app.core import language
from app.core.fault_words import ICONS, kind_words
from embedded_services.faults.catalogue import KINDS


@pytest.fixture
def chinese() -> Iterator[None]:
    language.use(language.CHINESE)
    yield
    language.use(language.ENGLISH)


@pytest.mark.parametrize("kind", KINDS)
def test_in_english_they_are_those_of_the_catalogue(kind: str) -> None:
    words, info = kind_words(KINDS[kind].info), KINDS[kind].info
    assert (words.sees, words.help) == (info.sees, info.help)
    assert kind in ICONS


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_said_in_the_windows_language(kind: str, chinese: None) -> None:
    words, info = kind_words(KINDS[kind].info), KINDS[kind].info
    assert words.help != info.help
    assert re.search(r"[\u4e00-\u9fff]", words.sees) or words.sees == "403 INVALID_TOKEN"
