"""The panel speaks every language of the window: no sentence of it is without its translation."""

import ast
from collections.abc import Iterator
from pathlib import Path

import app.core.figures
import app.panels.services
from app.core import language

PANEL = Path(app.panels.services.__path__[0])
FILES = [*sorted(PANEL.glob("*.py")), Path(app.core.figures.__file__)]


def sentences(source: Path) -> Iterator[str]:
    """What is handed to `tr`."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id="tr"), args=[ast.Constant(value=str(sentence)), *_]):
                yield sentence
            case _:
                pass


def test_every_sentence_has_its_translation() -> None:
    said = {sentence for source in FILES for sentence in sentences(source)}
    assert len(said) > 100
    for name in language.LANGUAGES.keys() - {language.ENGLISH}:
        assert not said - language.load(name).keys()
