"""The running desk: what it does with what comes in, and what it remembers."""

import sqlite3
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from live_desks import (
    DAY,
    KEYS,
    MINUTE,
    NOON,
    SETTINGS,
    append,
    asked,
    audited,
    desk_on,
    fall,
    good,
    good_ledger,
    kinds,
)
from records import BOT, CAPITAL, CHAMPION, START, ledger_of, trade
from tiltyard.actions.record import Event
from tiltyard.checklist.defaults import DEFAULT_TEXT
from tiltyard.checklist.parse import parse_checklist
from tiltyard.facts.arm import FLAT, Arm, Roster, State
from tiltyard.facts.command import Command, Outcome, Verb
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import money
from tiltyard.kernel.undefined import Value
from tiltyard.shell.commanding import Times, ask, carry_out, give_back, take
from tiltyard.shell.effects.announce import Announcing, shares_taken
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.metric_columns import metric_columns
from tiltyard.shell.registration import Registration, register
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.settings import AccountSettings, Settings, load
from tiltyard.shell.store.command_table import append_command, outcome_of, pending_commands
from tiltyard.shell.store.lease import read_lease
from tiltyard.shell.store.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with good_ledger(tmp_path / "tiltyard.db") as opened:
        yield opened


def test_a_first_desk_takes_the_past_as_read_and_judges_what_it_adds_up_to(
    tmp_path: Path,
) -> None:
    with (
        ledger_of(tmp_path / "a.db", [*good(40), fall(), *good(40, CHAMPION)]) as ledger,
        desk_on(ledger, NOON) as desk,
    ):
        written = desk.step(NOON)
        assert "halt" in kinds(written)
        assert desk.roster.arms[BOT].state == "halted"
        assert ledger.roster().arms[BOT].state == "halted"


