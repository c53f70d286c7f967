"""What set-up tells people: single lines on stderr, since stdout belongs to the command."""

import sys


class SetupError(Exception):
    """Set-up cannot go on. The message is for the user: one line, what is wrong and what to do."""


def say(line: str) -> None:
    sys.stderr.write(f"faultdeck: {line}\n")
    sys.stderr.flush()
