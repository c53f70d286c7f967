"""What a profile needs, as pyproject.toml and constraints.txt say it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from embedded_services.setup.checkout import Checkout
from embedded_services.setup.report import SetupError

EXTRAS_OF: Final[dict[str, tuple[str, ...]]] = {
    "run": (),
    "window": ("window",),
    "tests": ("window", "tests"),
    "benchmarks": ("window", "tests"),
}
"""The optional dependencies of pyproject.toml that each profile adds to what the system itself needs."""


@dataclass(frozen=True)
class Requirements:
    packages: tuple[str, ...]
    constraints: str

    def text(self) -> str:
        return "\n".join([*self.packages, "", self.constraints])


def read(checkout: Checkout, profile: str) -> Requirements:
    """Raises SetupError when the checkout is damaged."""
    try:
        project = tomllib.loads(Path(checkout.pyproject).read_text(encoding="utf-8"))["project"]
        packages = list(project["dependencies"])
        for extra in EXTRAS_OF[profile]:
            packages += project["optional-dependencies"][extra]
        constraints = Path(checkout.constraints).read_text(encoding="utf-8")
    except OSError as error:
        raise SetupError(f"the checkout is not whole: {error.filename}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SetupError(
            f"{checkout.pyproject} cannot be read: {type(error).__name__}: {error}".replace("\n", " ")
        ) from error
    return Requirements(tuple(packages), constraints)


def covered_by(checkout: Checkout, profile: str) -> list[str]:
    """The profiles that need nothing which `profile` lacks, itself among them."""
    given = set(read(checkout, profile).packages)
    return [other for other in EXTRAS_OF if given.issuperset(read(checkout, other).packages)]
