import re

from embedded_services.common.ids import new_id, new_request_id, new_traceparent


def test_id_names_its_kind_and_can_be_read_aloud() -> None:
    assert re.fullmatch(r"ord_[0-9a-km-np-z]{12}", new_id("ord"))


def test_traceparent_has_the_form_of_w3c() -> None:
    assert re.fullmatch(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01", new_traceparent())


def test_ids_do_not_repeat() -> None:
    for make in (new_request_id, new_traceparent, lambda: new_id("x")):
        assert len({make() for _ in range(1000)}) == 1000