def test_a_trade_that_breaches_halts_in_the_step_that_sees_it(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        assert desk.step(NOON) == []
        append(ledger, [fall()], NOON)
        (halt,) = desk.step(NOON + MINUTE)
        assert halt["event"] == "halt"
        assert halt["at"] == NOON + MINUTE
        assert "what is open is not known" in halt["open"]
        assert ledger.roster().champion().share == 1.0
        assert desk.step(NOON + 2 * MINUTE) == []
    verify(ledger, SETTINGS, NOON + 2 * MINUTE)


def test_a_breach_is_acted_on_once_whoever_judges_it(ledger: Ledger) -> None:
    append(ledger, [trade(BOT, 700 + n, -1) for n in range(6)], NOON)
    for minutes in range(4):
        with desk_on(ledger, NOON + minutes * MINUTE) as desk:
            desk.step(NOON + minutes * MINUTE)
            desk.step(NOON + (minutes + 0.5) * MINUTE)
    reviews = audited(ledger, "review")
    assert [review["cause"] for review in reviews] == ["consecutive_losses_high"]
    assert [review.advisory for review in ledger.roster().reviews] == [True]


def test_what_was_only_observed_is_acted_on_when_it_is_enforced(ledger: Ledger) -> None:
    append(ledger, [fall()], NOON)
    with desk_on(ledger, NOON, observe=True) as desk:
        assert {event["mode"] for event in desk.step(NOON)} == {"observe"}
        assert desk.step(NOON + MINUTE) == []
    assert ledger.roster().arms[BOT].state == "live"
    with desk_on(ledger, NOON + 2 * MINUTE) as desk:
        desk.step(NOON + 2 * MINUTE)
        desk.step(NOON + 3 * MINUTE)
    assert ledger.roster().arms[BOT].state == "halted"


@pytest.mark.parametrize(
    ("hours", "is_far"),
    [(390.5, False), (0.5, True)],
    ids=["among the last trades", "far back"],
)
def test_a_late_trade_and_a_correction_have_their_place(
    ledger: Ledger, hours: float, *, is_far: bool
) -> None:
    def steps(minutes: int) -> list[Event]:
        """What lies far back is read again after a step, and judged in the next."""
        done = desk.step(NOON + minutes * MINUTE)
        assert desk.is_behind == is_far
        if is_far:
            done += desk.step(NOON + (minutes + 0.1) * MINUTE)
        assert not desk.is_behind
        assert ledger.metrics() == metric_columns(ledger, SETTINGS, NOON + minutes * MINUTE)
        return done

    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        late = trade(BOT, hours, -1)
        append(ledger, [late], NOON)
        assert steps(1) == []
        append(ledger, [late._replace(pnl=money(-5_000))], NOON + MINUTE)
        assert kinds(steps(2)) == ["halt"]
        append(ledger, [late._replace(pnl=money(-1))], NOON + 2 * MINUTE)
        assert steps(3) == []  # a correction lifts no latch
        assert ledger.roster().arms[BOT].state == "halted"
    verify(ledger, SETTINGS, NOON + 3 * MINUTE)


def test_a_trade_that_was_corrected_before_anybody_saw_it_is_news(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        append(ledger, [fall(percent=50)], NOON)
        append(ledger, [fall(percent=0.01)], NOON)
        assert desk.step(NOON + MINUTE) == []
        assert ledger.metrics() == metric_columns(ledger, SETTINGS, NOON + MINUTE)


def test_a_desk_killed_before_it_judged_what_it_read_again_halts_all_the_same(
    ledger: Ledger,
) -> None:
    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        append(ledger, [trade(BOT, 0.5, -5_000)], NOON)
        assert desk.step(NOON + MINUTE) == []
        assert desk.is_behind
    with desk_on(ledger, NOON + 2 * MINUTE) as another:
        assert kinds(another.step(NOON + 2 * MINUTE)) == ["halt"]


def test_a_late_mark_measures_its_arm_anew(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        ledger.append_marks([Mark(BOT, NOON, money(-10), 1)], known_at=NOON)
        assert desk.step(NOON + MINUTE) == []
        earlier = Mark(BOT, NOON - MINUTE, money(-5_000), 1)
        ledger.append_marks([earlier], known_at=NOON)
        assert kinds(desk.step(NOON + 2 * MINUTE)) == ["halt"]


def test_a_desk_that_goes_on_measures_what_the_one_before_did(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
    more = [*good(30, first=400), *good(30, CHAMPION, first=400)]
    append(ledger, more, NOON)
    with desk_on(ledger, NOON + MINUTE) as desk:
        desk.step(NOON + MINUTE)
        assert ledger.metrics() == metric_columns(ledger, SETTINGS, NOON + MINUTE)
    assert ledger.metrics()[BOT].total_trades == 230


def test_a_night_multiplies_once_and_a_first_desk_waits_for_its_night(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        assert "scale" not in kinds(desk.step(NOON))
        assert "scale" not in kinds(desk.step(NOON + timedelta(hours=13, minutes=59)))
        assert "scale" in kinds(desk.step(NOON + timedelta(hours=14)))
        assert "scale" not in kinds(desk.step(NOON + timedelta(hours=15)))
        assert ledger.roster().arms[BOT].share == 0.15
        done = asked(ledger, desk, "scale", "", NOON + timedelta(hours=16))
        assert "multiplied on this trading day already" in done.text
    for days in (4, 4.1):  # three nights were missed: they are not made up
        with desk_on(ledger, NOON + days * DAY) as desk:
            desk.step(NOON + days * DAY)
    assert ledger.roster().arms[BOT].share == 0.225


NIGHT = NOON + timedelta(hours=14)
FULL = TiltyardError("DATABASE_FULL", "disk", "no space")


def test_a_share_that_grew_while_the_clock_was_a_year_ahead_may_grow_again(ledger: Ledger) -> None:
    night, year = NOON + timedelta(hours=14), timedelta(days=365)
    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        assert "scale" in kinds(desk.step(NOON + year))
        assert ledger.roster().arms[BOT].scaled_at == NOON + year
        desk.step(NOON + MINUTE)
        assert "scale" in kinds(desk.step(night))
        assert ledger.roster().arms[BOT].share == 0.225
        done = asked(ledger, desk, "scale", "", night + MINUTE)
        assert "multiplied on this trading day already" in done.text
        assert "scale" in kinds(desk.step(night + DAY))
    verify(ledger, SETTINGS, night + DAY)


def test_a_clock_set_back_over_the_border_of_the_day_multiplies_no_second_time(
    ledger: Ledger,
) -> None:
    night = NOON + timedelta(hours=14)
    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        assert "scale" in kinds(desk.step(night + timedelta(hours=1)))
        for hours in (-3, -2, -1, 0, 1, 2, 23):
            at = night + timedelta(hours=hours)
            assert "scale" not in kinds(desk.step(at))
            asked(ledger, desk, "scale", "", at)
        assert ledger.roster().arms[BOT].share == 0.15
        assert "scale" in kinds(desk.step(night + DAY))


class Disk:
    """One that is full at the end of a step for as long as it is said."""

    is_full = False

    def passes(self, stage: str) -> None:
        if stage == "written" and self.is_full:
            raise FULL


@contextmanager
def desk_on_a_full_disk(ledger: Ledger) -> Iterator[tuple[LiveDesk, Disk]]:
    token, disk = take(ledger, "test", NOON), Disk()
    assert token is not None
    desk = LiveDesk(ledger, SETTINGS, token, on_stage=disk.passes)
    desk.start()
    desk.step(NOON)
    disk.is_full = True
    yield desk, disk
    give_back(ledger, token)


def test_what_grew_and_could_not_be_written_is_taken_back(ledger: Ledger) -> None:
    with desk_on_a_full_disk(ledger) as (desk, disk):
        desk.step(NIGHT)
        assert (desk.trouble, desk.roster.arms[BOT].share) == (FULL, 0.1)
        append(ledger, [fall()], NIGHT)
        desk.step(NIGHT + MINUTE)
        assert desk.shares_alone["shares"] == {CHAMPION: 1.0}
        assert desk.shares_alone["reduce_only"] == [BOT]
        disk.is_full = False
        assert kinds(desk.step(NIGHT + 2 * MINUTE)).count("halt") == 1
        assert ledger.roster().arms[BOT].state == "halted"
    verify(ledger, SETTINGS, NIGHT + 2 * MINUTE)


def test_the_night_that_could_not_be_written_is_run_when_the_database_answers(
    ledger: Ledger,
) -> None:
    with desk_on_a_full_disk(ledger) as (desk, disk):
        for minutes in range(3):
            assert desk.step(NIGHT + minutes * MINUTE) == []
        disk.is_full = False
        assert kinds(desk.step(NIGHT + 3 * MINUTE)).count("scale") == 1
        assert ledger.roster().arms[BOT].share == 0.15
        assert "scale" not in kinds(desk.step(NIGHT + 4 * MINUTE))
    verify(ledger, SETTINGS, NIGHT + 4 * MINUTE)


def test_what_a_person_does_while_growth_is_not_written_stands(ledger: Ledger) -> None:
    with desk_on_a_full_disk(ledger) as (desk, disk):
        desk.step(NIGHT)
        with ledger.transaction() as inside:
            inside.connection.exec_driver_sql(
                "UPDATE bandit_arms SET traffic_allocation = 0.02 "
                "WHERE policy_id = (SELECT id FROM policies WHERE name = 'bot')"
            )
        disk.is_full = False
        desk.step(NIGHT + MINUTE)
        assert ledger.roster().arms[BOT].share == 0.03  # the night multiplies what is there
    verify(ledger, SETTINGS, NIGHT + MINUTE)


def test_a_resume_that_could_not_be_written_is_carried_out_when_it_can(ledger: Ledger) -> None:
    with desk_on(ledger, NOON - 0.5 * MINUTE) as desk:
        assert not asked(ledger, desk, "freeze", "", NOON - 0.5 * MINUTE).refused
    with desk_on_a_full_disk(ledger) as (desk, disk):
        command = Command("lift", "resume", "", "ann", "because", NOON, {})
        with ledger.transaction() as inside:
            seq = append_command(inside.connection, command)
        desk.step(NOON + MINUTE)
        assert desk.shares_alone["shares"] == {CHAMPION: 1.0}
        disk.is_full = False
        assert "unfreeze_challengers" in kinds(desk.step(NOON + 2 * MINUTE))
        with ledger.snapshot() as still:
            assert outcome_of(still.connection, seq) is not None
        assert ledger.roster().arms[BOT].share == 0.1


def test_nobody_is_given_more_before_everything_that_came_in_is_judged(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiltyard.shell.store.news.MOST", 50)
    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        append(ledger, [*good(80, first=200), fall()], NOON)
        assert kinds(desk.step(NIGHT)) == []
        assert desk.is_behind
        assert "scale" not in kinds(desk.step(NIGHT + MINUTE))
        assert ledger.roster().arms[BOT].state == "halted"


def test_scaling_by_hand_puts_no_desk_in_service(tmp_path: Path) -> None:
    before, after = NIGHT - MINUTE, NIGHT + timedelta(hours=10)
    with ledger_of(tmp_path / "a.db", [*good(200), *good(200, CHAMPION)]) as ledger:
        with ledger.transaction() as inside:
            command = Command("by hand", "scale", "", "cron", "", before, {})
            append_command(inside.connection, command)
        token = take(ledger, "cron", before)
        assert token is not None
        carry_out(ledger, SETTINGS, token, before, Announcing())
        give_back(ledger, token)
        share = ledger.roster().arms[BOT].share
        with desk_on(ledger, after) as desk:
            assert "scale" not in kinds(desk.step(after))
        assert ledger.roster().arms[BOT].share == share


def test_the_lease_is_renewed_by_the_time_at_which_a_long_step_ends(ledger: Ledger) -> None:
    token = take(ledger, "test", NOON)
    assert token is not None
    ended = NOON + timedelta(seconds=20)
    desk = LiveDesk(ledger, SETTINGS, token, clock=lambda: ended)
    desk.start()
    desk.step(NOON)
    with ledger.snapshot() as still:
        lease = read_lease(still.connection)
    assert lease is not None
    assert lease.renewed_at == ended


def test_a_database_that_has_lost_what_was_written_ends_the_desk(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        for minutes in range(3):
            desk.step(NOON + minutes * MINUTE)
        with ledger.transaction() as inside:
            inside.connection.exec_driver_sql("UPDATE desk_progress SET step = step - 1")
        with pytest.raises(TiltyardError, match=r"DATABASE_REPLACED .* steps of the desk"):
            desk.step(NOON + 4 * MINUTE)


def test_a_desk_that_can_only_read_notices_that_another_has_taken_over(ledger: Ledger) -> None:
    with desk_on_a_full_disk(ledger) as (desk, _):
        desk.step(NOON + MINUTE)
        assert take(ledger, "another", NOON + 2 * MINUTE) is not None
        with pytest.raises(TiltyardError, match="LEASE_LOST"):
            desk.step(NOON + 3 * MINUTE)


def a_roster(champion: str, *, halted: str = "") -> Roster:
    roster = Roster()
    for name in (FLAT, CHAMPION, BOT):
        state: State = "halted" if name == halted else "live"
        arm = Arm(name, "challenger", state, 0.0, 0.1, 0.6, None, START)
        if name == champion:
            arm = replace(arm, role="champion", state="champion", share=1.0)
        elif name == BOT and not halted:
            arm = replace(arm, share=0.1)
        roster = roster.with_arm(arm)
    return roster


def test_a_promotion_that_is_not_written_is_not_told_and_a_rollback_is() -> None:
    written = a_roster(CHAMPION)
    assert shares_taken(a_roster(BOT), written)["shares"] == {CHAMPION: 0.9, BOT: 0.1}
    fallen = shares_taken(a_roster(FLAT, halted=CHAMPION), written)
    assert (fallen["champion"], fallen["shares"]) == (FLAT, {FLAT: 1.0})


def test_who_has_joined_and_is_not_taken_in_yet_gets_nothing() -> None:
    known = Roster().with_arm(a_roster(CHAMPION).arms[CHAMPION])
    assert shares_taken(known, a_roster(CHAMPION))["shares"] == {CHAMPION: 1.0}


def test_scale_by_name_moves_that_arm_alone(tmp_path: Path) -> None:
    trades = [*good(200), *good(200, "other"), *good(200, CHAMPION)]
    with (
        ledger_of(tmp_path / "a.db", trades, names=(BOT, "other")) as ledger,
        desk_on(ledger, NOON) as desk,
    ):
        desk.step(NOON)
        done = asked(ledger, desk, "scale", "other", NOON + MINUTE)
        assert done.text == "other: 10.0 % to 15.0 %, earned x 1.5"
        shares = {name: arm.share for name, arm in ledger.roster().arms.items()}
        assert shares == {FLAT: 0, CHAMPION: 0.75, BOT: 0.1, "other": 0.15}
        asked(ledger, desk, "scale", "", NOON + 2 * MINUTE)
        assert ledger.roster().arms[BOT].share == 0.15
        assert ledger.roster().arms["other"].share == 0.15


def test_scale_tells_of_challengers_and_of_the_champion_that_it_is_one(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        assert ledger.roster().arms[FLAT].state == "deposed"
        (line,) = asked(ledger, desk, "scale", "", NOON + MINUTE).text.splitlines()
        assert line.startswith(f"{BOT}: 10.0 % to ")
        named = asked(ledger, desk, "scale", FLAT, NOON + 2 * MINUTE).text
        assert named == f"{FLAT}: 0.0 % to 0.0 %, deposed, no traffic"
        share = 100 * ledger.roster().arms[CHAMPION].share
        champion = asked(ledger, desk, "scale", CHAMPION, NOON + 3 * MINUTE).text
        assert champion == f"{CHAMPION}: the champion, it has what is left over: {share:.1f} %"
        asked(ledger, desk, "retire", BOT, NOON + 4 * MINUTE)
        nobody = asked(ledger, desk, "scale", "", NOON + 5 * MINUTE).text
        assert nobody == "there is no challenger"


def test_what_has_grown_as_far_as_it_can_is_proposed_approved_and_kept_for_a_rollback(
    tmp_path: Path,
) -> None:
    trades = [*good(520), *good(520, CHAMPION)]
    with ledger_of(tmp_path / "a.db", trades, share=0.6) as ledger, desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        assert ledger.roster().arms[BOT].share == 0.6
        assert asked(ledger, desk, "approve", BOT, NOON).code == "PROPOSAL_MISSING"
        night = NOON + timedelta(hours=14)
        assert "propose_promotion" in kinds(desk.step(night))
        assert "propose_promotion" not in kinds(desk.step(night + DAY))  # once at a time
        (proposal,) = ledger.roster().proposals
        assert (
            proposal.evidence
            == ("pf_150 3 against pf_prod 3, dd_150 0.00100000000000 % after 520 live trades")
            or "after 520 live trades" in proposal.evidence
        )
        asked(ledger, desk, "freeze", "", night + DAY + MINUTE)
        assert asked(ledger, desk, "approve", BOT, night + DAY + MINUTE).code == "ON_HOLD"
        asked(ledger, desk, "resume", "", night + DAY + 2 * MINUTE)
        done = asked(ledger, desk, "approve", BOT, night + DAY + 3 * MINUTE)
        assert done.text == f"{BOT}: champion, approved by ann; {CHAMPION} is kept as known-good"
        assert ledger.roster().champion().name == BOT
        assert desk.is_behind  # the new champion's past is read outside the transaction
        desk.step(night + DAY + 3 * MINUTE)
        assert ledger.metrics() == metric_columns(ledger, SETTINGS, night + DAY + 3 * MINUTE)
        done = asked(ledger, desk, "rollback", BOT, night + DAY + 4 * MINUTE)
        assert done.text.startswith(f"{CHAMPION}: champion; {BOT} is halted")
        assert ledger.roster().champion().name == CHAMPION
        desk.step(night + DAY + 4 * MINUTE)
        verify(ledger, SETTINGS, night + DAY + 4 * MINUTE)


def test_a_proposal_that_nobody_approves_expires(tmp_path: Path) -> None:
    trades = [*good(520), *good(520, CHAMPION)]
    with ledger_of(tmp_path / "a.db", trades, share=0.6) as ledger, desk_on(ledger, NOON) as desk:
        desk.step(NOON + DAY)
        assert ledger.roster().open_proposal("promotion", BOT) is None
        desk.step(NOON + 2 * DAY)
        assert ledger.roster().open_proposal("promotion", BOT) is not None
        asked(ledger, desk, "freeze", "", NOON + 2 * DAY)  # no further proposal meanwhile
        desk.step(NOON + 3 * DAY)
        assert "expire_proposal" in kinds(desk.step(NOON + 4 * DAY))
        assert asked(ledger, desk, "approve", BOT, NOON + 4 * DAY).code == "PROPOSAL_MISSING"
        assert [one.outcome for one in ledger.roster().proposals] == ["expired"]


def test_silence_takes_the_challengers_traffic_until_a_person_resumes(ledger: Ledger) -> None:
    with desk_on(ledger, NOON, load()) as desk:
        desk.step(NOON)
        assert desk.step(NOON + timedelta(seconds=60)) == []
        (frozen,) = desk.step(NOON + timedelta(seconds=121))
        assert frozen["reason"] == "nothing was judged for 61 s"
        assert ledger.roster().arms[BOT].share == 0
        assert ledger.roster().champion().share == 1.0
        done = asked(ledger, desk, "resume", "", NOON + timedelta(seconds=130), hold="deadman")
        assert done.text == "no longer on hold by deadman"
        assert ledger.roster().arms[BOT].share == 0.1
    with desk_on(ledger, NOON + DAY, load()) as desk:  # a desk that was down was not silent
        assert "freeze_challengers" not in kinds(desk.step(NOON + DAY))


def test_a_halt_says_what_is_open_and_pages_when_it_stays_so(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        held = Mark(BOT, NOON, money(-12.5), 2, currency="USDT", exposure=money(900))
        ledger.append_marks([held], known_at=NOON)
        desk.step(NOON + MINUTE)
        done = asked(ledger, desk, "halt", BOT, NOON + 2 * MINUTE)
        assert done.text == (
            "bot: halted, traffic 10.0 % to 0 %\n  open at 2025-06-02T12:00:00Z: 2 positions, "
            "exposure 900 USDT, unrealised -12.5 USDT; reduce-only, and a page at "
            "2025-06-02T12:32:00Z if any is left"
        )
        assert asked(ledger, desk, "retire", BOT, NOON + 3 * MINUTE).code == "POSITIONS_OPEN"
        pages = [desk.step(NOON + minutes * MINUTE) for minutes in (31, 31.5, 32, 32.5)]
        assert [kinds(events) for events in pages] == [[], [], ["page"], []]
        closed = Mark(BOT, NOON + 33 * MINUTE, money(0), 0)
        ledger.append_marks([closed], known_at=NOON + 33 * MINUTE)
        desk.step(NOON + 33 * MINUTE)
        done = asked(ledger, desk, "retire", BOT, NOON + 33.5 * MINUTE)
        assert done.text == "bot: retired"


def pages(desk: LiveDesk, since: float, until: float) -> list[str]:
    """What a person is paged for while the minutes after noon pass."""
    said = []
    for minutes in range(10 * int(since), 10 * int(until)):
        events = desk.step(NOON + minutes / 10 * MINUTE)
        said += [f"{minutes / 10:g}: {e['reason']}" for e in events if e["event"] == "page"]
    return said


def test_a_person_is_paged_once_when_nobody_says_what_is_open_after_a_halt(
    ledger: Ledger,
) -> None:
    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        asked(ledger, desk, "halt", BOT, NOON)
        unknown = "30: what is open 30 min after the halt is not known: no mark was ever reported"
        assert pages(desk, 1, 40) == [unknown]
        ledger.append_marks([Mark(BOT, NOON + 40 * MINUTE, money(-3), 1)], known_at=NOON + DAY)
        told = "40: 1 position is open 30 min after the halt, by the mark of 2025-06-02T12:40:00Z"
        assert pages(desk, 40, 42) == [told]
    with desk_on(ledger, NOON + 42 * MINUTE) as another:
        assert pages(another, 42, 45) == []


@pytest.mark.parametrize(
    ("marked_at", "positions", "words"),
    [
        (-1, 0, "is not known: the last mark, of 2025-06-02T11:59:00Z, is older than the halt"),
        (-1, 1, "1 position is open 30 min after the halt, by the mark of 2025-06-02T11:59:00Z"),
        (0, 0, ""),
        (5, 0, ""),
        (5, 2, "2 positions are open 30 min after the halt, by the mark of 2025-06-02T12:05:00Z"),
    ],
)
def test_only_a_mark_that_is_no_older_than_the_halt_says_that_nothing_is_open(
    ledger: Ledger, marked_at: int, positions: int, words: str
) -> None:
    with desk_on(ledger, NOON - MINUTE) as desk:
        desk.step(NOON - MINUTE)
        mark = Mark(BOT, NOON + marked_at * MINUTE, money(0), positions)
        if marked_at < 0:
            ledger.append_marks([mark], known_at=NOON)
        asked(ledger, desk, "halt", BOT, NOON)
        if marked_at >= 0:
            ledger.append_marks([mark], known_at=NOON + DAY)
        said = pages(desk, 1, 40)
        assert len(said) == bool(words)
        assert all(words in one for one in said)


def test_a_position_that_has_closed_since_its_mark_is_not_said_to_be_open(ledger: Ledger) -> None:
    hours = (NOON - START) / timedelta(hours=1)
    with desk_on(ledger, NOON) as desk:
        ledger.append_marks([Mark(BOT, NOON, money(-1), 1)], known_at=NOON)
        desk.step(NOON)
        asked(ledger, desk, "halt", BOT, NOON + MINUTE)
        append(ledger, [trade(BOT, hours + 0.1, -1)], NOON + 6 * MINUTE)
        (said,) = pages(desk, 6, 40)
        assert said.endswith("not known: the last mark, of 2025-06-02T12:00:00Z, is older than "
                             "the halt")  # fmt: skip
        ledger.append_marks([Mark(BOT, NOON + 40 * MINUTE, money(0), 0)], known_at=NOON + DAY)
        desk.step(NOON + 41 * MINUTE)
        assert asked(ledger, desk, "retire", BOT, NOON + 42 * MINUTE).text == "bot: retired"


def test_what_a_throttled_arm_has_open_runs_off_and_nobody_is_paged(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        ledger.append_marks([Mark(BOT, NOON, money(-1), 1)], known_at=NOON)
        desk.step(NOON)
        done = asked(ledger, desk, "throttle", BOT, NOON + MINUTE)
        assert done.text.endswith("1 position, exposure not reported, unrealised -1; it runs off")
        assert pages(desk, 2, 60) == []


def test_whoever_acts_without_a_desk_knows_what_is_left_of_a_mark(ledger: Ledger) -> None:
    hours = (NOON - START) / timedelta(hours=1)
    ledger.append_marks([Mark(BOT, NOON, money(-1), 2)], known_at=NOON)
    append(ledger, [trade(BOT, hours + 0.1, -1)], NOON + 6 * MINUTE)
    times = Times(lambda: NOON + 7 * MINUTE, lambda: 0.0, lambda _: None)

    def alone(verb: Verb, reason: str) -> Outcome:
        command = Command(f"key {next(KEYS)}", verb, BOT, "ann", reason, times.now())
        return ask(ledger, SETTINGS, command, times, holder="ann", targets={})

    assert "2 positions, 1 of them left, exposure not reported" in alone("halt", "").text
    assert alone("retire", "closed it by hand").code == "POSITIONS_OPEN"
    append(ledger, [trade(BOT, hours + 0.11, -1)], NOON + 7 * MINUTE)
    assert alone("retire", "").code == "POSITIONS_UNKNOWN"
    assert alone("retire", "closed it by hand").text == "bot: retired"


def account(capital: float) -> Settings:
    return SETTINGS.model_copy(update={"account": AccountSettings(capital=capital)})


def test_a_day_that_loses_too_much_freezes_all_challengers_and_blames_nobody(
    ledger: Ledger,
) -> None:
    settings = account(1_000)
    with desk_on(ledger, START + 20 * DAY, settings) as desk:
        desk.step(START + 20 * DAY)
        append(ledger, [trade(CHAMPION, 480, -35)], START + 20 * DAY)
        at = START + 20 * DAY + MINUTE
        frozen = desk.step(at)[0]  # and a rollback of the champion is proposed
        assert (frozen["event"], frozen["cause"]) == (
            "freeze_challengers", "account_daily_loss_high",
        )  # fmt: skip
        assert ledger.roster().arms[BOT].share == 0
        assert ledger.roster().reviews == ()
        assert asked(ledger, desk, "rearm", BOT, at).text == "bot is on trial already (live)"
        assert asked(ledger, desk, "resume", "", at + MINUTE).code == "HOLD_UNNAMED"
        guard = "account_daily_loss_high"
        done = asked(ledger, desk, "resume", "", at + MINUTE, hold=guard)
        assert done.text == f"no longer on hold by {guard}"
        assert ledger.roster().arms[BOT].share == 0.1
        assert desk.step(at + 2 * MINUTE) == []  # the same day's loss was looked at


def test_a_loss_that_is_told_a_day_later_counts_for_the_day_on_which_it_was_made(
    ledger: Ledger,
) -> None:
    settings = account(1_000)
    with desk_on(ledger, START + 21 * DAY, settings) as desk:
        desk.step(START + 21 * DAY)
        append(ledger, [trade(CHAMPION, 480, -35)], START + 21 * DAY)
        assert "freeze_challengers" in kinds(desk.step(START + 21 * DAY + MINUTE))


def test_a_trade_on_paper_that_is_told_a_day_later_says_nothing_of_the_account(
    ledger: Ledger,
) -> None:
    """The day on which it closed had lost too much, and was over."""
    settings = account(1_000)
    with desk_on(ledger, START + 20 * DAY, settings) as desk:
        desk.step(START + 20 * DAY)
        append(ledger, [trade(CHAMPION, 480, -35)], START + 20 * DAY)
        assert "freeze_challengers" in kinds(desk.step(START + 20 * DAY + MINUTE))
        guard = "account_daily_loss_high"
        asked(ledger, desk, "resume", "", START + 20 * DAY + 2 * MINUTE, hold=guard)
        later = START + 21 * DAY
        assert "freeze_challengers" not in kinds(desk.step(later))
        append(ledger, [trade(BOT, 481, -1)._replace(book="shadow")], later)
        assert "freeze_challengers" not in kinds(desk.step(later + MINUTE))


def test_the_account_of_a_desk_that_goes_on_is_that_of_the_one_before(ledger: Ledger) -> None:
    settings = account(100_000)
    told = [[trade(CHAMPION, 480, -500)], [trade(BOT, 470, 300)], [trade(BOT, 465, -200)],
            [trade(CHAMPION, 480, -400)]]  # fmt: skip
    readings = []
    with desk_on(ledger, NOON, settings) as desk:
        desk.step(NOON)
        for minutes, trades in enumerate(told):
            append(ledger, trades, NOON)
            desk.step(NOON + minutes * MINUTE)
            readings.append(desk._desk.panel.read("account_drawdown_pct", "", NOON).reading)
    with desk_on(ledger, NOON + DAY, settings) as desk:
        readings.append(desk._desk.panel.read("account_drawdown_pct", "", NOON).reading)
    assert readings[-1] == readings[-2]
    assert len(set(map(str, readings))) > 2


def test_a_large_ledger_is_read_without_losing_the_lease(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiltyard.shell.holding.PAUSE_AFTER", 100)
    seconds = iter(range(0, 1000, 10))
    token = take(ledger, "test", NOON)
    assert token is not None
    desk = LiveDesk(ledger, SETTINGS, token, clock=lambda: NOON + timedelta(seconds=next(seconds)))
    desk.start()
    assert take(ledger, "other", NOON + timedelta(seconds=40)) is None
    desk.step(NOON + timedelta(seconds=40))


def test_an_account_that_fell_too_far_stops_entries_and_begins_anew_when_resumed(
    ledger: Ledger,
) -> None:
    settings = account(1_000)
    with desk_on(ledger, NOON, settings) as desk:
        desk.step(NOON)
        append(ledger, [trade(CHAMPION, 480, -90)], NOON)
        at = NOON + MINUTE
        assert "stop_entries" in kinds(desk.step(at))
        assert ledger.roster().entries_stopped_by == {"account_drawdown_high"}
        for guard in sorted(ledger.roster().holds()):
            asked(ledger, desk, "resume", "", at + MINUTE, hold=guard)
        assert ledger.roster().holds() == frozenset()
        assert ledger.roster().account_since == at + MINUTE
        assert "stop_entries" not in kinds(desk.step(at + 2 * MINUTE))
    with desk_on(ledger, at + DAY, settings) as desk:
        assert "stop_entries" not in kinds(desk.step(at + DAY))


def test_what_today_has_lost_counts_on_when_a_stop_of_entries_is_lifted(ledger: Ledger) -> None:
    settings, hours = account(1_000), (NOON - START) / timedelta(hours=1)
    with desk_on(ledger, NOON, settings) as desk:
        desk.step(NOON)
        append(ledger, [trade(CHAMPION, hours - 24 * n, -28) for n in range(4)], NOON)
        desk.step(NOON + MINUTE)
        assert ledger.roster().holds() == {"account_drawdown_high"}
        asked(ledger, desk, "resume", "", NOON + 2 * MINUTE, hold="account_drawdown_high")
        assert ledger.roster().holds() == frozenset()
        append(ledger, [trade(CHAMPION, hours + 0.1, -3)], NOON + 6 * MINUTE)
        assert "freeze_challengers" in kinds(desk.step(NOON + 7 * MINUTE))  # 3.1 % of today
    with desk_on(ledger, NOON + 8 * MINUTE, settings) as desk:
        reading = desk._desk.panel.read("account_daily_loss_pct", "", NOON).reading
        assert reading == Value(3.1, 1)


def test_a_champion_below_its_band_is_proposed_for_a_rollback(tmp_path: Path) -> None:
    bad = [trade(CHAMPION, n, 1 if n % 2 else -1) for n in range(40)]
    with ledger_of(tmp_path / "a.db", [*good(40), *bad]) as ledger, desk_on(ledger, NOON) as desk:
        assert {"propose_rollback", "page"} <= set(kinds(desk.step(NOON)))
        assert ledger.roster().champion().name == CHAMPION
        assert [one.kind for one in ledger.roster().proposals] == ["rollback"]
        asked(ledger, desk, "rollback", CHAMPION, NOON + MINUTE)
        assert ledger.roster().champion().name == FLAT
        assert [one.outcome for one in ledger.roster().proposals] == ["approved"]


def test_a_throttled_arm_earns_its_way_back_by_its_shadow_book(tmp_path: Path) -> None:
    bad = [trade(BOT, 2 * n, 1.1 if n % 2 else -1) for n in range(40)]
    with (
        ledger_of(tmp_path / "a.db", [*bad, *good(40, CHAMPION)]) as ledger,
        desk_on(ledger, NOON) as desk,
    ):
        assert "throttle" in kinds(desk.step(NOON))
        hours = (NOON - START) / timedelta(hours=1)
        shadow = [
            trade(BOT, hours + n, 4 if n % 2 else -1, book="shadow", revision=1)
            for n in range(1, 40)
        ]
        append(ledger, shadow, NOON + 3 * DAY)
        assert "resume" in kinds(desk.step(NOON + 3 * DAY))
        arm = ledger.roster().arms[BOT]
        assert (arm.state, arm.share, arm.trial_started_at) == ("probation", 0.1, NOON + 3 * DAY)
    verify(ledger, SETTINGS, NOON + 3 * DAY)


def test_without_a_desk_whoever_asks_acts_and_the_next_desk_knows(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        append(ledger, [fall()], NOON)
        desk.step(NOON + MINUTE)
    now = NOON + 2 * MINUTE
    times = Times(lambda: now, lambda: 0.0, lambda _: None)

    def alone(verb: Verb, policy: str = "", **said: str) -> Outcome:
        command = Command(f"key {next(KEYS)}", verb, policy, "ann", "", now, said)
        return ask(ledger, SETTINGS, command, times, holder="ann", targets={})

    assert alone("rearm", BOT).code == "REVIEW_OPEN"
    assert not alone("acknowledge", number="1").refused
    assert alone("rearm", BOT).text == "bot: on trial again, traffic 10.0 %"
    later = NOON + timedelta(hours=2)
    with desk_on(ledger, later) as desk:
        desk.step(later)
        append(ledger, [fall(hours=(NOON - START) / timedelta(hours=1) + 1)], later)
        assert kinds(desk.step(later + MINUTE)) == ["halt"]  # the new trial is judged anew
    verify(ledger, SETTINGS, later + MINUTE)


def test_the_same_key_asked_twice_is_one_command(ledger: Ledger) -> None:
    times = Times(lambda: NOON, lambda: 0.0, lambda _: None)
    command = Command("same", "freeze", "", "ann", "", NOON)
    first = ask(ledger, SETTINGS, command, times, holder="ann", targets={})
    again = ask(ledger, SETTINGS, command, times, holder="ann", targets={})
    assert again.text == (
        f"{first.text}\n  so it was answered at 2025-06-02T12:00:00Z, and nothing was done now: "
        "this key was asked before"
    )
    assert len(audited(ledger, "freeze_challengers")) == 1


def test_safety_is_asked_for_as_long_as_a_lock_may_last_and_then_nothing_stands(
    tmp_path: Path, ledger: Ledger
) -> None:
    path = str(tmp_path / "tiltyard.db")
    seconds = [0.0]
    with (
        Ledger.open(path, busy_timeout_ms=0) as impatient,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):

        def wait(some: float) -> None:
            seconds[0] += some
            if seconds[0] > ends_after:
                other.execute("ROLLBACK")

        times = Times(lambda: NOON, lambda: seconds[0], wait)
        command = Command("one", "freeze", "", "ann", "", NOON)
        other.execute("BEGIN IMMEDIATE")
        ends_after = 100.0
        with pytest.raises(
            TiltyardError, match=r"^DATABASE_LOCKED freeze: it is not recorded: .* stop the bots"
        ):
            ask(impatient, SETTINGS, command, times, holder="ann", targets={})
        assert 16 <= seconds[0] < 17
        with ledger.snapshot() as still:
            assert pending_commands(still.connection) == []
        ends_after = seconds[0] + 10
        done = ask(impatient, SETTINGS, command, times, holder="ann", targets={})
        assert done.text.startswith("every challenger: traffic to 0 %")


def test_a_command_that_nobody_answers_stands_and_is_carried_out_later(ledger: Ledger) -> None:
    steady = iter(range(100))
    times = Times(lambda: NOON, lambda: float(next(steady)), lambda _: None)
    with desk_on(ledger, NOON) as desk:
        command = Command("key", "freeze", "", "ann", "", NOON)
        with pytest.raises(TiltyardError, match=r"^COMMAND_WAITING .* as command 1"):
            ask(ledger, SETTINGS, command, times, holder="ann", targets={})
        assert "freeze_challengers" in kinds(desk.step(NOON))


def test_safety_goes_before_everything_else_that_waits(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        with ledger.transaction() as inside:
            for key, verb in (("1", "retire"), ("2", "halt")):
                command = Command(key, verb, BOT, "ann", "its bot is off", NOON)  # type: ignore[arg-type] # verbs
                append_command(inside.connection, command)
        assert kinds(desk.step(NOON + MINUTE)) == ["halt", "retire"]


def test_a_reading_from_the_future_hides_none_of_now(ledger: Ledger) -> None:
    balance = Observation("account_balance", 5_000, NOON + DAY)
    with desk_on(ledger, NOON) as desk:
        ledger.append_observations([balance], known_at=NOON)
        assert desk.step(NOON) == []
        low = balance._replace(number=3, observed_at=NOON + MINUTE)
        ledger.append_observations([low], known_at=NOON + MINUTE)
        assert kinds(desk.step(NOON + MINUTE)) == ["freeze_challengers"]


def test_a_mark_from_the_future_does_not_keep_a_position_valued(ledger: Ledger) -> None:
    ahead = Mark(BOT, NOON + 365 * DAY, money(0), 1)
    with desk_on(ledger, NOON) as desk:
        ledger.append_marks([ahead._replace(marked_at=NOON), ahead], known_at=NOON)
        assert desk.step(NOON) == []
        assert kinds(desk.step(NOON + 30 * MINUTE)) == ["throttle"]


def test_a_clock_that_is_set_back_makes_no_old_mark_fresh(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        ledger.append_marks([Mark(BOT, NOON, money(-100), 1)], known_at=NOON)
        assert desk.step(NOON) == []
        back = NOON - 120 * MINUTE
        assert desk.step(back) == []
        assert desk.step(back + 14 * MINUTE) == []
        assert kinds(desk.step(back + 15 * MINUTE)) == ["throttle"]


def test_a_gauge_that_stays_out_of_sight_is_noticed_by_the_clock_alone(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        ledger.append_observations([Observation("up", 1, NOON)], known_at=NOON)
        assert desk.step(NOON + timedelta(seconds=30)) == []
        assert kinds(desk.step(NOON + timedelta(seconds=85))) == ["page"]


def confirmed_by(confirm: str) -> Settings:
    """Drift throttles when it is confirmed."""
    guard = {"name": "drift", "scope": "arm", "metric": "encoder_kl_divergence", "when": "> 0.3",
             "effect": "throttle", "latch": True, "priority": 1, "confirm": confirm}  # fmt: skip
    defaults = tomllib.loads(DEFAULT_TEXT)["guard"]
    checklist = parse_checklist([*defaults, guard], (), "tiltyard.toml")
    return SETTINGS.model_copy(update={"checklist": checklist})


def test_one_reading_is_one_answer_before_and_after_a_restart(ledger: Ledger) -> None:
    settings, second = confirmed_by("2 of 3"), timedelta(seconds=1)
    drift = Observation("encoder_kl_divergence", 0.5, NOON, BOT)
    gpu = Observation("gpu_util_pct", 5, NOON - MINUTE)  # told later, and measured earlier
    with desk_on(ledger, NOON, settings) as desk:
        for seconds, gauge in enumerate((drift, gpu)):
            ledger.append_observations([gauge], known_at=NOON)
            desk.step(NOON + seconds * second)
    with desk_on(ledger, NOON + MINUTE, settings) as desk:
        assert kinds(desk.step(NOON + MINUTE)) == []
        again = drift._replace(observed_at=NOON + MINUTE)
        ledger.append_observations([again], known_at=NOON + MINUTE)
        assert kinds(desk.step(NOON + MINUTE + second)) == ["throttle"]


def test_a_candidate_joins_when_its_capital_becomes_known(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Ledger.open(str(path), create=True) as ledger:
        roster = Roster()
        for arm in (
            Arm(FLAT, "champion", "champion", 1, 1, 1, None, START, kind=FLAT),
            Arm(BOT, "challenger", "candidate", 0, 0.1, 0, None, START, kind="external"),
        ):
            roster = roster.with_arm(arm)
        ledger.save_roster(roster, [], at=START)
        with desk_on(ledger, NOON) as desk:
            desk.step(NOON)
            append(ledger, [replace_capital(trade(BOT, 1, 1))], NOON)
            assert kinds(desk.step(NOON + MINUTE)) == ["admit"]


def test_capital_that_is_said_later_counts_for_every_trade_before(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        asked(ledger, desk, "register", "new_one", NOON, role="challenger")
        append(ledger, [trade("new_one", 600 + n, -1_000) for n in range(3)], NOON)
        assert kinds(desk.step(NOON + MINUTE)) == []
        said = {"role": "challenger", "capital": "100000"}
        done = asked(ledger, desk, "register", "new_one", NOON + 2 * MINUTE, **said)
        assert done.text == (
            "new_one: challenger, candidate, traffic 0.0 %\n  what it has traded is measured by "
            "that capital first, which takes a step of the desk"
        )
        assert desk.is_behind
        assert kinds(desk.step(NOON + 2.1 * MINUTE)) == ["admit"]
        append(ledger, [trade("new_one", 700 + n, -1_000) for n in range(2)], NOON + 3 * MINUTE)
        assert "halt" in kinds(desk.step(NOON + 3 * MINUTE))
        assert ledger.metrics() == metric_columns(ledger, SETTINGS, NOON + 3 * MINUTE)


def test_a_candidate_with_a_trade_that_names_no_capital_waits_until_somebody_says_it(
    ledger: Ledger,
) -> None:
    with desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        asked(ledger, desk, "register", "new_one", NOON, role="challenger")
        first, second = (trade("new_one", 600 + n, -1) for n in range(2))
        append(ledger, [first, replace_capital(second)], NOON)
        assert kinds(desk.step(NOON + MINUTE)) == []
        append(ledger, [replace_capital(first)], NOON + MINUTE)
        assert kinds(desk.step(NOON + 2 * MINUTE)) == ["admit"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"kind": "trend", "digest": "a" * 64}, ""),
        ({"kind": "tabnet"}, "it is of kind 'trend', and that stays"),
        ({"digest": "b" * 64}, f"its digest is {'a' * 64}, and that stays"),
        ({"share": "0.1"}, "only its capital can still be said"),
    ],
)
def test_whose_capital_is_said_later_stays_what_it_is(
    ledger: Ledger, words: Mapping[str, str], said: str
) -> None:
    with desk_on(ledger, NOON) as desk:
        first = {"role": "challenger", "kind": "trend", "digest": "a" * 64}
        asked(ledger, desk, "register", "new_one", NOON, **first)
        later = {"role": "challenger", "capital": "1000", **words}
        told = asked(ledger, desk, "register", "new_one", NOON + MINUTE, **later)
    if said:
        assert told.code == "POLICY_REGISTERED"
        assert said in told.text
    else:
        assert told.text == "new_one: challenger, probation, traffic 10.0 %"


def test_a_policy_may_join_while_the_desk_runs(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        said = {"role": "challenger", "capital": "1000", "created_at": "2025-06-01T00:00:00Z"}
        done = asked(ledger, desk, "register", "new_one", NOON, **said)
        assert done.text == "new_one: challenger, probation, traffic 10.0 %"
        refused = asked(ledger, desk, "register", "new_one", NOON + MINUTE, **said)
        assert refused.code == "POLICY_REGISTERED"
        append(ledger, [trade("new_one", 300, 1)], NOON + MINUTE)
        desk.step(NOON + 2 * MINUTE)
        assert ledger.metrics()["new_one"].total_trades == 1
    verify(ledger, SETTINGS, NOON + 2 * MINUTE)


def test_who_joined_while_the_database_was_locked_keeps_what_its_trades_said(
    ledger: Ledger, tmp_path: Path
) -> None:
    path = str(tmp_path / "tiltyard.db")
    with Ledger.open(path, busy_timeout_ms=0) as impatient, desk_on(impatient, NOON) as desk:
        desk.step(NOON)
        wanted = Registration("new_one", "challenger", "", CAPITAL, None, NOON)
        ledger.change_roster(
            lambda roster: register(
                roster, wanted, desk._desk.rules, NOON, "ann", lambda arm: arm.capital is not None
            ),
            at=NOON,
        )
        append(ledger, [trade("new_one", 600 + n, -1_000) for n in range(5)], NOON)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            desk.step(NOON + MINUTE)
            assert desk.trouble is not None
            assert "new_one" not in desk.roster.arms
        done = desk.step(NOON + 2 * MINUTE)
        assert desk.is_behind
        done += desk.step(NOON + 2.1 * MINUTE)
        assert [event["policy"] for event in done if event["event"] == "halt"] == ["new_one"]
        assert ledger.metrics() == metric_columns(ledger, SETTINGS, NOON + 3 * MINUTE)


@pytest.mark.parametrize(
    ("verb", "said", "code"),
    [
        ("scale", {}, "POLICY_UNKNOWN"),
        ("halt", {}, "POLICY_UNKNOWN"),
        ("register", {"share": "much"}, "SHARE_INVALID"),
        ("register", {"share": "nan"}, "SHARE_INVALID"),
        ("register", {"capital": "-"}, "MONEY_INVALID"),
        ("register", {"created_at": "yesterday"}, "TIME_INVALID"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_and_the_desk_goes_on(
    ledger: Ledger, verb: Verb, said: dict[str, str], code: str
) -> None:
    with desk_on(ledger, NOON) as desk:
        assert asked(ledger, desk, verb, "nobody", NOON, **said).code == code
        assert desk.step(NOON + MINUTE) == []


def replace_capital(one: Trade) -> Trade:
    return one._replace(capital=CAPITAL)


def test_settings_that_observe_one_guard_leave_the_others_acting(ledger: Ledger) -> None:
    guards = tuple(
        replace(guard, mode="observe") if guard.name == "challenger_drawdown_high" else guard
        for guard in SETTINGS.checklist.guards
    )
    checklist = replace(SETTINGS.checklist, guards=guards)
    settings = SETTINGS.model_copy(update={"checklist": checklist})
    append(ledger, [fall(), *(trade(BOT, 710 + n, -1) for n in range(40))], NOON)
    with desk_on(ledger, NOON, settings) as desk:
        desk.step(NOON)
        desk.step(NOON + MINUTE)
    assert ledger.roster().arms[BOT].state == "throttled"
    assert [event["mode"] for event in audited(ledger, "halt")] == ["observe"]
