"""Where things are in a checkout. Plain strings and no imports to speak of: every start comes through here."""

import os


class Checkout:
    def __init__(self, root: str) -> None:
        self.root = root
        self.pyproject = os.path.join(root, "pyproject.toml")
        self.constraints = os.path.join(root, "constraints.txt")
        self.environment = os.path.join(root, ".venv")
        self.python = os.path.join(
            self.environment, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python"))
        )
        self.lock = os.path.join(self.environment, "faultdeck.lock")
        self.log = os.path.join(self.environment, "faultdeck-setup.log")

    def exists(self) -> bool:
        """False for an installed package: nothing is beside it that says what to install."""
        return os.path.exists(self.pyproject)

    def stamp(self, profile: str) -> str:
        return os.path.join(self.environment, f"faultdeck-{profile}.stamp")
