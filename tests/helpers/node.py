"""Programs for Node.js beside the packages that they need, in the user's cache: npm puts them there the first time."""

import json
import os
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import platformdirs
import pytest

INSTALL = ("npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def installed(program: Path) -> Path:
    """The program in a folder of the cache, where its packages are too. Skips the test where they cannot be had; where
    `CI` is set, that is a failure."""
    manifest = program.with_name("package.json").read_bytes()
    lock = program.with_name("package-lock.json").read_bytes()
    _need_node(int(re.findall(r"\d+", json.loads(manifest)["engines"]["node"])[0]))
    digest = sha256(manifest + lock).hexdigest()[:16]
    folder = platformdirs.user_cache_path("faultdeck") / "tests" / f"{program.parent.name}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", program.name):
        shutil.copyfile(program.with_name(name), folder / name)
    complete = folder / "complete"
    if not complete.exists():
        done = subprocess.run(INSTALL, cwd=folder, capture_output=True, text=True, check=False, timeout=50)
        if done.returncode != 0:
            _without(f"npm could not install its packages; run: cd {folder} && {' '.join(INSTALL)}")
        complete.touch()
    return folder / program.name


def _need_node(major: int) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        _without("Node.js is missing; run: sudo apt-get install -y nodejs npm")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").partition(".")[0]) < major:
        _without(f"Node.js {major} or newer is needed, and this is {version}")


def _without(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)
