"""The language of the window: English in the source, other languages as catalogues of whole sentences.

`tr("{n} of {total} in rotation", n=1, total=2)` looks the sentence up and fills it in. A sentence that a catalogue
lacks appears in English; a translation with a placeholder that the sentence does not have is refused at load.
Text is looked up when a widget is built, so a change of language builds the widgets anew (`MainWindow.rebuild`).
"""

import string
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from embedded_services.common.resources import resource

ENGLISH: Final = "en"
CHINESE: Final = "zh_CN"
AS_SYSTEM: Final = "system"
LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "zh_CN": "简体中文"}

_catalogue: dict[str, str] = {}  # as with a process's locale, there is one
_in_use = [ENGLISH]


class CatalogueError(Exception):
    """A catalogue cannot be used; the message says which and why."""


def resolve(choice: str, preferred: Sequence[str]) -> str:
    """The language to use for the user's choice. `preferred` are those of the system, the dearest first (`zh-Hans-CN`);
    a choice that does not exist (any more) is as none.
    """
    if choice in LANGUAGES:
        return choice
    known = {"en": ENGLISH, "zh": CHINESE}
    spoken = (name.replace("_", "-").partition("-")[0].casefold() for name in preferred)
    return next((known[name] for name in spoken if name in known), ENGLISH)


def use(language: str) -> None:
    """Take the catalogue of `language` for all text from now on. Raises CatalogueError."""
    found = {} if language == ENGLISH else load(language)
    _catalogue.clear()
    _catalogue.update(found)
    _in_use[0] = language


def current() -> str:
    """The language in use, for texts that are data and come in several languages."""
    return _in_use[0]


def load(language: str) -> dict[str, str]:
    path = resource("translations", f"{language}.json")
    try:
        catalogue = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise CatalogueError(f"{path} cannot be read: {error}") from error
    for sentence, translation in catalogue.items():
        if _fields(sentence) != _fields(translation):
            raise CatalogueError(f"{path}: the placeholders of {sentence!r} and its translation differ")
    return catalogue


def tr(sentence: str, /, **values: Any) -> str:
    """The sentence in the window's language, with `values` in its placeholders."""
    text = _catalogue.get(sentence, sentence)
    return text.format(**values) if values else text


def _fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
