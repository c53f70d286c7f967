"""The settings in force: validated, applied all at once or not at all, kept in the workspace, with a revision.

Whatever goes wrong while a change is put in force, the settings before are in force again, and the caller hears why.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

import msgspec

from embedded_services.contracts.errors import ApiError, ErrorDetail
from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.contracts.secret_fields import broker_url_problem, shown, unmasked
from embedded_services.contracts.settings import ServiceSettings, Settings, SettingsState, Strategy
from embedded_services.contracts.validation import convert_builtins, refusal
from embedded_services.control import ports
from embedded_services.control.kinds import EXTERNAL, kinds

Listener = Callable[[Settings, Settings], None]
"""Called with what was and what is. Everything that can be wrong was checked before; one that raises nevertheless is called
once more, the other way round, as are those before it."""

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
OWN_FIELDS: Final = ("timestamp", "partial", "unavailable")
"""Of the dashboard's answer."""

log = logging.getLogger(__name__)


class SettingsStore:
    def __init__(
        self,
        settings: Settings,
        save: Callable[[Settings, int], None],
        strategies: frozenset[Strategy],
        revision: int = 1,
    ) -> None:
        """`save` writes settings and their revision down, or raises OSError."""
        self._settings = settings
        self._revision = revision
        self._save = save
        self._strategies = strategies
        self._listeners: list[Listener] = []
        check(settings, strategies)

    @property
    def current(self) -> Settings:
        return self._settings

    @property
    def state(self) -> SettingsState:
        return SettingsState(revision=self._revision, settings=self._settings)

    @property
    def shown(self) -> SettingsState:
        """As `state`, with passwords masked."""
        return shown(self.state)

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def patch(self, patch: dict[str, Any], *, if_match: int | None = None) -> SettingsState:
        """Apply an RFC 7396 merge patch. A mask in it stands for the password that is known.

        Raises VALIDATION_FAILED naming the field, PRECONDITION_FAILED if `if_match` is no longer the revision, and
        INTERNAL_ERROR if the workspace cannot be written or the change could not be put in force; in each case nothing has
        changed, and the revision is what it was.
        """
        if if_match is not None and if_match != self._revision:
            raise ApiError(
                "PRECONDITION_FAILED",
                f"the settings are at revision {self._revision}, not {if_match}; read them again",
            )
        before = self._settings
        try:
            after = convert_builtins(merge(msgspec.to_builtins(before), patch), Settings)
        except RecursionError as error:
            raise ApiError("VALIDATION_FAILED", "The patch is nested too deeply") from error
        after = unmasked(after, before)
        if after == before:
            return self.state
        check(after, self._strategies)
        _check_change(before, after)
        self._replace(after)
        return self.state

    def restore(self, settings: Settings) -> None:
        """Put settings in force that were so before. It is a change like any other, with a revision of its own: the one that is
        undone was seen. Raises as `patch` does."""
        if settings != self._settings:
            self._replace(settings)

    def _replace(self, after: Settings) -> None:
        before, revision = self._settings, self._revision
        try:
            self._save(after, revision + 1)
        except OSError as error:
            raise ApiError("INTERNAL_ERROR", f"the settings could not be saved: {error.strerror}") from error
        self._settings, self._revision = after, revision + 1
        told: list[Listener] = []
        try:
            for listener in self._listeners:
                told.append(listener)
                listener(before, after)
        except Exception as error:
            log.exception("settings could not be put in force; those before are")
            self._settings, self._revision = before, revision
            self._undo(told, before, after)
            reason = str(error) or type(error).__name__
            raise ApiError(
                "INTERNAL_ERROR",
                f"the settings could not be put in force ({reason}); those before are in force again",
            ) from error

    def _undo(self, told: list[Listener], before: Settings, after: Settings) -> None:
        for listener in reversed(told):
            try:
                listener(after, before)
            except Exception:
                log.exception("the settings before could not be put in force again everywhere")
        try:
            self._save(before, self._revision)
        except OSError as error:
            log.error("the settings before could not be saved again: %s", error)


