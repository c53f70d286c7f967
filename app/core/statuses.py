"""The word for the status of an instance, in the window's language. One that is not known is shown as it is."""

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
