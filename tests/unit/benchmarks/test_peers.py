"""Peers that npm installs: exact versions, from whatever registry the environment is set up with."""

import json

import pytest

from tests.benchmarks.proxies import PEERS


@pytest.mark.parametrize("peer", ["express", "fastify"])
def test_versions_are_exact_and_no_host_is_named(peer: str) -> None:
    manifest = json.loads((PEERS / peer / "package.json").read_text())
    lock = (PEERS / peer / "package-lock.json").read_text()
    packages = json.loads(lock)["packages"]
    assert "://" not in lock
    assert packages[""]["dependencies"] == manifest["dependencies"]
    for name, version in manifest["dependencies"].items():
        assert packages[f"node_modules/{name}"]["version"] == version
    assert all("integrity" in package for name, package in packages.items() if name)
