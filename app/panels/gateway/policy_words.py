"""What the groups and fields of a call policy are called. A field that has no word here shows its name."""

from app.core.language import tr


def group_words() -> dict[str, tuple[str, str]]:
    """Of each group its title and what it does."""
    return {
        "": (
            tr("Timeouts"),
            tr(
                "The whole call is bounded, all tries together. A try that could go elsewhere is bounded too."
            ),
        ),
        "retries": (
            tr("Retries"),
            tr("A call that failed and may be repeated goes to another instance, while the budget lasts."),
        ),
        "hedging": (
            tr("Hedging"),
            tr(
                "A repeatable request without an answer in time goes to a second instance; the first answer wins."
            ),
        ),
        "breaker": (
            tr("Circuit breaker"),
            tr(
                "Stops calls to an instance that fails too often; later a few probes try whether it is well again."
            ),
        ),
        "outliers": (
            tr("Outlier ejection"),
            tr("An instance that fails several times in a row is left out for a while."),
        ),
        "concurrency": (
            tr("Concurrency"),
            tr("Bounds the calls under way on an instance; what comes beyond waits its turn."),
        ),
    }


def field_words() -> dict[str, str]:
    return {
        "connect_timeout_s": tr("To connect"),
        "try_timeout_s": tr("One try"),
        "timeout_s": tr("The whole call"),
        "tries": tr("Tries, with the first"),
        "statuses": tr("Statuses to repeat"),
        "backoff_s": tr("First wait, at most"),
        "backoff_max_s": tr("Longest wait"),
        "budget_percent": tr("Budget, of all calls"),
        "budget_floor_per_s": tr("Always allowed"),
        "after_s": tr("Second try after"),
        "failure_percent": tr("Opens when failing"),
        "minimum_calls": tr("Of at least so many calls"),
        "window_s": tr("Looks back"),
        "open_s": tr("Stays open"),
        "probes": tr("Probes at a time"),
        "consecutive_failures": tr("Failures in a row"),
        "ejection_s": tr("Left out for"),
        "max_ejection_s": tr("At most for"),
        "max_ejected_percent": tr("At most so many out"),
        "panic_percent": tr("All are used when left"),
        "limit": tr("Calls under way"),
        "queue": tr("May wait"),
        "queue_timeout_s": tr("Waits at most"),
    }


def group_title(name: str) -> str:
    return group_words().get(name, (name, ""))[0]


def field_word(name: str) -> str:
    return field_words().get(name, name.replace("_", " "))
