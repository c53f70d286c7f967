"""One spelling for each address."""

import pytest

from embedded_services.contracts.errors import ApiError
from embedded_services.services.user.emails import normalise


@pytest.mark.parametrize("text", ["Demo@Faultdeck.Local", " demo@faultdeck.local ", "demo@faultdeck.local"])
def test_case_and_outer_spaces_do_not_matter(text: str) -> None:
    assert normalise(text) == "demo@faultdeck.local"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "demo",
        "demo@",
        "@b.c",
        "a b@c.d",
        "a@b",
        "a@b..c",
        "a@@b.c",
        "a@b_c.d",
        "a\x00@b.c",
        "a" * 65 + "@b.c",
    ],
)
def test_what_cannot_be_an_address_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="email must be an e-mail address"):
        normalise(text)
