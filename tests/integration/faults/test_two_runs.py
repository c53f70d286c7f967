"""The same seed and the same order of requests give the same decisions, in another run of the system too."""

from pathlib import Path

import pytest

from embedded_services.contracts.faults import FaultTarget, NewFault
from tests.helpers.ports import free_port
from tests.helpers.system import away_from_others, running_system
from tests.integration.faults.conftest import UNLIMITED, WITHOUT_MEMORY, gets

ONCE = {"order": {"policy": {**WITHOUT_MEMORY, "retries": {"enabled": False}}}}


async def decisions(folder: Path, seed: int) -> list[int]:
    async with running_system(
        away_from_others(folder, limits=UNLIMITED), "--gateway-port", str(free_port())
    ) as system:
        await system.control.patch_settings({"services": ONCE})
        user = await system.login()
        abort = NewFault(
            kind="abort",
            target=FaultTarget(service="order"),
            params={"status": 418},
            probability=0.3,
            seed=seed,
        )
        await system.control.arm_fault(abort)
        return await gets(system, user, 40)


@pytest.mark.slow
async def test_a_run_with_the_same_seed_is_hit_alike(tmp_path: Path) -> None:
    first, again, other = [
        await decisions(tmp_path / name, seed) for name, seed in (("a", 42), ("b", 42), ("c", 43))
    ]
    assert first == again
    assert set(first) == {200, 418}
    assert other != first
