"""Who trades on the floor: every arm whose policy we have, and whose capital is known.

A policy is hand-written, by its kind, or trained, by the snapshot that the arm was registered with.
Other arms are traded by bots elsewhere, and left alone. So is an arm whose trades are of
another account or currency: nothing is summed over those. One that is retired, or of another
account, keeps its seat for as long as it holds something for real.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.kernel.errors import TiltyardError
from tiltyard.policies.catalogue import POLICIES
from tiltyard.policies.name import parse
from tiltyard.policies.policy import Policy
from tiltyard.router.floor import Seat
from tiltyard.shell.models.shelf import is_called_by, made_at
from tiltyard.shell.settings import Settings


class Seating(NamedTuple):
    """Who trades, and who does not though we have the policy.

    Attributes:
        seats: By name, in order of registration.
        foreign: Arms whose trades are of another account or currency, with those. Who of them
            holds something has a seat, and only leaves.
    """

    seats: Mapping[str, Seat]
    foreign: Mapping[str, tuple[str, str]]


def seating(
    roster: Roster,
    settings: Settings,
    scopes: Mapping[str, tuple[str, str]],
    holding: Collection[str],
    trained: Mapping[str, Policy],
) -> Seating:
    """Who trades.

    Args:
        roster: All arms.
        settings: The account, how positions are sized, and what capital an arm has otherwise.
        scopes: Account and currency of every policy whose trades have said them.
        holding: Arms that hold something for real.
        trained: The policies of arms that were trained, by name, as far as they are loaded.
    """
    own = (settings.account.name, settings.account.currency)
    seats: dict[str, Seat] = {}
    foreign: dict[str, tuple[str, str]] = {}
    for name, arm in roster.arms.items():
        capital = arm.capital or settings.default_capital()
        kind = kind_of(arm)
        policy = POLICIES.get(kind) if kind in POLICIES else trained.get(name)
        if name == FLAT or policy is None or capital is None:
            continue
        if arm.state == "retired" and name not in holding:
            continue
        if scopes.get(name, own) != own:
            foreign[name] = scopes[name]
            if name not in holding:
                continue
        seats[name] = Seat(policy, capital, settings.market.sized)
    return Seating(seats, foreign)


def perhaps_trained(roster: Roster, holding: Collection[str]) -> Mapping[str, str]:
    """Arms that may be traded by what was trained, and their digests; empty where none is said.

    Args:
        roster: All arms.
        holding: Arms that hold something for real.
    """
    return {
        name: arm.digest
        for name, arm in roster.arms.items()
        if kind_of(arm) not in POLICIES and (arm.state != "retired" or name in holding)
    }


def registered_as_snapshots(roster: Roster) -> Collection[str]:
    """Arms that somebody registered by a snapshot: with its name, its digest, and when it was made.

    Who registers a bot's arm of the same name says nothing of that time.
    """
    return {
        name
        for name, arm in roster.arms.items()
        if is_called_by(name, arm.digest) and arm.created_at == made_at(name)
    }


def kind_of(arm: Arm) -> str:
    """What sort of policy an arm is, by what was said of it, or its name."""
    return arm.kind or parse(arm.name).kind


def refuse_homeless(
    roster: Roster,
    seats: Collection[str],
    holding: Collection[str],
    troubles: Mapping[str, TiltyardError],
) -> None:
    """Whether everybody who holds something has a seat.

    Args:
        roster: All arms.
        seats: Who has one.
        holding: Arms that hold something for real.
        troubles: Why trained policies are not there, by arm.

    Raises:
        TiltyardError: ``SEAT_MISSING``.
    """
    for name in sorted(set(holding) - set(seats)):
        if name in troubles:
            why = troubles[name]
            raise TiltyardError(
                "SEAT_MISSING", name, f"it holds positions on the floor, and its model cannot be "
                f"used: {why}", "put its snapshot back as it was",
            ) from why  # fmt: skip
        arm = roster.arms.get(name)
        kind = "nothing that is registered" if arm is None else f"of kind {kind_of(arm)!r}"
        raise TiltyardError(
            "SEAT_MISSING", name, f"it holds positions on the floor, and is {kind}, or has no "
            "capital",
            "give back the settings and the version by which it traded",
        )  # fmt: skip
