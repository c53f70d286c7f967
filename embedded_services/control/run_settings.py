"""The settings of a run: what the workspace says, with the command line's wishes in them."""

import msgspec

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.settings import Settings
from embedded_services.control.options import Options
from embedded_services.control.settings_store import SettingsStore
from embedded_services.control.workspace import Workspace, WorkspaceError
from embedded_services.upstream.balancing.strategies import AVAILABLE


def open_settings(workspace: Workspace, options: Options) -> SettingsStore:
    """Raises WorkspaceError."""
    stored = workspace.load_settings()
    own = {name: service.replicas for name, service in stored.services.items()}
    wished = options.replicas

    def save(settings: Settings, revision: int) -> None:
        """What was wished for this run only is not written down."""
        services = settings.services.items()
        kept = {name: own[name] for name, service in services if service.replicas == wished and name in own}
        workspace.save_settings(_with_replicas(settings, kept), revision)

    settings = stored if wished is None else _with_replicas(stored, dict.fromkeys(own, wished))
    revision = workspace.settings_revision() + (settings != stored)
    try:
        return SettingsStore(settings, save, AVAILABLE, revision)
    except ApiError as error:
        raise WorkspaceError(f"{workspace.settings_path} is not valid: {error.message}") from error


def _with_replicas(settings: Settings, replicas: dict[str, int]) -> Settings:
    services = {
        name: msgspec.structs.replace(service, replicas=replicas.get(name, service.replicas))
        for name, service in settings.services.items()
    }
    return msgspec.structs.replace(settings, services=services)
