"""Whoever runs tests at the same time has other ports, and none is given twice in a row."""

import subprocess
import sys
from pathlib import Path

from tests.helpers.ports import LENGTH, free_port, own_ports

ROOT = Path(__file__).resolve().parents[3]
ASK = "from tests.helpers.ports import own_ports; print(own_ports())"


def test_each_process_has_a_block_of_its_own() -> None:
    mine = own_ports()
    others = subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, capture_output=True, check=True, text=True)
    assert abs(int(others.stdout) - mine) >= LENGTH


def test_a_block_is_kept_until_the_process_ends() -> None:
    assert own_ports() == own_ports()


def test_no_port_is_given_again_soon() -> None:
    given = [free_port() for _ in range(100)]
    assert len(set(given)) == len(given)
    assert all(own_ports() < port < own_ports() + LENGTH for port in given)
