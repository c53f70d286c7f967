from hypothesis import given
from hypothesis import strategies as st

from embedded_services.limits.clients import Clients

requests = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans()), max_size=60)


def everybody(clients: Clients) -> list[str]:
    return [key for key, _ in clients.newest(100)]


@given(requests)
def test_the_newest_are_kept_with_what_they_did_and_the_totals_count_all(
    asked: list[tuple[str, bool]],
) -> None:
    clients = Clients(capacity=4)
    order: list[str] = []
    kept: dict[str, list[int]] = {}
    for now, (key, allowed) in enumerate(asked):
        clients.count(key, allowed, float(now))
        if key in order:
            order.remove(key)
        else:
            kept[key] = [0, 0]
        order.insert(0, key)
        order = order[:4]
        kept[key][not allowed] += 1
    assert everybody(clients) == order
    serials = [client.serial for _, client in clients.newest(100)]
    assert serials == sorted(set(serials), reverse=True)
    for key, client in clients.newest(100):
        assert [client.allowed, client.limited] == kept[key]
        assert asked[int(client.seen_at)][0] == key
    assert clients.limited == sum(not allowed for _, allowed in asked)
    assert clients.allowed + clients.limited == len(asked)


def test_who_was_never_refused_has_no_time_of_it() -> None:
    clients = Clients()
    clients.count("a", True, 1.0)
    ((_, client),) = clients.newest(1)
    before = client.limited_at
    clients.count("a", False, 2.0)
    clients.count("a", True, 3.0)
    assert (before, client.limited_at, client.seen_at) == (None, 2.0, 3.0)


def test_when_clients_are_told_apart_in_another_way_the_totals_go_on() -> None:
    clients = Clients()
    clients.count("a", True, 1.0)
    clients.forget_all()
    clients.count("b", False, 1.0)
    assert (everybody(clients), clients.allowed, clients.limited) == (["b"], 1, 1)
    assert "b" in clients
    assert "a" not in clients
