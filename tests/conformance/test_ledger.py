"""What every ledger must do, whatever database it lives in."""

import contextlib
import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.samples import (
    FACTS,
    FLOOR,
    MICROSECOND,
    NET,
    NOW,
    PPO,
    USERS_SQL,
    NewDatabase,
    arm,
    code_of_opening,
    ingest,
    register,
    stored,
    texts,
    trade,
)
from tiltyard.facts.arm import Proposal, Review, Roster
from tiltyard.facts.audit import GENESIS, broken_link
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade, judged_order
from tiltyard.kernel.clock import EARLIEST
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import LARGEST, Money
from tiltyard.metrics.panel import Panel
from tiltyard.shell.replaying.measure import facts_in_order, take_in
from tiltyard.shell.store.engine import database_url
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.roster_table import ArmColumns
from tiltyard.shell.store.staging import Counts
from tiltyard.shell.store.tables import metadata


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(FACTS), size=st.integers(1, len(FACTS)))
def test_the_order_and_the_batches_in_which_revisions_arrive_do_not_matter(
    new_database: NewDatabase, order: list[Trade], size: int
) -> None:
    expected = sorted((fact for fact in FACTS if fact.revision == 3), key=judged_order)
    with new_database() as url, Ledger.open(url) as ledger:
        register(ledger, PPO)
        for start in range(0, len(order), size):
            ingest(ledger, order[start : start + size], explicit=True)
        assert stored(ledger) == expected


def test_the_same_file_twice_changes_nothing(ledger: Ledger) -> None:
    register(ledger, PPO)
    assert ingest(ledger, [trade("1"), trade("2")]) == Counts(2, 0, 0, 0)
    before = list(ledger.trades())
    assert ingest(ledger, [trade("1"), trade("2")]) == Counts(0, 0, 2, 0)
    assert list(ledger.trades()) == before
    changed = [trade("1", pnl=Money(7)), trade("2", pnl=Money(8)), trade("3")]
    assert ingest(ledger, changed) == Counts(1, 2, 0, 0)


def test_a_changed_trade_becomes_the_next_revision_and_the_old_one_stays(ledger: Ledger) -> None:
    register(ledger, PPO)
    ingest(ledger, [trade()])
    assert ingest(ledger, [trade(pnl=Money(7))]) == Counts(0, 1, 0, 0)
    (current,) = ledger.trades()
    assert (current.pnl, current.revision) == (7, 2)
    (earlier,) = ledger.trades(up_to_seq=current.seq - 1)
    assert (earlier.pnl, earlier.revision) == (101, 1)


def test_positions_are_given_in_judged_order_and_never_twice(ledger: Ledger) -> None:
    register(ledger, PPO)
    ingest(ledger, [trade("late", minute=9), trade("early", minute=1)])
    ingest(ledger, [trade("between", minute=5)])
    assert [(t.trade_id, t.seq) for t in ledger.trades()] == [
        ("early", 1), ("between", 3), ("late", 2),
    ]  # fmt: skip


NAMES = (
    "a",
    "B",
    "Z",
    "_",
    "z",
    "Ä",
    "ä",
    "é",
    "ß",
    "漢",
    "😀",
    "a-1",
    "A1",
    "aB",
    "Ab",
    "10",
    "9",
)


def test_identifiers_and_sources_are_ordered_by_character_whatever_the_language(
    ledger: Ledger,
) -> None:
    register(ledger, PPO)
    facts = [trade(name) for name in NAMES] + [trade("1", source=name) for name in NAMES]
    ingest(ledger, facts[::-1])
    expected = sorted(facts, key=judged_order)
    assert stored(ledger) == expected
    assert [t.seq for t in ledger.trades()] == list(range(1, len(facts) + 1))
    newest = ledger.tail(PPO, count=20)
    assert [t._replace(seq=0) for t in newest] == expected[-20:]


def test_policies_whose_first_trades_close_together_join_in_the_order_of_their_names(
    ledger: Ledger,
) -> None:
    with ledger.staging() as staging:
        rows = [trade(name, policy=name) for name in NAMES]
        staging.add([(number, fact, False) for number, fact in enumerate(rows)])
        assert staging.policies() == sorted(NAMES)


