import math

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from embedded_services.telemetry.exposition import Exposition

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=30)


@given(st.lists(st.tuples(texts, texts, st.floats(allow_nan=False)), max_size=5), texts)
def test_any_label_and_number_is_read_back_as_it_was(rows: list[tuple[str, str, float]], about: str) -> None:
    exposition = Exposition()
    exposition.gauge("a_gauge", about, [({"one": one, "two": two}, value) for one, two, value in rows])
    (family,) = text_string_to_metric_families(exposition.text.decode())
    assert family.type == "gauge"
    assert [(sample.labels["one"], sample.labels["two"], sample.value) for sample in family.samples] == rows


def test_a_histogram_is_told_with_its_bounds_sum_and_count() -> None:
    exposition = Exposition()
    exposition.histogram("h_seconds", "How long.", (0.5, 1.0), [({"r": "x"}, [1, 2, 3], 4.5)])
    assert exposition.text.decode().splitlines() == [
        "# HELP h_seconds How long.",
        "# TYPE h_seconds histogram",
        'h_seconds_bucket{r="x",le="0.5"} 1',
        'h_seconds_bucket{r="x",le="1.0"} 2',
        'h_seconds_bucket{r="x",le="+Inf"} 3',
        'h_seconds_sum{r="x"} 4.5',
        'h_seconds_count{r="x"} 3',
    ]


def test_numbers_that_are_none_have_names() -> None:
    exposition = Exposition()
    exposition.gauge("g", "", [({}, math.inf), ({}, -math.inf), ({}, math.nan)])
    assert [line.split()[1] for line in exposition.text.decode().splitlines()[2:]] == ["+Inf", "-Inf", "NaN"]
