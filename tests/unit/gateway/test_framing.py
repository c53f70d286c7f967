import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.gateway.framing import framing_fault, is_host
from embedded_services.gateway.http import Headers

HOST = (b"Host", b"x")


def fault(*pairs: tuple[bytes, bytes], is_11: bool = True) -> str | None:
    return framing_fault(Headers(pairs), is_11=is_11)


names = st.sampled_from([b"Content-Length", b"content-length", b"Transfer-Encoding", b"Host", b"X", b"HOST"])
values = st.sampled_from([b"5", b"5, 5", b"+5", b"chunked", b"CHUNKED", b"identity", b"x", b"x:80", b"", b"a b"]) | st.binary(max_size=9)  # fmt: skip


@given(st.lists(st.tuples(names, values), max_size=5))
def test_what_has_no_fault_has_one_host_and_one_framing_at_most(pairs: list[tuple[bytes, bytes]]) -> None:
    if fault(*pairs) is not None:
        return
    by_name: dict[bytes, list[bytes]] = {}
    for name, value in pairs:
        by_name.setdefault(name.lower(), []).append(value)
    assert len(by_name[b"host"]) == 1
    lengths, codings = by_name.get(b"content-length", []), by_name.get(b"transfer-encoding", [])
    assert len(lengths) + len(codings) <= 1
    assert all(value.isdigit() and int(value) >= 0 for value in lengths)
    assert all(value.lower() == b"chunked" for value in codings)


@given(st.integers(0, 10**18 - 1))
def test_a_length_and_a_host_are_all_that_a_request_needs(length: int) -> None:
    assert fault(HOST, (b"content-length", b"%d" % length)) is None
    assert fault(HOST, (b"transfer-encoding", b"Chunked")) is None
    assert fault(HOST) is None


@pytest.mark.parametrize("version", [True, False])
def test_an_old_client_may_leave_the_host_out_but_not_send_chunks(version: bool) -> None:
    assert (fault(is_11=version) is None) is not version
    assert (fault(HOST, (b"transfer-encoding", b"chunked"), is_11=version) is None) is version


@pytest.mark.parametrize(
    ("value", "good"),
    [
        (b"shop.test", True), (b"shop.test:8080", True), (b"[::1]:80", True), (b"127.0.0.1", True), (b"a_b", True),
        (b"", False), (b"a/b", False), (b"a@b", False), (b"a b", False), (b"a,b:1:2", False), (b"[::1", False),
        (b"x:", False), (b"x:123456", False), (b"x\n", False), (b"\xff", False),
    ],
)  # fmt: skip
def test_a_host_is_a_name_or_an_address_and_perhaps_a_port(value: bytes, good: bool) -> None:
    assert is_host[value] is good
