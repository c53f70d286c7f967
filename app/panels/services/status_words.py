"""The words for statuses and strategies, in the window's language. One that is not known is shown as it is."""

from app.core.language import tr


def status_word(status: str) -> str:
    words = {
        "starting": tr("Starting"),
        "healthy": tr("Healthy"),
        "unhealthy": tr("Unhealthy"),
        "draining": tr("Draining"),
        "stopped": tr("Stopped"),
        "lost": tr("Lost"),
        "frozen": tr("Frozen"),
        "crash-looping": tr("Crash-looping"),
    }
    return words.get(status, status)


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
