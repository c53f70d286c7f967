"""A small checkout with the real set-up step in it, and packages of its own to install: no network is needed."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.helpers.sources import ROOT

MAIN = """
import sys
from embedded_services.setup.ensure import ensure
ensure("run", "toy", sys.argv[1:])
heavy = [name for name in ("asyncio", "subprocess", "tomllib", "typing", "inspect") if name in sys.modules]
import json, os
import one
print(json.dumps({"pid": os.getpid(), "prefix": sys.prefix, "argv": sys.argv[1:], "folder": os.getcwd(),
                  "dev": sys.flags.dev_mode, "heavy": heavy, "marked": os.environ.get("MARKED")}))
"""


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        """What the toy found of itself; only of one that came so far."""
        found: dict[str, Any] = json.loads(self.out)
        return found


class ToyCheckout:
    """`python -m toy` in it is a command of our kind. It needs the package `one`; `two` can be asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = root / ".venv"
        (root / "embedded_services/common").mkdir(parents=True)
        shutil.copytree(
            ROOT / "embedded_services/setup",
            root / "embedded_services/setup",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        for name in ("__init__.py", "common/__init__.py", "common/platform.py"):
            shutil.copy(ROOT / "embedded_services" / name, root / "embedded_services" / name)
        (root / "toy.py").write_text(MAIN)
        (root / "constraints.txt").write_text("one==1.0\ntwo==1.0\n")
        for name in ("one", "two"):
            _wheel(root / "wheels", name)
        self.needs("one")

    def needs(self, *packages: str) -> None:
        (self.root / "pyproject.toml").write_text(
            f"[project]\ndependencies = {json.dumps(packages)}\n"
            f"[project.optional-dependencies]\nwindow = []\ntests = [{json.dumps(packages[0])}]\n"
        )

    def start(self, *arguments: str, options: tuple[str, ...] = ()) -> "subprocess.Popen[str]":
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.root / "wheels"), "MARKED": "yes"}
        environment["PIP_CONFIG_FILE"] = os.devnull
        return subprocess.Popen(
            [sys.executable, *options, "-m", "toy", *arguments],
            cwd=self.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, options: tuple[str, ...] = ()) -> Said:
        return said(self.start(*arguments, options=options))


def said(process: "subprocess.Popen[str]") -> Said:
    out, err = process.communicate(timeout=50)
    return Said(process.returncode, out, err)


def _wheel(folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
