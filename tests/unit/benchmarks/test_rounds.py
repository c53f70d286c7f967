"""Every subject is measured in every round, and each begins in its turn."""

from tests.benchmarks.rounds import interleaved


async def test_order_rotates_and_readings_stay_with_their_subject() -> None:
    asked: list[str] = []

    async def measure(subject: str) -> str:
        asked.append(subject)
        return f"{subject}{len(asked)}"

    assert await interleaved("abc", 2, measure) == [["a1", "a6"], ["b2", "b4"], ["c3", "c5"]]
    assert "".join(asked) == "abcbca"
