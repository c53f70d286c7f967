"""What the history raises when its files cannot be used; apart, so that knowing it does not take loading the store."""


class HistoryError(Exception):
    """The text is for people."""
