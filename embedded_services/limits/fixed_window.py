"""Fixed window: a client's window opens with its first request; in it `limit` requests pass, then none until it ends."""

from typing import TypeAlias

from embedded_services.limits.verdict import Rule, Standing, Usage, Verdict

Window: TypeAlias = tuple[int, int]
"""When it opened (µs), and how many requests it admitted."""


class FixedWindow:
    def take(self, memory: Window | None, rule: Rule, now_us: int) -> tuple[Window, Verdict]:
        opened, count = memory or (now_us, 0)
        left_us = opened + rule.window_us - now_us
        if left_us <= 0:
            opened, count, left_us = now_us, 0, rule.window_us
        if count >= rule.limit:
            return (opened, count), Verdict(False, 0, left_us / 1_000_000)
        count += 1
        return (opened, count), Verdict(True, rule.limit - count, left_us / 1_000_000)

    def usage(self, memory: Window, rule: Rule, now_us: int) -> Usage:
        opened, count = memory
        age = now_us - opened
        return Usage(count if age < rule.window_us else 0, age)

    def standing(self, memory: Window, rule: Rule, now_us: int) -> Standing:
        opened, count = memory
        left_us = opened + rule.window_us - now_us
        return Standing(count, left_us / 1_000_000) if left_us > 0 else Standing(0, 0.0)

    def adopt(self, usage: Usage, rule: Rule, now_us: int) -> Window:  # noqa: ARG002 - as every algorithm
        return now_us - usage.age_us, usage.requests
