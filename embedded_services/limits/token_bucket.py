"""Token bucket: it holds `limit` tokens and refills evenly, `limit` in a window; a request takes one.

Kept as debt (what is missing from a full bucket) in parts of a request, `scale` parts to one. With the window in
microseconds as the scale, `limit` parts flow back each microsecond: whole numbers, so nothing is lost to rounding. After
an edit of the window the debt is carried to the new scale, rounded up.
"""

from typing import TypeAlias

from embedded_services.limits.verdict import Rule, Standing, Usage, Verdict

Bucket: TypeAlias = tuple[int, int, int]
"""When it was reckoned (µs), the debt then, and its scale."""


class TokenBucket:
    def take(self, memory: Bucket | None, rule: Rule, now_us: int) -> tuple[Bucket, Verdict]:
        scale = rule.window_us
        debt = _debt(memory, rule, now_us)
        ceiling = (rule.limit - 1) * scale
        if debt > ceiling:
            wait_us = -(-(debt - ceiling) // rule.limit)
            return memory or (now_us, debt, scale), Verdict(False, 0, wait_us / 1_000_000)
        debt += scale
        missing = -(-debt // scale)
        next_token_us = -(-(debt - (missing - 1) * scale) // rule.limit)
        return (now_us, debt, scale), Verdict(True, rule.limit - missing, next_token_us / 1_000_000)

    def usage(self, memory: Bucket, rule: Rule, now_us: int) -> Usage:
        return Usage(-(-_debt(memory, rule, now_us) // rule.window_us), 0)

    def standing(self, memory: Bucket, rule: Rule, now_us: int) -> Standing:
        debt, scale = _debt(memory, rule, now_us), rule.window_us
        if not debt:
            return Standing(0, 0.0)
        missing = -(-debt // scale)
        least = min(missing, rule.limit) - 1  # tokens that are missing once there is one more than now
        return Standing(missing, -(-(debt - least * scale) // rule.limit) / 1_000_000)

    def adopt(self, usage: Usage, rule: Rule, now_us: int) -> Bucket:
        return now_us, usage.requests * rule.window_us, rule.window_us


def _debt(memory: Bucket | None, rule: Rule, now_us: int) -> int:
    if memory is None:
        return 0
    reckoned, debt, scale = memory
    if scale != rule.window_us:
        debt = -(-debt * rule.window_us // scale)
    return max(0, debt - (now_us - reckoned) * rule.limit)
