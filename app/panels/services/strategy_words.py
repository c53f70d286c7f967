"""The words for strategies, in the window's language. One that is not known is shown as it is."""

from app.core.language import tr


def strategy_word(strategy: str) -> str:
    words = {
        "round-robin": tr("round-robin"),
        "random": tr("random"),
        "least-connections": tr("least connections"),
        "power-of-two": tr("power of two"),
        "weighted-round-robin": tr("weighted round-robin"),
        "consistent-hash": tr("consistent hash"),
    }
    return words.get(strategy, strategy)
