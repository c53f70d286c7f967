"""What it takes to remember a million clients."""

from tests.benchmarks import keys
from tests.benchmarks.faultdeck import FAR_ABOVE
from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import pss
from tests.benchmarks.scene import Scene


async def memory(scene: Scene) -> list[Figure]:
    """What the rate limit remembers of a million clients takes: each came once, over HTTP."""
    pace, pid = scene.pace, scene.faultdeck.gateway
    control = scene.faultdeck.control
    before = pss(pid)
    await control.patch_settings({"limits": {"key": "header:X-Client", "windowS": 3600}})
    counted = await keys.come(scene.ours.path(), clients=pace.clients, within_s=pace.clients_s)
    after = pss(pid)
    remembered = await keys.count_of_first(scene.ours.path(), FAR_ABOVE) == 2
    await control.patch_settings({"limits": {"key": None, "windowS": None}})
    came = {
        "clients": counted.clients,
        "of": pace.clients,
        "in s": round(counted.seconds, 1),
        "the first is remembered": remembered,
    }
    return [
        Figure("memory of the gateway (PSS), before", "MB", [before / 1e6]),
        Figure("memory of the gateway (PSS), with all clients remembered", "MB", [after / 1e6], notes=came),
        Figure("memory a client", "bytes", [(after - before) / counted.clients]),
    ]
