import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.gateway.request_record import loggable


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", "/x"),
        ("limit=5&cursor=abc", "/x?limit=5&cursor=abc"),
        ("token=s3cret", "/x?token=…"),
        ("a=1&access_token=s3cret&b=2", "/x?a=1&access_token=…&b=2"),
        ("Password=s3cret", "/x?Password=…"),
        ("apiKey=s3cret&api-key=s3cret&client_secret=s3cret", "/x?apiKey=…&api-key=…&client_secret=…"),
    ],
)
def test_secrets_are_not_told(query: str, shown: str) -> None:
    assert loggable("/x", query) == shown


any_text = st.text(st.characters(exclude_categories=()), max_size=2000)


@given(any_text, any_text)
def test_what_is_told_of_a_path_is_bounded_and_can_be_written(path: str, query: str) -> None:
    shown = loggable(path, query)
    assert len(shown) <= 710
    shown.encode()
