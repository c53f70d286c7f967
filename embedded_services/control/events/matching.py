"""What a text filter means: the text occurs anywhere, whatever the case of its letters. Pure.

One letter is one letter: no ligatures, no `ß` for `ss`. A search narrows by an index of three-letter sequences and by
LIKE, which knows the case of ASCII letters only; where a text has other letters with case, `holds` decides.
"""

from collections.abc import Sequence
from typing import Final

GRAMS: Final = 3
"""More sequences narrow little more, and each costs a walk through a list."""
COMMON: Final = 0.25
"""Of all bodies; what is in more narrows too little."""
MIN_TAIL: Final = 3


def storable(text: str) -> str:
    """Without what the database's functions would take for the end of a text."""
    return text.replace("\x00", "\u2400").encode(errors="replace").decode()


def fold(text: str) -> str:
    return "".join(_fold(letter) for letter in text) if not text.isascii() else text.lower()


def _fold(letter: str) -> str:
    """ASCII letters and others are never the same, though for some Unicode says so."""
    lower = letter.lower()
    return lower if len(lower) == 1 and lower.isascii() == letter.isascii() else letter


def has_other_case(text: str) -> bool:
    """Whether letters beyond ASCII have a case, which LIKE knows nothing of."""
    return not text.isascii() and any(_is_cased(letter) for letter in text)


def holds(body: str, folded: str) -> bool:
    """Whether `folded` occurs in `body`."""
    return folded in fold(body)


def like(text: str) -> str:
    """A pattern, with `\\` as its escape, that at least every body matches which holds `text`; exactly those, unless it
    `has_other_case`."""
    letters = ("_" if _is_cased(c) else f"\\{c}" if c in "\\%_" else c for c in text)
    return f"%{''.join(letters)}%"


def grams(text: str, sample: Sequence[str]) -> str:
    """What the index of sequences is asked for: all of them are in every body that holds `text`. Empty when asking would
    narrow nothing, as far as the folded bodies of `sample` tell."""
    folded = fold(text)
    found = {
        folded[at : at + 3]: text[at : at + 3]
        for at in range(len(text) - 2)
        if not any(map(_is_cased, text[at : at + 3]))
    }
    shares = sorted((sum(gram in body for body in sample), gram) for gram in found)
    rare = [found[gram] for count, gram in shares if count <= len(sample) * COMMON]
    return " AND ".join('"' + gram.replace('"', '""') + '"' for gram in rare[:GRAMS])


def tail(text: str, sample: Sequence[str]) -> str:
    """An end of `text` that can be looked for sooner than the whole: LIKE jumps from one occurrence of the first letter to
    the next, so that should be a rare one."""
    folded = fold(text)
    places = range(max(1, len(text) - MIN_TAIL + 1))
    best = min(places, key=lambda at: sum(body.count(folded[at : at + 1]) for body in sample))
    return text[best:]


def _is_cased(letter: str) -> bool:
    return not letter.isascii() and (letter.lower() != letter or letter.upper() != letter)
