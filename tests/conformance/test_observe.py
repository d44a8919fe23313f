"""A desk that observes judges and records, and does nothing, whatever the ledger holds."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from conformance.desks import (
    CHALLENGERS,
    CHAMPION,
    DAY,
    FIRST,
    GUARDED,
    MINUTE,
    NOW,
    SECOND_ARM,
    THIRD,
    challenger,
    desk_on,
    dump,
    earning,
    employ,
    events,
    forget_everything,
    report,
    set_share,
    shares,
    trades_of,
)
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import money
from tiltyard.shell.commanding import take
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.roster_table import ArmColumns

MAY_WRITE = frozenset({"audit", "guard_memories", "desk_progress", "leases", "bandit_arms"})
"""And of ``bandit_arms`` only the metric columns, with revision and time."""
METRICS = (*ArmColumns.__dataclass_fields__, "revision", "updated_at")


def kept(ledger: Ledger) -> dict[str, list[Any]]:
    """Everything that an observing desk has to leave as it is."""
    rest: dict[str, list[Any]] = {
        name: rows for name, rows in dump(ledger).items() if name not in MAY_WRITE
    }
    query = sa.text("SELECT * FROM bandit_arms ORDER BY policy_id")
    with ledger._engine.connect() as connection:
        rest["bandit_arms"] = [
            {name: value for name, value in row.items() if name not in METRICS}
            for row in connection.execute(query).mappings()
        ]
    return rest


loads = st.fixed_dictionaries(
    {
        "states": st.lists(
            st.sampled_from(["live", "probation", "throttled", "halted", "candidate"]),
            min_size=1, max_size=3,
        ),
        "pnls": st.lists(
            st.tuples(
                st.sampled_from([5, 40, 160]), st.sampled_from([0.2, 2.5]),
                st.sampled_from([-0.1, -0.9, -2.0]),
            ),
            min_size=4, max_size=4,
        ),
        "open": st.integers(-9, 1),
        "gauges": st.dictionaries(
            st.sampled_from(["api_error_rate", "gpu_util_pct", "account_balance", "up"]),
            st.sampled_from([0.0, 50.0, 99.0]),
        ),
        "times": st.lists(st.sampled_from([MINUTE, 40 * MINUTE, DAY]), min_size=1, max_size=4),
        "edited": st.booleans(),
    }
)  # fmt: skip


@settings(
    max_examples=12, deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(load=loads)
def test_a_desk_that_observes_changes_nothing_but_its_own_records(
    ledger: Ledger, load: Mapping[str, Any]
) -> None:
    forget_everything(ledger)
    arms = [
        challenger(name, 0.1 if state in ("live", "probation") else 0.0, state)
        for name, state in zip(CHALLENGERS, load["states"], strict=False)
    ]
    employ(ledger, *arms)
    names = [CHAMPION, *(arm.name for arm in arms)]
    report(ledger, drawn_trades(names, load, NOW - DAY), NOW - DAY)
    with desk_on(ledger, NOW - DAY, settings=GUARDED, observe=True) as desk:
        desk.step(NOW - DAY)
        report(ledger, drawn_trades(names, load, NOW))
        ledger.append_marks([Mark(FIRST, NOW, money(1000 * load["open"]), 1)], known_at=NOW)
        gauges = [Observation(name, value, NOW) for name, value in load["gauges"].items()]
        ledger.append_observations(gauges, known_at=NOW)
        known, now = kept(ledger), NOW
        for later in load["times"]:
            if load["edited"]:
                set_share(ledger, FIRST, "traffic_allocation * 1.1")
                known = kept(ledger)
                known["external_edits"] = []
            now += later
            desk.step(now)
            left = kept(ledger)
            if load["edited"]:
                assert all(row[-1] for row in left["external_edits"])  # it is in the audit now
                left["external_edits"] = []
            assert left == known
            assert all(event["mode"] == "observe" for event in done_by_desk(ledger))
            verify(ledger, GUARDED, now)


def drawn_trades(names: Sequence[str], load: Mapping[str, Any], until: datetime) -> list[Trade]:
    return [
        trade
        for name, (count, win, loss) in zip(names, load["pnls"], strict=False)
        for trade in trades_of(name, earning(count, win, loss), until)
    ]


def done_by_desk(ledger: Ledger) -> list[Mapping[str, Any]]:
    mine = [event for event in events(ledger) if event.get("actor") == "desk"]
    return [event for event in mine if event["event"] != "desk"]  # that it began


def breaching(ledger: Ledger) -> None:
    """One arm falls too far, one earns too little, and the champion is no better."""
    employ(ledger, *(challenger(name, 0.1) for name in CHALLENGERS))
    losing = earning(160, 0.2, -0.3)
    report(
        ledger,
        [
            *trades_of(CHAMPION, losing),
            *trades_of(FIRST, [-1.0] * 10),
            *trades_of(SECOND_ARM, earning(160, 0.12, -0.1)),
            *trades_of(THIRD, earning()),
        ],
    )


def test_what_it_would_have_done_is_in_the_audit_and_nobody_outside_is_told_of_it(
    ledger: Ledger,
) -> None:
    breaching(ledger)
    before = shares(ledger)
    with desk_on(ledger, settings=GUARDED, observe=True) as first:
        first.step(NOW)
    with desk_on(ledger, NOW + DAY, settings=GUARDED) as desk:
        assert desk.roster.arms[FIRST].state == "live"
    would = {(event["event"], event["policy"]) for event in done_by_desk(ledger)}
    assert {("halt", FIRST), ("throttle", SECOND_ARM)} <= would
    assert {policy for _, policy in would if policy == THIRD} == set()
    assert shares(ledger) == before


def test_an_observing_desk_sends_notices_of_nothing(ledger: Ledger) -> None:
    breaching(ledger)
    token = take(ledger, "desk", NOW)
    assert token is not None
    told = Announcing({"file": frozenset({"notice"})})
    desk = LiveDesk(ledger, GUARDED, token, announcing=told, observe=True)
    desk.start()
    for minutes in (0, 40, 2000):
        desk.step(NOW + minutes * MINUTE)
    assert done_by_desk(ledger)
    assert dump(ledger)["effects"] == []


@pytest.mark.parametrize("nights", [1, 3])
def test_an_observing_desk_runs_no_nights(ledger: Ledger, nights: int) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    report(ledger, [*trades_of(CHAMPION, earning(170, 0.4)), *trades_of(FIRST, earning())])
    with desk_on(ledger, settings=GUARDED, observe=True) as desk:
        for night in range(nights + 1):
            desk.step(NOW + night * DAY)
    assert shares(ledger)[FIRST] == 0.1
    assert dump(ledger)["nights"] == []


def test_the_same_ledger_is_acted_on_by_a_desk_that_enforces(ledger: Ledger) -> None:
    breaching(ledger)
    with desk_on(ledger, settings=GUARDED, observe=True) as watching:
        watching.step(NOW)
    with desk_on(ledger, NOW + MINUTE, settings=GUARDED) as desk:
        desk.step(NOW + MINUTE)
    states = {name: arm.state for name, arm in ledger.roster().arms.items()}
    assert (states[FIRST], states[SECOND_ARM], states[THIRD]) == ("halted", "throttled", "live")
    verify(ledger, GUARDED, NOW + MINUTE)


def test_a_hold_whose_guard_has_cleared_waits_for_a_desk_that_acts(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    report(ledger, [*trades_of(CHAMPION, earning()), *trades_of(FIRST, earning())])

    def observed(rate: float, later: int) -> None:
        gauge = Observation("api_error_rate", rate, NOW + later * MINUTE, samples=100)
        ledger.append_observations([gauge], known_at=gauge.observed_at)

    observed(9.0, 0)
    with desk_on(ledger, settings=GUARDED) as desk:
        desk.step(NOW)
    held = ledger.roster().holds()
    assert held == {"api_error_rate_high"}
    observed(1.0, 1)
    with desk_on(ledger, NOW + MINUTE, settings=GUARDED, observe=True) as watching:
        watching.step(NOW + MINUTE)
        report(ledger, trades_of(FIRST, [-1.0] * 10, NOW + MINUTE))  # and something to write
        watching.step(NOW + 2 * MINUTE)
        assert watching.roster.holds() == held
    assert ledger.roster().holds() == held
    assert events(ledger, "unfreeze_ramp") == []
    verify(ledger, GUARDED, NOW + 2 * MINUTE)
    with desk_on(ledger, NOW + 3 * MINUTE, settings=GUARDED) as desk:
        desk.step(NOW + 3 * MINUTE)
    assert ledger.roster().holds() == frozenset()
