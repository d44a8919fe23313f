"""How policies join the roster, and how a candidate goes on trial.

A challenger starts at its start share, on probation, once its capital is known and the
champion's floor leaves room; until then it is a candidate at share 0. Candidates are
admitted in the order in which they were registered. ``flat``, which trades nothing, is the
champion until a real one is registered.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tiltyard.actions.changes.champion import depose
from tiltyard.actions.plan import plan_admissions
from tiltyard.actions.record import Event, carried_out, registered
from tiltyard.facts.arm import FLAT, Arm, Role, Roster
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money, money, money_text
from tiltyard.kernel.registry import did_you_mean
from tiltyard.policies.name import PolicyName, parse
from tiltyard.scaling.ladder import ShareRules


@dataclass(frozen=True, slots=True)
class Registration:
    """What somebody says of a policy.

    Attributes:
        name: Full policy name.
        role: ``champion`` or ``challenger``.
        kind: Overrides what the name says; empty keeps it.
        capital: Equity allotted to it, if known.
        share: Start share; None takes the configured one.
        created_at: When it was made, UTC.
        digest: SHA-256 of what serves; empty when nobody said.
    """

    name: str
    role: Role
    kind: str
    capital: Money | None
    share: float | None
    created_at: datetime
    digest: str = ""


def capital_of(text: str) -> Money:
    """What equity somebody says a policy has.

    Raises:
        TiltyardError: ``MONEY_INVALID``, ``CAPITAL_INVALID`` for anything but a positive amount.
    """
    amount = money(text)
    if amount <= 0:
        raise TiltyardError("CAPITAL_INVALID", text, "expected a positive amount")
    return amount


def arguments_of(wanted: Registration) -> dict[str, str]:
    """What the command ``register`` is given beside the name."""
    arguments = {
        "role": wanted.role,
        "kind": wanted.kind,
        "digest": wanted.digest,
        "created_at": time_text(wanted.created_at),
    }
    if wanted.capital is not None:
        arguments["capital"] = money_text(wanted.capital)
    if wanted.share is not None:
        arguments["share"] = str(wanted.share)
    return arguments


def with_flat(roster: Roster, at: datetime, events: list[Event], actor: str) -> Roster:
    """The roster with ``flat`` in it; champion if there is no other."""
    if roster.arms:
        return roster
    flat = Arm(FLAT, "champion", "champion", 1.0, 1.0, 1.0, None, at, kind=FLAT)
    events.append(registered(flat, at, actor))
    return roster.with_arm(flat)


def register(
    roster: Roster,
    wanted: Registration,
    rules: ShareRules,
    at: datetime,
    actor: str,
    knows_capital: Callable[[Arm], bool],
) -> tuple[Roster, list[Event]]:
    """The roster with one more arm, and the events to audit.

    Args:
        roster: As it stands.
        wanted: Who joins, or whose capital is said.
        rules: The bounds of shares.
        at: UTC.
        actor: Who registers it.
        knows_capital: Whether somebody said what equity an arm has.

    Raises:
        TiltyardError: ``POLICY_NAME_INVALID``, ``POLICY_REGISTERED``, ``POLICY_RESERVED``,
            ``CHAMPION_EXISTS``, ``SHARE_INVALID``.
    """
    if wanted.name == FLAT:
        raise reserved()
    events: list[Event] = []
    roster = with_flat(roster, at, events, actor)
    name = parse(wanted.name)
    kind = wanted.kind or name.kind
    known = roster.arms.get(wanted.name)
    if known is not None:
        roster, event = _complete(roster, known, wanted, at, actor)
        return _admit_waiting(roster, [event], rules, at, actor, knows_capital)
    _refuse_twin(roster, name)
    if wanted.role == "champion":
        champion = roster.champion()
        if champion.name != FLAT:
            raise TiltyardError(
                "CHAMPION_EXISTS", wanted.name, f"{champion.name} is the champion",
                "register it as a challenger: a new champion comes by promotion",
            )  # fmt: skip
        arm = Arm(
            wanted.name, "champion", "champion", 1.0, 1.0, 1.0,
            wanted.capital, wanted.created_at, kind=kind, digest=wanted.digest,
        )  # fmt: skip
        roster = depose(roster, at).with_arm(arm)
        events.append(registered(roster.arms[arm.name], at, actor))
        return roster, events
    start = _start_share(wanted, rules)
    arm = _candidate(wanted, start, kind)
    roster = roster.with_arm(arm)
    events.append(registered(arm, at, actor))
    return _admit_waiting(roster, events, rules, at, actor, knows_capital)


def welcome(
    roster: Roster,
    names: Sequence[str],
    capital: Money | None,
    rules: ShareRules,
    at: datetime,
    actor: str,
) -> tuple[Roster, list[Event]]:
    """The roster with the unknown policies of a file as candidates, in their order."""
    events: list[Event] = []
    roster = with_flat(roster, at, events, actor)
    for name in names:
        wanted = Registration(name, "challenger", "", capital, None, at)
        arm = _candidate(wanted, _start_share(wanted, rules), parse(name).kind)
        roster = roster.with_arm(arm)
        events.append(registered(arm, at, actor))
    return roster, events


def unregistered(names: Sequence[str], roster: Roster) -> TiltyardError:
    """What is said of a file whose policies may not join."""
    hints = [did_you_mean(name, roster.arms) for name in names]
    return TiltyardError(
        "POLICY_UNKNOWN",
        ", ".join(repr(name) for name in names[:10]),
        "not registered" + "".join(f", {hint}" for hint in hints[:1] if hint),
        "Nothing was written. Add --register to register them as challengers, or --policy NAME",
    )


def reserved() -> TiltyardError:
    """What is said to somebody who calls a policy ``flat``."""
    return TiltyardError(
        "POLICY_RESERVED",
        FLAT,
        "so is the champion of last resort called, which trades nothing",
        "name the policy otherwise; for the rows of a file: --policy NAME, or --map policy=COLUMN",
    )


def admit(
    roster: Roster, names: Iterable[str], rules: ShareRules, at: datetime, actor: str, digest: str
) -> tuple[Roster, list[Event]]:
    """Put candidates whose capital is known on trial, as far as there is room."""
    return carried_out(roster, plan_admissions(roster, names, rules, at), digest, actor)


def is_sized(arm: Arm, *, is_said: bool, is_blind: bool) -> bool:
    """Whether somebody said what equity an arm has.

    Args:
        arm: A candidate goes on trial with what it has done; everybody else begins anew.
        is_said: By its policy, the settings, or the last of its trades.
        is_blind: Some live trade of its trial, or mark, is of no known capital.
    """
    return is_said and not (is_blind and arm.state == "candidate")


def _refuse_twin(roster: Roster, name: PolicyName) -> None:
    """The sha8 of a policy is unique."""
    twin = next((n for n in roster.arms if name.sha8 and n.endswith(f"_{name.sha8}")), None)
    if twin is not None:
        raise TiltyardError("POLICY_SHA_TAKEN", name.name, f"{twin} ends in the same sha8")


def _admit_waiting(
    roster: Roster,
    events: Sequence[Event],
    rules: ShareRules,
    at: datetime,
    actor: str,
    knows_capital: Callable[[Arm], bool],
) -> tuple[Roster, list[Event]]:
    ready = [arm.name for arm in roster.challengers() if knows_capital(arm)]
    roster, admitted = admit(roster, ready, rules, at, actor, "")
    return roster, [*events, *admitted]


def _candidate(wanted: Registration, start: float, kind: str) -> Arm:
    return Arm(
        wanted.name, "challenger", "candidate", 0.0, start, 0.0,
        wanted.capital, wanted.created_at, kind=kind, digest=wanted.digest,
    )  # fmt: skip


def _complete(
    roster: Roster, known: Arm, wanted: Registration, at: datetime, actor: str
) -> tuple[Roster, Event]:
    if known.role != wanted.role or known.capital is not None or wanted.capital is None:
        raise TiltyardError(
            "POLICY_REGISTERED", known.name, f"it is a {known.role} already ({known.state})",
            "see: tiltyard policy list",
        )  # fmt: skip
    if wanted.share is not None:
        raise TiltyardError(
            "POLICY_REGISTERED", known.name, "of a policy that is registered only its capital can "
            "still be said", "leave --share out",
        )  # fmt: skip
    if wanted.kind not in {"", known.kind}:
        raise TiltyardError(
            "POLICY_REGISTERED", known.name, f"it is of kind {known.kind!r}, and that stays",
            "leave --kind out",
        )  # fmt: skip
    if known.digest and wanted.digest not in {"", known.digest}:
        raise TiltyardError(
            "POLICY_REGISTERED", known.name, f"its digest is {known.digest}, and that stays",
            "leave --digest out",
        )  # fmt: skip
    arm = replace(known, capital=wanted.capital)
    return roster.with_arm(arm), registered(arm, at, actor)


def _start_share(wanted: Registration, rules: ShareRules) -> float:
    share = rules.start if wanted.share is None else wanted.share
    most = min(rules.cap, 1.0 - rules.champion_floor)
    if not 0.0 <= share <= most:
        raise TiltyardError(
            "SHARE_INVALID", wanted.name, f"start share {share:g}, expected 0 to {most:g}"
        )
    return round(share, 6)
