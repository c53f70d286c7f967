"""Text is looked up by sentence; a catalogue that does not fit is refused."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core import language
from app.core.language import CatalogueError, tr


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(language, "resource", lambda *parts: tmp_path / parts[-1])
    yield tmp_path / "zh_CN.json"
    language.use(language.ENGLISH)


def test_sentences_are_filled_in() -> None:
    assert tr("{n} of {total} in rotation", n=1, total=2) == "1 of 2 in rotation"
    assert tr("100 % {sure}") == "100 % {sure}"


def test_another_language_takes_the_sentences_place(catalogue: Path) -> None:
    catalogue.write_text(json.dumps({"{n} in rotation": "轮换中 {n}"}), encoding="utf-8")
    language.use("zh_CN")
    assert tr("{n} in rotation", n=2) == "轮换中 2"
    assert tr("not translated") == "not translated"


@pytest.mark.parametrize("content", ["{", "[]", '{"{n} left": "{m} left"}', '{"left": 3}'])
def test_a_catalogue_that_does_not_fit_is_refused(catalogue: Path, content: str) -> None:
    catalogue.write_text(content)
    with pytest.raises(CatalogueError):
        language.use("zh_CN")


@pytest.mark.parametrize(
    ("choice", "preferred", "used"),
    [
        ("system", ["zh-Hans-CN", "en-US"], "zh_CN"),
        ("system", ["de_DE", "zh_TW"], "zh_CN"),
        ("system", ["en-GB", "zh"], "en"),
        ("system", ["C"], "en"),
        ("system", [], "en"),
        ("zh_CN", ["en"], "zh_CN"),
        ("en", ["zh"], "en"),
        ("xx", ["zh"], "zh_CN"),
    ],
)
def test_the_system_decides_unless_a_language_was_chosen(
    choice: str, preferred: list[str], used: str
) -> None:
    assert language.resolve(choice, preferred) == used
