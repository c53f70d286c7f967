from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.gateway.forwarding import HOPS, Forwarded, TrustedProxies

PROXIES = ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]

trusted = st.ip_addresses(network="10.0.0.0/8").map(str) | st.ip_addresses(network="2001:db8::/32").map(str)
untrusted = st.ip_addresses(v=4).filter(
    lambda address: not any(address in ip_network(name) for name in PROXIES if ":" not in name)
).map(str)  # fmt: skip
garbage = st.sampled_from(
    ["", "unknown", "_hidden", "1.2.3", "999.1.1.1", "fe80::1%eth0", "a\xffb", "-", "::1::"]
)


def believe(peer: str, *fields: str) -> Forwarded:
    return TrustedProxies(PROXIES).believe(peer, [field.encode("latin-1") for field in fields])


@given(untrusted, st.lists(untrusted | trusted | garbage))
def test_a_stranger_is_believed_nothing(peer: str, said: list[str]) -> None:
    assert believe(peer, ", ".join(said)) == (peer, peer)


@given(trusted, st.lists(trusted, max_size=HOPS - 2), untrusted, st.lists(untrusted | trusted | garbage))
def test_the_client_is_the_right_most_that_is_no_trusted_proxy(
    peer: str, proxies: list[str], client: str, hearsay: list[str]
) -> None:
    said = believe(peer, ", ".join([*hearsay, client, *proxies]))
    assert said.client == client
    assert said.chain.split(", ") == [client, *proxies, peer]


@given(trusted, st.lists(trusted, max_size=5), garbage, st.lists(untrusted))
def test_what_is_no_address_ends_what_is_believed(
    peer: str, proxies: list[str], odd: str, hearsay: list[str]
) -> None:
    said = believe(peer, ", ".join([*hearsay, odd, *proxies]))
    assert said.chain.split(", ") == [*proxies, peer]
    assert said.client == [*proxies, peer][0]


@given(trusted, st.lists(trusted | untrusted | garbage, min_size=1), st.integers(0, 9))
def test_several_fields_are_one_list(peer: str, entries: list[str], at: int) -> None:
    first, second = entries[:at], entries[at:]
    fields = [", ".join(part) for part in (first, second) if part]
    assert believe(peer, *fields) == believe(peer, ", ".join(entries))


@given(st.text(max_size=20), st.lists(st.binary(max_size=30)))
def test_whatever_is_said_the_client_is_the_peer_or_an_address(peer: str, fields: list[bytes]) -> None:
    client, chain = TrustedProxies(PROXIES).believe(peer, fields)
    assert client == peer or str(ip_address(client)) == client
    assert chain.isascii() or peer in chain


def test_an_endless_chain_is_read_only_so_far() -> None:
    said = believe("10.0.0.1", ", ".join(["10.0.0.2"] * 10_000))
    assert len(said.chain.split(", ")) == HOPS + 1


@pytest.mark.parametrize(
    ("entry", "client"),
    [
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db9::1]:4711", "2001:db9::1"),
        ("2001:db9::1", "2001:db9::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:DB9:0::1", "2001:db9::1"),
    ],
)
def test_the_ways_in_which_proxies_write_an_address(entry: str, client: str) -> None:
    assert believe("192.0.2.1", entry).client == client


def test_a_peer_of_ipv4_on_a_socket_of_ipv6_is_known() -> None:
    assert believe("::ffff:10.1.2.3", "203.0.113.9").client == "203.0.113.9"


def test_proxies_that_are_none_are_an_error_and_none_are_none() -> None:
    with pytest.raises(ValueError, match="proxy"):
        TrustedProxies(["proxy.test"])
    assert not TrustedProxies([])
    assert TrustedProxies(["10.1.2.3/8"]).believe("10.9.9.9", [b"1.1.1.1"]).client == str(
        IPv4Address("1.1.1.1")
    )
