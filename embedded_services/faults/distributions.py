"""How long a delay is: a number drawn from [0, 1) made a time of the shape that was asked for. Pure."""

import math
from statistics import NormalDist
from typing import Final

from embedded_services.faults.params import Delay

LONGEST_S: Final = 120.0
_STANDARD: Final = NormalDist()
_LEAST: Final = 2.0**-54


def delay_s(asked: Delay, chance: float) -> float:
    """Seconds, the quantile `chance` of the distribution; never under 0 or over two minutes."""
    return min(max(_ms(asked, chance) / 1000.0, 0.0), LONGEST_S)


def _ms(asked: Delay, chance: float) -> float:
    match asked.distribution:
        case "fixed":
            return asked.ms
        case "uniform":
            return asked.ms + (2.0 * chance - 1.0) * asked.jitter_ms
        case "normal":
            return asked.ms + asked.jitter_ms * _standard(chance)
        case "lognormal":
            return asked.median_ms * math.exp(asked.sigma * _standard(chance))


def _standard(chance: float) -> float:
    return _STANDARD.inv_cdf(max(chance, _LEAST))