def test_the_faults_that_are_told_are_the_first_of_the_file(ledger: Ledger) -> None:
    rows = [(number, trade(str(number // 2)), False) for number in range(40)]
    with ledger.staging() as staging:
        staging.add(rows[::-1])
        assert list(staging.faults(limit=3)) == [1, 3, 5]


def test_of_two_sources_that_told_a_trade_the_first_is_named(ledger: Ledger) -> None:
    register(ledger, PPO)
    ingest(ledger, [trade("1", source=source) for source in ("b", "a", "B")])
    with ledger.staging() as staging:
        staging.add([(1, trade("1", source="new"), False)])
        with ledger.transaction(staging):
            assert staging.told_already() == (1, "B")


@pytest.mark.parametrize("amount", [LARGEST, -LARGEST, 1, -1, 0, 2**53 + 1])
def test_money_comes_back_to_the_last_unit(ledger: Ledger, amount: int) -> None:
    register(ledger, PPO)
    one = Money(amount)
    fact = trade(pnl=one, capital=one, risk=one, notional=one, fees=one, funding=one)
    ingest(ledger, [fact])
    assert stored(ledger) == [fact]
    assert ledger.totals(PPO).pnl == amount


@pytest.mark.parametrize("sign", [1, -1])
def test_totals_beyond_sixty_four_bits_are_exact(ledger: Ledger, sign: int) -> None:
    register(ledger, PPO)
    ingest(ledger, [trade(str(n), pnl=Money(sign * LARGEST + n)) for n in range(3)])
    assert ledger.totals(PPO).pnl == sign * 3 * LARGEST + 3


@pytest.mark.parametrize(
    "fact",
    [
        Mark(PPO, NOW, Money(5), 1, account="a\x00b"),
        Mark(PPO, NOW, Money(2**63), 1),
        Observation("gpu\nutil", 1.0, NOW),
        Observation("gpu_util", 1.0, NOW, samples=2**63),
        Decision("e\ud800", "BTC", PPO, 0.1, 1, NOW, 0, 5),
        Decision("e1", "BTC", PPO, float("nan"), 1, NOW, 0, 5),
        Decision("e1", "BTC", PPO, 0.1, -(2**63) - 1, NOW, 0, 5),
    ],
)
def test_what_no_database_can_hold_is_refused_in_plain_words(
    ledger: Ledger, fact: Mark | Observation | Decision
) -> None:
    register(ledger, PPO)
    with pytest.raises(TiltyardError, match="FACT_INVALID") as caught:
        append(ledger, fact)
    assert str(caught.value).isprintable()


def append(ledger: Ledger, fact: Mark | Observation | Decision) -> int:
    if isinstance(fact, Mark):
        return ledger.append_marks([fact], known_at=NOW)
    if isinstance(fact, Observation):
        return ledger.append_observations([fact], known_at=NOW)
    return ledger.append_decisions([fact], known_at=NOW)


def test_whole_numbers_of_sixty_four_bits_come_back(ledger: Ledger) -> None:
    register(ledger, PPO)
    largest = Mark(PPO, NOW, Money(-(2**63)), 2**63 - 1)
    ledger.append_marks([largest], known_at=NOW)
    assert [mark._replace(seq=0) for mark in ledger.marks()] == [largest]


def test_a_view_of_one_transaction_does_not_change_while_others_write(
    ledger: Ledger, ledger_url: str
) -> None:
    register(ledger, PPO)
    with ledger.snapshot() as before, Ledger.open(ledger_url) as other:
        assert set(before.roster().arms) == {PPO}
        register(other, PPO, NET)
        ingest(other, [trade()])
        assert set(before.roster().arms) == {PPO}
        assert stored(before) == []
    assert set(ledger.roster().arms) == {PPO, NET}


def test_readers_do_not_wait_for_who_writes(ledger: Ledger, ledger_url: str) -> None:
    register(ledger, PPO)
    with ledger.transaction() as inside, Ledger.open(ledger_url, busy_timeout_ms=0) as other:
        register(inside, PPO, NET)
        assert set(other.roster().arms) == {PPO}
        with other.staging() as staging:
            staging.add([(1, trade(), False)])
            assert staging.faults() == {}


def test_a_name_that_ends_as_another_but_for_its_case_is_no_twin(ledger: Ledger) -> None:
    register(ledger, "external_EEE02A74")
    register(ledger, PPO)
    assert set(ledger.roster().arms) == {"external_EEE02A74", PPO}
    with pytest.raises(TiltyardError, match="POLICY_SHA_TAKEN"):
        register(ledger, "timesnet_20250701_090000_eee02a74")


@pytest.mark.parametrize(
    "closed", [EARLIEST, NOW - MICROSECOND, datetime(1999, 12, 31, 23, 59, 59, 999999, UTC)]
)
def test_times_come_back_to_the_microsecond(ledger: Ledger, closed: datetime) -> None:
    register(ledger, PPO)
    fact = trade(opened_at=closed - MICROSECOND, closed_at=closed)
    ingest(ledger, [fact])
    assert stored(ledger) == [fact]


def test_the_tail_is_the_newest_of_one_book_since_a_time(ledger: Ledger) -> None:
    register(ledger, PPO)
    ingest(ledger, [trade(str(n), minute=n) for n in range(9)])
    ingest(ledger, [trade("x", minute=20, book="shadow")])
    assert [t.trade_id for t in ledger.tail(PPO, count=3)] == ["6", "7", "8"]
    since = trade("8", minute=8).closed_at
    assert [t.trade_id for t in ledger.tail(PPO, count=3, since=since)] == ["8"]
    assert [t.trade_id for t in ledger.tail(PPO, count=3, book="shadow")] == ["x"]


def test_totals_count_each_live_trade_once(ledger: Ledger) -> None:
    register(ledger, PPO)
    ingest(ledger, [trade("1"), trade("2", pnl=Money(-5)), trade("3", pnl=Money(0))])
    ingest(ledger, [trade("1", pnl=Money(9)), trade("4", book="shadow")])
    totals = ledger.totals(PPO)
    assert (totals.trades, totals.wins, totals.pnl) == (3, 1, 4)


def test_capital_is_said_by_the_last_trade_and_always_by_every_live_trade_and_mark(
    ledger: Ledger,
) -> None:
    register(ledger, PPO, NET)
    assert ledger.capital_said(PPO) == (False, True)
    sized, bare = trade("2", capital=Money(5)), trade("3")
    ingest(ledger, [sized, trade("1", book="shadow"), trade("4", policy=NET)])
    assert (ledger.capital_said(PPO), ledger.capital_said(NET)) == ((True, True), (False, False))
    ingest(ledger, [bare])
    assert ledger.capital_said(PPO) == (False, False)
    ingest(ledger, [bare._replace(capital=Money(5))])
    assert ledger.capital_said(PPO) == (True, True), "what it was told first does not count"
    ledger.append_marks([Mark(PPO, NOW, Money(0), 1, Money(5))], known_at=NOW)
    assert ledger.capital_said(PPO) == (True, True)
    ledger.append_marks([Mark(PPO, NOW - MICROSECOND, Money(0), 1)], known_at=NOW)
    assert ledger.capital_said(PPO) == (True, False)


def test_a_trade_from_the_future_waits_in_quarantine_until_its_time(ledger: Ledger) -> None:
    register(ledger, PPO)
    limit = NOW + timedelta(seconds=60)
    edge, beyond = trade("edge", closed_at=limit), trade("beyond", closed_at=limit + MICROSECOND)
    assert ingest(ledger, [edge, beyond]) == Counts(1, 0, 0, 1)
    assert [q.trade_id for q in ledger.quarantined()] == ["beyond"]
    assert ingest(ledger, [beyond]).new == 0
    assert len(ledger.quarantined()) == 1
    assert ingest(ledger, [beyond], now=limit).new == 1
    assert ledger.quarantined() == []


def test_a_correction_from_the_future_is_shown_in_quarantine(ledger: Ledger) -> None:
    register(ledger, PPO)
    ingest(ledger, [trade("1")])
    ingest(ledger, [trade("1", closed_at=NOW + timedelta(days=1))])
    assert [q.trade_id for q in ledger.quarantined()] == ["1"]


@pytest.mark.parametrize("content", ["the same", "another"])
def test_a_mark_and_an_observation_from_the_future_wait_in_quarantine_until_their_time(
    ledger: Ledger, content: str
) -> None:
    register(ledger, PPO)
    limit = NOW + timedelta(seconds=60)
    mark, gauge = Mark(PPO, limit, Money(-7), 1), Observation("account_balance", 5e3, limit)
    for fact in (mark, gauge):
        assert append(ledger, fact) == 1
    beyond = limit + MICROSECOND
    marks, gauges = list(ledger.marks()), list(ledger.observations())
    late = (mark._replace(marked_at=beyond, account="second"), gauge._replace(observed_at=beyond))
    for _ in range(2):  # told twice, they are kept once
        for fact in late:
            assert append(ledger, fact) == 0
    assert (list(ledger.marks()), list(ledger.observations())) == (marks, gauges)
    assert ledger.positions() == (0, 1, 1, 0)
    apart = ledger.quarantined_facts()
    assert [(one.kind, one.policy, one.name, one.at) for one in apart] == [
        ("mark", PPO, "second", beyond), ("observation", "", "account_balance", beyond)
    ]  # fmt: skip
    assert {one.reason for one in apart} == {"more than 60 s in the future"}
    now_mark, now_gauge = late
    if content == "another":
        now_mark = now_mark._replace(unrealised=Money(-9))
        now_gauge = now_gauge._replace(number=4e3)
    assert ledger.append_marks([now_mark], known_at=limit) == 1
    assert [one.kind for one in ledger.quarantined_facts()] == ["observation"]
    assert ledger.append_observations([now_gauge], known_at=limit) == 1
    assert ledger.quarantined_facts() == []


def test_what_a_bot_told_of_the_future_is_kept_whole(ledger: Ledger) -> None:
    register(ledger, PPO)
    tomorrow = NOW + timedelta(days=1)
    one = Observation("gpu_util_pct", 80.5, tomorrow, PPO, samples=3)
    for fact in (one, one._replace(number=70.0)):
        assert append(ledger, fact) == 0
    with ledger._engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT content FROM quarantined_facts ORDER BY id"))
        told = [json.loads(content) for content in rows.scalars()]
    assert [row["number"] for row in told] == [80.5, 70.0]
    assert (told[0]["samples"], told[0]["policy"]) == (3, PPO)


def test_what_is_from_the_future_and_no_fact_at_all_is_refused(ledger: Ledger) -> None:
    tomorrow = NOW + timedelta(days=1)
    for fact, code in (
        (Mark("gone", tomorrow, Money(1), 1), "POLICY_UNKNOWN"),
        (Observation("gpu_util_pct", float("nan"), tomorrow), "OBSERVATION_INVALID"),
    ):
        with pytest.raises(TiltyardError, match=code):
            append(ledger, fact)
    assert ledger.quarantined_facts() == []


def test_a_trade_twice_in_one_file_is_a_fault_that_names_the_first_row(ledger: Ledger) -> None:
    (fault,) = texts(ledger, [(2, trade("1"), False), (7, trade("1"), False)])
    assert "row 2" in fault
    assert "row 7, column trade_id" in fault


def test_a_revision_the_ledger_holds_with_other_content_is_a_fault(ledger: Ledger) -> None:
    register(ledger, PPO)
    ingest(ledger, [trade("1")], explicit=True)
    assert texts(ledger, [(2, trade("1"), True)]) == []
    (fault,) = texts(ledger, [(2, trade("1", pnl=Money(8)), True)])
    assert "row 2, column revision" in fault


@pytest.mark.parametrize(
    ("fields", "guessed", "explicit", "refused"),
    [
        ({"symbol": "ETH/USDT"}, True, False, True),
        ({"side": "short"}, True, False, True),
        ({"opened_at": NOW - timedelta(days=1)}, True, False, True),
        ({"pnl": Money(7), "closed_at": NOW, "quantity": "2"}, True, False, False),
        ({"symbol": "ETH/USDT"}, False, False, False),
        ({"symbol": "ETH/USDT", "revision": 3}, True, True, False),
    ],
)
def test_a_trade_changes_what_it_is_only_where_its_source_or_its_revision_is_said(
    ledger: Ledger, fields: dict[str, object], *, guessed: bool, explicit: bool, refused: bool
) -> None:
    register(ledger, PPO)
    ingest(ledger, [trade("1", symbol="SOL/USDT"), trade("2")])
    ingest(ledger, [trade("1")])
    other = trade("1")._replace(**fields)  # type: ignore[arg-type] # fields of a trade
    with ledger.staging(named_after_file=guessed) as staging:
        staging.add([(1, trade("2"), False), (2, other, explicit)])
        found = staging.faults()
        assert list(found) == ([2] if refused else [])
        if refused:
            (fault,) = found[2]
            told = "the ledger has '1' of 'bot' as long BTC/USDT, opened 2025-07-07T21:30:00Z;"
            assert fault.message.startswith(told)
            assert fault.message.endswith("needs a source of its own: --source NAME")
            with pytest.raises(TiltyardError, match="TRADES_FAULTY"):
                staging.commit(now=NOW, known_at=NOW)
        else:
            assert staging.commit(now=NOW, known_at=NOW) == Counts(0, 1, 1, 0)
    (kept,) = (one for one in stored(ledger) if one.trade_id == "1")
    assert kept == (trade("1")._replace(revision=2) if refused else other._replace(revision=3))


def test_another_trade_that_somebody_wrote_under_its_name_meanwhile_is_found_at_the_end(
    ledger: Ledger, ledger_url: str
) -> None:
    register(ledger, PPO)
    with (
        ledger.staging(named_after_file=True) as staging,
        Ledger.open(ledger_url) as other,
    ):
        staging.add([(1, trade("1"), False)])
        assert staging.faults() == {}
        ingest(other, [trade("1", symbol="ETH/USDT")])
        with pytest.raises(TiltyardError, match="TRADES_FAULTY"):
            staging.commit(now=NOW, known_at=NOW)
    assert [one.symbol for one in stored(ledger)] == ["ETH/USDT"]


@pytest.mark.parametrize("fields", [{"account": "second"}, {"currency": "EUR"}])
def test_a_policy_stays_in_one_account_and_currency(ledger: Ledger, fields: dict[str, str]) -> None:
    other = trade("2")._replace(**fields)  # type: ignore[arg-type] # account or currency
    assert len(texts(ledger, [(2, trade("1"), False), (3, other, False)])) == 1
    register(ledger, PPO)
    ingest(ledger, [trade("1")])
    assert len(texts(ledger, [(2, other, False)])) == 1


def test_trades_of_an_unregistered_policy_are_refused_not_dropped(ledger: Ledger) -> None:
    with pytest.raises(TiltyardError) as caught:
        ingest(ledger, [trade("1")])
    assert caught.value.code == "POLICY_UNKNOWN"
    assert stored(ledger) == []


def test_the_same_trade_with_and_without_a_revision_is_a_fault(ledger: Ledger) -> None:
    assert len(texts(ledger, [(2, trade("1"), True), (3, trade("1"), False)])) == 1


def test_a_conflicting_revision_is_refused_in_plain_words_at_commit(ledger: Ledger) -> None:
    register(ledger, PPO)
    ingest(ledger, [trade("1")], explicit=True)
    with pytest.raises(TiltyardError):
        ingest(ledger, [trade("1", pnl=Money(8))], explicit=True)


def test_nothing_staged_is_seen_before_its_commit(ledger: Ledger) -> None:
    register(ledger, PPO)
    with ledger.staging() as staging:
        staging.add([(2, trade(), False)])
        assert stored(ledger) == []


def test_marks_decisions_and_observations_are_kept_once_and_in_time_order(ledger: Ledger) -> None:
    register(ledger, PPO)
    early, late = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
    marks = [Mark(PPO, at, Money(-LARGEST), 1, Money(LARGEST)) for at in (late, early)]
    gauges = [Observation("encoder_kl_divergence", 0.1, at) for at in (late, early)]
    routed = [Decision(str(at), "BTC", PPO, 0.1, 1, at, 0, 5) for at in (late, early)]
    for expected in (2, 0):
        assert ledger.append_marks(marks, known_at=NOW) == expected
        assert ledger.append_observations(gauges, known_at=NOW) == expected
        assert ledger.append_decisions(routed, known_at=NOW) == expected
    assert [mark._replace(seq=0) for mark in ledger.marks()] == marks[::-1]
    assert [gauge._replace(seq=0) for gauge in ledger.observations()] == gauges[::-1]
    assert [choice._replace(seq=0) for choice in ledger.decisions()] == routed[::-1]


def test_the_last_mark_says_what_is_left_of_its_positions(ledger: Ledger) -> None:
    register(ledger, PPO, NET)
    marked = NOW - timedelta(hours=1)
    opened, hour = marked - timedelta(minutes=1), timedelta(hours=1)
    mark = Mark(PPO, marked, Money(-5), 3)
    others = [mark._replace(marked_at=marked - hour, open_positions=9),
              Mark(NET, marked, Money(0), 0)]  # fmt: skip
    ledger.append_marks([mark, *others], known_at=NOW)

    def left() -> tuple[int, bool]:
        last = ledger.last_marks()
        assert set(last) == {PPO, NET}
        assert last[PPO].mark._replace(seq=0) == mark
        assert last[NET][1:] == (0, False)
        panel = Panel()
        for fact in facts_in_order(ledger):
            take_in(panel, fact)
        assert panel.last_marks() == last, "as a desk counts them"
        return last[PPO].left, last[PPO].traded_since

    before = trade("before", opened_at=opened, closed_at=marked)
    ingest(ledger, [before, trade("shadow", opened_at=opened, closed_at=NOW, book="shadow")])
    assert left() == (3, False)
    ingest(ledger, [trade("later", opened_at=marked + MICROSECOND, closed_at=NOW)])
    assert left() == (3, True)
    ingest(ledger, [trade("1", opened_at=marked, closed_at=marked + MICROSECOND)])
    assert left() == (2, True)
    ingest(ledger, [trade("1", opened_at=marked, closed_at=NOW)])
    assert left() == (2, True), "a correction closes it once"
    ingest(ledger, [trade(str(n), opened_at=opened, closed_at=NOW) for n in range(2, 6)])
    assert left() == (0, True)


def test_what_is_recorded_is_not_told_otherwise_later(ledger: Ledger) -> None:
    register(ledger, PPO)
    mark, gauge = Mark(PPO, NOW, Money(5), 1), Observation("gpu_util_pct", 80.0, NOW)
    routed = Decision("e1", "BTC", PPO, 0.1, 1, NOW, 0, 5)
    ledger.append_marks([mark], known_at=NOW)
    ledger.append_observations([gauge], known_at=NOW)
    ledger.append_decisions([routed], known_at=NOW)
    other = gauge._replace(observed_at=NOW - MICROSECOND)
    later = NOW + MICROSECOND
    with pytest.raises(TiltyardError, match=r"FACT_DIFFERS marks.* holds unrealised 5"):
        ledger.append_marks([mark._replace(unrealised=Money(6))], known_at=later)
    with pytest.raises(TiltyardError, match=r"FACT_DIFFERS observations.* told 81"):
        ledger.append_observations([other, gauge._replace(number=81.0)], known_at=later)
    with pytest.raises(TiltyardError, match=r"FACT_DIFFERS decisions.* propensity 0.1"):
        ledger.append_decisions([routed._replace(propensity=0.2)], known_at=later)
    assert [kept._replace(seq=0) for kept in ledger.observations()] == [gauge]


def test_a_change_is_made_on_what_others_have_written_meanwhile(
    ledger: Ledger, ledger_url: str
) -> None:
    register(ledger, PPO)
    stale = ledger.roster()
    with Ledger.open(ledger_url) as other:
        other.change_roster(lambda roster: (roster.with_arm(arm(NET)), [{"n": 1}]), at=NOW)
    assert NET not in stale.arms
    ledger.change_roster(lambda roster: (roster.with_arm(arm(FLOOR)), [{"n": 2}]), at=NOW)
    assert set(ledger.roster().arms) == {PPO, NET, FLOOR}
    assert broken_link(chain_of(ledger)) is None


def test_many_who_write_at_once_queue_and_nobodys_change_is_lost(
    ledger: Ledger, ledger_url: str
) -> None:
    register(ledger, PPO)

    def raise_share(_: int) -> None:
        with Ledger.open(ledger_url, busy_timeout_ms=60_000) as mine:
            for _ in range(10):
                mine.change_roster(
                    lambda old: (old.with_arm(arm(PPO, old.arms[PPO].share + 1)), [{"n": 1}]),
                    at=NOW,
                )

    with ThreadPoolExecutor(4) as people:
        list(people.map(raise_share, range(4)))
    assert ledger.roster().arms[PPO].share == pytest.approx(40.1)
    assert len(chain_of(ledger)) == 41
    assert broken_link(chain_of(ledger)) is None


def test_a_transaction_that_fails_has_written_nothing_of_what_it_did(ledger: Ledger) -> None:
    before = ledger.audit_head()
    with (
        ledger.staging() as staging,
        contextlib.suppress(TiltyardError),
        ledger.transaction(staging) as inside,
    ):
        register(inside, PPO)
        assert inside.roster().arms
        inside.append_marks([Mark(NET, NOW, Money(5), 1)], known_at=NOW)
        pytest.fail("the mark of a stranger was taken")
    assert (stored(ledger), ledger.roster().arms, ledger.audit_head()) == ([], {}, before)


def test_a_revision_that_somebody_else_wrote_meanwhile_is_found_at_the_end(
    ledger: Ledger, ledger_url: str
) -> None:
    register(ledger, PPO)
    with ledger.staging() as staging, Ledger.open(ledger_url) as other:
        staging.add([(1, trade("1"), True)])
        assert staging.faults() == {}
        ingest(other, [trade("1", pnl=Money(8))], explicit=True)
        with pytest.raises(TiltyardError, match="TRADES_FAULTY"):
            staging.commit(now=NOW, known_at=NOW)


def full_roster() -> Roster:
    ppo = replace(
        arm(PPO, 1 / 3), capital=Money(LARGEST), trial_started_at=NOW - MICROSECOND,
        throttled_by="pf_30", resumed_at=(NOW - timedelta(days=1), NOW),
    )  # fmt: skip
    champion = replace(arm(NET, 2 / 3), role="champion", state="champion")
    return Roster(
        {NET: champion, PPO: ppo},
        (Review(1, PPO, "pf_30", NOW), Review(2, PPO, "drawdown", NOW, NOW + MICROSECOND)),
        frozenset({"kl", "api"}),
        frozenset({"daily_loss"}),
        frozenset({"account"}),
    )


def test_a_roster_comes_back_as_it_was_saved(ledger: Ledger) -> None:
    ledger.save_roster(full_roster(), [], at=NOW)
    assert ledger.roster() == full_roster()
    assert list(ledger.roster().arms) == [NET, PPO]


def test_a_question_that_is_settled_is_kept_and_out_of_the_way(ledger: Ledger) -> None:
    settled = tuple(Review(number, PPO, "pf_30", NOW, NOW) for number in range(1, 4))
    asked = Review(4, PPO, "drift", NOW, advisory=True)
    open_one = Review(5, NET, "drawdown", NOW)
    closed = Proposal(1, "promotion", PPO, NOW, "why", NOW, "withdrawn")
    waits = Proposal(2, "rollback", NET, NOW, "why")
    every = replace(full_roster(), reviews=(*settled, asked, open_one), proposals=(closed, waits))
    ledger.save_roster(every, [], at=NOW)
    with ledger.transaction() as inside:
        matter = inside.roster_to_change(at=NOW)
        # by the last of ppo's own it is known when its traffic was taken
        assert matter.reviews == (settled[-1], asked, open_one)
        assert matter.proposals == (waits,)
        seen = replace(open_one, acknowledged_at=NOW)
        new = Review(6, PPO, "pf_30", NOW)
        inside.save_roster(replace(matter, reviews=(settled[-1], asked, seen, new)), [], at=NOW)
    assert ledger.roster().reviews == (*settled, asked, seen, new)
    assert ledger.roster().proposals == every.proposals
    with ledger.transaction() as inside:
        assert inside.roster_to_change(at=NOW).last_proposal == 2
        expired = replace(waits, closed_at=NOW, outcome="expired")
        inside.save_roster(
            replace(inside.roster_to_change(at=NOW), proposals=(expired,)), [], at=NOW
        )
    with ledger.transaction() as inside:
        assert inside.roster_to_change(at=NOW).last_proposal == 2  # the newest gives the number


def test_only_an_arm_that_changed_gets_a_higher_revision(ledger: Ledger) -> None:
    register(ledger, PPO, NET)
    roster = ledger.roster()
    ledger.save_roster(replace(roster, arms={**roster.arms, PPO: arm(PPO, 0.2)}), [], at=NOW)
    with ledger._engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT revision FROM bandit_arms ORDER BY policy_id"))
        assert list(rows.scalars()) == [2, 1]


def test_a_roster_that_cannot_be_audited_is_not_saved_either(ledger: Ledger) -> None:
    register(ledger, PPO)
    before, head = ledger.roster(), ledger.audit_head()
    events: list[dict[str, object]] = [{"event": "scale"}, {"event": object()}]
    with pytest.raises(TypeError):
        ledger.save_roster(Roster({PPO: arm(PPO, 0.5)}), events, at=NOW)
    assert ledger.roster() == before
    assert ledger.audit_head() == head


def chain_of(ledger: Ledger) -> list[tuple[str, str, str]]:
    return [(row.previous, row.body, row.hash) for row in ledger.audit()]


def test_every_audit_row_is_chained_to_the_one_before(ledger: Ledger) -> None:
    assert ledger.audit_head() == GENESIS
    for share in (0.1, 0.2, 0.3):
        event = {"event": "scale", "share": share, "at": NOW}
        ledger.save_roster(Roster({PPO: arm(PPO, share)}), [event, event], at=NOW)
    assert len(chain_of(ledger)) == 6
    assert broken_link(chain_of(ledger)) is None
    assert ledger.audit_head() == chain_of(ledger)[-1][2]


@pytest.mark.parametrize(
    "tamper",
    [
        """UPDATE audit SET body = '{"event":"nothing"}' WHERE seq = 2""",
        "DELETE FROM audit WHERE seq = 2",
    ],
)
def test_a_changed_or_removed_audit_row_breaks_the_chain_there(ledger: Ledger, tamper: str) -> None:
    for share in (0.1, 0.2, 0.3):
        ledger.save_roster(Roster({PPO: arm(PPO, share)}), [{"share": share}], at=NOW)
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql(tamper)
    assert broken_link(chain_of(ledger)) == 1


@pytest.mark.parametrize(
    ("pf_150", "dd_150", "after"),
    [(2.2, 3.0, 0.15), (2.0, 3.0, 0.1), (2.2, 3.1, 0.1), (None, None, 0.1)],
)
def test_the_users_own_sql_runs_as_it_stands(
    ledger: Ledger, pf_150: float | None, dd_150: float | None, after: float
) -> None:
    register(ledger, PPO)
    columns = ArmColumns(1.9, pf_150, 2.1, dd_150, 160, 90, 12.5)
    ledger.set_metrics({PPO: columns}, at=NOW)
    with ledger._engine.begin() as connection:
        connection.execute(sa.text(USERS_SQL))
    assert ledger.roster().arms[PPO].share == pytest.approx(after)


def test_the_view_shows_the_highest_revision_of_each_trade(ledger: Ledger) -> None:
    register(ledger, PPO)
    ingest(ledger, FACTS, explicit=True)
    with ledger._engine.connect() as connection:
        query = sa.text("SELECT trade_id, revision FROM current_trades ORDER BY trade_id")
        assert connection.execute(query).all() == [("a", 3), ("b", 3), ("c", 3)]


def test_the_migrations_arrive_at_the_tables(ledger: Ledger) -> None:
    with ledger._engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


def test_an_empty_database_is_outdated(empty_url: str) -> None:
    assert code_of_opening(empty_url) == "DATABASE_OUTDATED"


def test_the_database_of_other_software_is_left_alone(empty_url: str) -> None:
    engine = sa.create_engine(database_url(empty_url))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE orders (id INTEGER)")
    assert code_of_opening(empty_url) == "DATABASE_FOREIGN"
    assert code_of_opening(empty_url, create=True) == "DATABASE_FOREIGN"
    assert sa.inspect(engine).get_table_names() == ["orders"]
    engine.dispose()


def test_a_database_that_somebody_else_is_writing_is_locked(
    ledger: Ledger, ledger_url: str
) -> None:
    register(ledger, PPO)
    with (
        Ledger.open(ledger_url, busy_timeout_ms=0) as impatient,
        ledger.transaction(),
        pytest.raises(TiltyardError) as caught,
    ):
        ingest(impatient, [trade()])
    assert caught.value.code == "DATABASE_LOCKED"
    assert ingest(ledger, [trade()]).new == 1


def test_a_database_of_a_later_version_is_newer(ledger: Ledger, ledger_url: str) -> None:
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert code_of_opening(ledger_url) == "DATABASE_NEWER"


CHILD = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
import sqlalchemy as sa
from tiltyard.facts.trade import Trade
from tiltyard.shell.store.engine import database_url
from tiltyard.shell.store.ledger import Ledger

url, fatal = sys.argv[1:3]
now = datetime(2025, 7, 8, tzinfo=UTC)
closed = now - timedelta(hours=1)
ledger = Ledger.open(url)

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def after(connection, cursor, statement, *_):
    if statement.startswith(fatal):
        die()

with ledger.staging() as staging:
    staging.add([
        (n, Trade("bot", str(n), sys.argv[3], "BTC", "long", closed, closed, 1), False)
        for n in range(3000)
    ])
    sa.event.listen(ledger._engine, "after_cursor_execute", after)
    if fatal == "COMMIT":
        sa.event.listen(ledger._engine, "commit", die)
    staging.commit(now=now, known_at=now)
"""


@pytest.mark.parametrize("fatal", ["INSERT INTO trades", "UPDATE policies", "COMMIT"])
def test_a_killed_commit_leaves_nothing_behind(ledger: Ledger, ledger_url: str, fatal: str) -> None:
    register(ledger, PPO)
    before = ledger.audit_head()
    killed = subprocess.run([sys.executable, "-c", CHILD, ledger_url, fatal, PPO], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert stored(ledger) == []
    assert ledger.audit_head() == before
    assert ingest(ledger, [trade("again")]) == Counts(1, 0, 0, 0)
