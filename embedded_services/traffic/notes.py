"""What must be said beside the figures, so that nobody takes them for more than they are. Pure."""

from typing import Final

from embedded_services.contracts.traffic import Cause, TrafficPlan, TrafficTotals
from embedded_services.traffic.accounts import Accounts

LATE_MS: Final = 10.0


def notes(plan: TrafficPlan, totals: TrafficTotals, addresses: int, accounts: Accounts) -> list[str]:
    """Sentences, the most important first."""
    found = []
    if accounts.trouble:
        found.append(
            f"Sign-in failed: {accounts.trouble}. It is tried again; requests without a token are refused with 401."
        )
    if number := totals.errors.get(Cause.NOT_SENT):
        found.append(f"{number:,} requests were not sent: {plan.max_in_flight:,} were in flight already.")
    if number := totals.errors.get(Cause.TOO_LATE):
        found.append(f"{number:,} requests were not sent: the generator itself was held up for too long.")
    if (late := totals.late_p99_ms) is not None and late > LATE_MS:
        found.append(
            f"The generator itself sends up to {late:,.0f} ms late (1 % later still): this machine is busy. "
            "Latencies include that."
        )
    if addresses < plan.clients:
        found.append(
            f"All {plan.clients:,} clients share one source address, because this platform has only one: a limit by address "
            "sees one client."
        )
    if 0 < len(accounts) < plan.clients:
        found.append(
            f"{plan.clients:,} clients act for {len(accounts)} accounts: signing in more would cost the user service "
            "a password hash each."
        )
    return found
