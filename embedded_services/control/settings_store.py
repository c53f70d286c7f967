"""The settings in force: validated, applied all at once or not at all, kept in the workspace, with a revision."""

from collections.abc import Callable
from typing import Any

import msgspec

from embedded_services.contracts.errors import ApiError, ErrorDetail
from embedded_services.contracts.settings import ServiceSettings, Settings, SettingsState, Strategy
from embedded_services.contracts.validation import convert_builtins, refusal
from embedded_services.control import ports
from embedded_services.control.kinds import EXTERNAL, kinds

Listener = Callable[[Settings, Settings], None]
"""Called with what was and what is. Must not fail: everything that can be wrong was checked before."""


class SettingsStore:
    def __init__(
        self,
        settings: Settings,
        save: Callable[[Settings], None],
        strategies: frozenset[Strategy],
    ) -> None:
        self._settings = settings
        self._revision = 1
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

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def patch(self, patch: dict[str, Any], *, if_match: int | None = None) -> SettingsState:
        """Apply an RFC 7396 merge patch.

        Raises VALIDATION_FAILED naming the field, PRECONDITION_FAILED if `if_match` is no longer the revision, and
        INTERNAL_ERROR if the workspace cannot be written; in each case nothing has changed.
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
        if after == before:
            return self.state
        check(after, self._strategies)
        _check_change(before, after)
        try:
            self._save(after)
        except OSError as error:
            raise ApiError("INTERNAL_ERROR", f"the settings could not be saved: {error.strerror}") from error
        self._settings = after
        self._revision += 1
        for listener in self._listeners:
            listener(before, after)
        return self.state


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
    for index, route in enumerate(settings.routes):
        if route.service not in settings.services:
            problems.append(
                ErrorDetail(field=f"routes[{index}].service", message=_unknown(route.service, settings))
            )
    for name, part in settings.dashboard.items():
        if part.service not in settings.services:
            problems.append(
                ErrorDetail(field=f"dashboard.{name}.service", message=_unknown(part.service, settings))
            )
    if problems:
        raise ApiError("VALIDATION_FAILED", f"{problems[0].field}: {problems[0].message}", details=problems)


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
    if policy.try_timeout_s > policy.timeout_s:
        message = f"must be at most timeoutS, {policy.timeout_s:g}"
        field = f"services.{name}.policy.tryTimeoutS"
        problems.append(ErrorDetail(field=field, message=message, bound=policy.timeout_s, unit="s"))
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
