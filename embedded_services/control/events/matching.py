"""What a text filter means: the text occurs anywhere, whatever the case of its letters. Pure.

One letter is one letter: no ligatures, no `ß` for `ss`. A search narrows by an index of three-letter sequences and by
LIKE, which knows the case of ASCII letters only; where a text has other letters with case, `holds` decides.
"""

from typing import Final

GRAMS: Final = 3
"""More sequences narrow little more, and each costs a walk through a list."""


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


def grams(text: str) -> str:
    """What the index of sequences is asked for: all of them are in every body that holds `text`. Empty when there is
    nothing to ask."""
    last = len(text) - 3
    if last < 0:
        return ""
    sequences = (text[at : at + 3] for at in (0, last // 2, last, *range(last)))
    found = dict.fromkeys(gram for gram in sequences if not any(map(_is_cased, gram)))
    return " AND ".join('"' + gram.replace('"', '""') + '"' for gram in list(found)[:GRAMS])


def _is_cased(letter: str) -> bool:
    return not letter.isascii() and (letter.lower() != letter or letter.upper() != letter)
