"""A disk that takes nothing more: nothing is confirmed that is not kept, publishers are held back, and all goes on when
there is room again. Acted out by the size to which the broker's process may write files.
"""

import sys

import psutil
import pytest

from tests.helpers.amqp_wire import PERSISTENT, Wire
from tests.helpers.broker_node import EmbeddedNode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="another process's limits are Linux's")


def limit_files(node: EmbeddedNode, size: int) -> None:
    psutil.Process(node.pid).rlimit(psutil.RLIMIT_FSIZE, (size, psutil.RLIM_INFINITY))


def test_a_full_disk_holds_publishers_back_and_loses_nothing(node: EmbeddedNode) -> None:
    with Wire(node.port) as wire, Wire(node.port) as reader:
        channel = wire.channel()
        channel.confirm_select()
        channel.declare("q", durable=True)
        assert channel.put("q", b"before", delivery_mode=2) == [True]
        limit_files(node, 4096)
        channel.publish("q", b"first", properties=PERSISTENT)
        wire.until(lambda: "cannot write" in node.log())
        channel.publish("q", b"second", properties=PERSISTENT)
        wire.until(lambda: wire.blocked is not None)
        assert wire.blocked == "low on disk"
        wire.quiet(0.6)
        assert not channel.confirms
        limit_files(node, psutil.RLIM_INFINITY)
        assert channel.confirmed(2) == [(2, True), (3, True)]
        wire.until(lambda: wire.blocked is None)
        assert reader.channel().counts("q") == (3, 0)
    node.kill()
    node.start()
    with Wire(node.port) as wire:
        assert wire.channel().drain("q") == [b"before", b"first", b"second"]


def test_a_kill_while_the_disk_is_full_loses_only_what_was_not_confirmed(node: EmbeddedNode) -> None:
    with Wire(node.port) as wire:
        channel = wire.channel()
        channel.confirm_select()
        channel.declare("q", durable=True)
        assert channel.put("q", b"1", b"2", b"3", delivery_mode=2) == [True] * 3
        limit_files(node, 4096)
        channel.publish("q", b"never confirmed", properties=PERSISTENT)
        wire.until(lambda: "cannot write" in node.log())
        assert not channel.confirms
    node.kill()
    node.start()
    with Wire(node.port) as wire:
        assert wire.channel().drain("q")[:3] == [b"1", b"2", b"3"]