def merge(target: Any, patch: Any) -> Any:
    """RFC 7396: objects are merged, null removes, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def check(settings: Settings, strategies: frozenset[Strategy]) -> None:
    """What types cannot say: names that must exist, strategies that must be available, ports that there must be.

    Raises VALIDATION_FAILED.
    """
    problems = []
    for name, service in settings.services.items():
        if service.strategy not in strategies:
            usable = ", ".join(sorted(strategies))
            problems.append(
                ErrorDetail(
                    field=f"services.{name}.strategy", message=f"not available; one of {usable}", bound=usable
                )
            )
        problems += _check_service(name, service)
        highest = ports.HIGHEST - ports.STRIDE * (service.replicas - 1)
        if service.replicas and service.port > highest:
            message = f"must be at most {highest}, to leave room for {service.replicas} replicas"
            problems.append(ErrorDetail(field=f"services.{name}.port", message=message, bound=highest))
    problems += _check_routes(settings)
    problems += _check_dashboard(settings)
    if settings.broker.url is not None and (problem := broker_url_problem(settings.broker.url)):
        problems.append(ErrorDetail(field="broker.url", message=problem))
    if problems:
        raise ApiError("VALIDATION_FAILED", f"{problems[0].field}: {problems[0].message}", details=problems)


def _check_routes(settings: Settings) -> list[ErrorDetail]:
    problems = []
    seen: set[tuple[str, bool]] = set()
    for index, route in enumerate(settings.routes):
        if route.service not in settings.services and route.service != ORCHESTRATOR:
            problems.append(
                ErrorDetail(field=f"routes[{index}].service", message=_unknown(route.service, settings))
            )
        if (route.prefix, route.exact) in seen:
            message = f"there is another route for {route.prefix}"
            problems.append(ErrorDetail(field=f"routes[{index}].prefix", message=message))
        seen.add((route.prefix, route.exact))
        if unknown := [method for method in route.methods or () if method not in METHODS]:
            message = f"{unknown[0]!r} is no method; one of {', '.join(METHODS)}"
            problems.append(ErrorDetail(field=f"routes[{index}].methods", message=message))
    return problems


def _check_dashboard(settings: Settings) -> list[ErrorDetail]:
    problems = []
    for name, part in settings.dashboard.items():
        if part.service not in settings.services:
            problems.append(
                ErrorDetail(field=f"dashboard.{name}.service", message=_unknown(part.service, settings))
            )
        if name in OWN_FIELDS:
            message = "is a field of every dashboard; name the part otherwise"
            problems.append(ErrorDetail(field=f"dashboard.{name}", message=message))
    return problems


def _check_service(name: str, service: ServiceSettings) -> list[ErrorDetail]:
    problems = []
    if service.kind == EXTERNAL and service.replicas:
        message = "must be 0 for an external service: its instances register themselves"
        problems.append(ErrorDetail(field=f"services.{name}.replicas", message=message, bound=0))
    if service.kind != EXTERNAL and service.kind not in kinds():
        usable = ", ".join([*sorted(kinds()), EXTERNAL])
        problems.append(
            ErrorDetail(
                field=f"services.{name}.kind", message=f"there is no such kind; one of {usable}", bound=usable
            )
        )
    policy = service.policy
    retries, outliers = policy.retries, policy.outliers
    for field, value, highest_name, highest in (
        ("tryTimeoutS", policy.try_timeout_s, "timeoutS", policy.timeout_s),
        ("retries.backoffS", retries.backoff_s, "backoffMaxS", retries.backoff_max_s),
        ("outliers.ejectionS", outliers.ejection_s, "maxEjectionS", outliers.max_ejection_s),
    ):
        if value > highest:
            message = f"must be at most {highest_name}, {highest:g}"
            at = f"services.{name}.policy.{field}"
            problems.append(ErrorDetail(field=at, message=message, bound=highest, unit="s"))
    return problems


def _check_change(before: Settings, after: Settings) -> None:
    """What cannot change under a running service."""
    for name, service in after.services.items():
        was = before.services.get(name)
        if was is not None and was.kind != service.kind:
            message = f"is {was.kind} and cannot change; add a service of another name"
            raise refusal(ErrorDetail(field=f"services.{name}.kind", message=message))


def _unknown(service: str, settings: Settings) -> str:
    return f"there is no service {service!r}; there are: {', '.join(settings.services)}"
