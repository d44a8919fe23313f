"""The loop, driven by hand: marks, nights, lost values, holds."""

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tiltyard.checklist.defaults import DEFAULT_TEXT
from tiltyard.checklist.parse import parse_checklist
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Arm, Review, Roster
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import money
from tiltyard.shell.desk import Desk
from tiltyard.shell.settings import AccountSettings, Settings, load

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
CAPITAL = money(1000)


def desk(*, measure_only: bool = False) -> Desk:
    roster = Roster().with_arm(Arm("flat", "champion", "champion", 1, 1, 1, None, NOON))
    arm = Arm("bot", "challenger", "probation", 0.1, 0.1, 0.6, CAPITAL, NOON)
    return Desk(load(), roster.with_arm(arm), measure_only=measure_only)


def trade(minutes: int, pnl: float, *, number: str = "") -> Trade:
    closed = NOON + timedelta(minutes=minutes)
    return Trade(
        "test", number or str(minutes), "bot", "BTC/USDT", "long",
        closed - timedelta(minutes=30), closed, money(pnl),
    )  # fmt: skip


def mark(minutes: int, unrealised: float, positions: int = 1) -> Mark:
    return Mark("bot", NOON + timedelta(minutes=minutes), money(unrealised), positions)


def kinds(actions: list[Action]) -> list[str]:
    return [action.kind for action in actions if action.kind != "skip_scale"]


def test_an_open_loss_before_the_first_close_halts() -> None:
    assert kinds(desk().mark(mark(0, -500))) == ["halt"]


def test_a_stale_mark_does_not_hide_a_loss_that_has_been_taken() -> None:
    floor = desk()
    floor.mark(mark(0, -10))
    assert kinds(floor.feed(trade(29, -200))) == ["halt"]


def test_closing_one_of_two_marked_positions_is_no_fall() -> None:
    floor = desk()
    floor.mark(mark(0, 50, positions=2))
    assert kinds(floor.feed(trade(1, 0.01))) == []
    assert kinds(floor.mark(mark(2, 50))) == []


def test_a_mark_lost_before_the_night_throttles_at_the_night() -> None:
    floor = desk()
    floor.mark(mark(13 * 60, -10, positions=2))  # 01:00
    floor.feed(trade(13 * 60 + 20, 1))  # 01:20, the mark has just gone stale
    done = floor.feed(trade(14 * 60 + 30, 1))  # 02:30, after the night
    assert kinds(done) == ["throttle"]
    assert done[0].at == datetime(2025, 7, 8, 2, tzinfo=UTC)


def test_a_bot_that_is_flat_needs_no_mark() -> None:
    floor = desk()
    floor.mark(mark(13 * 60, -10))  # 01:00, one position
    assert kinds(floor.feed(trade(13 * 60 + 20, 1))) == []  # 01:20, it is closed
    assert kinds(floor.feed(trade(17 * 60, 1))) == []  # 05:00, after the night


def test_a_trade_that_opened_after_the_mark_closes_none_of_its_positions() -> None:
    floor = desk()
    floor.mark(mark(0, -10))
    assert kinds(floor.feed(trade(2, 1)._replace(opened_at=NOON + timedelta(minutes=1)))) == []
    assert kinds(floor.feed(trade(29, 1)._replace(opened_at=NOON + timedelta(minutes=3)))) == []
    assert kinds(floor.tick(NOON + timedelta(minutes=30))) == ["throttle"]


def test_a_trade_that_opened_when_the_mark_was_made_closes_one_of_its_positions() -> None:
    floor = desk()
    floor.mark(mark(0, -10))
    assert kinds(floor.feed(trade(2, 1)._replace(opened_at=NOON))) == []
    assert kinds(floor.tick(NOON + timedelta(minutes=30))) == []


def test_a_first_position_that_is_valued_no_more_is_lost_sight_of() -> None:
    floor = desk()
    assert kinds(floor.mark(mark(0, 10))) == []
    assert kinds(floor.tick(NOON + timedelta(minutes=29))) == []
    assert kinds(floor.tick(NOON + timedelta(minutes=30))) == ["throttle"]


def test_positions_that_are_open_when_a_trial_begins_have_to_be_valued_again() -> None:
    floor = desk()
    floor.mark(mark(0, -10))
    arm = replace(floor.roster.arms["bot"], trial_started_at=NOON + timedelta(hours=3))
    floor.adopt(floor.roster.with_arm(arm))
    assert kinds(floor.tick(NOON + timedelta(hours=3, minutes=29))) == []
    assert kinds(floor.tick(NOON + timedelta(hours=3, minutes=30))) == ["throttle"]


def test_a_drawdown_that_was_lost_stays_lost_however_many_marks_follow() -> None:
    roster = Roster().with_arm(Arm("flat", "champion", "champion", 1, 1, 1, None, NOON))
    arm = Arm("bot", "challenger", "probation", 0.1, 0.1, 0.6, None, NOON)
    floor = Desk(load(), roster.with_arm(arm))
    for minute in range(3):
        floor.feed(trade(minute, 1)._replace(capital=CAPITAL))
    done = [floor.mark(mark(minute, -1)) for minute in range(3, 19)]
    assert [kinds(some) for some in done] == [[]] * 15 + [["throttle"]]


def test_capital_that_stops_being_named_is_a_lost_value_and_throttles() -> None:
    roster = Roster().with_arm(Arm("flat", "champion", "champion", 1, 1, 1, None, NOON))
    arm = Arm("bot", "challenger", "probation", 0.1, 0.1, 0.6, None, NOON)
    floor = Desk(load(), roster.with_arm(arm))
    floor.feed(trade(0, 1)._replace(capital=CAPITAL))
    assert kinds(floor.feed(trade(1, -300))) == []
    assert kinds(floor.feed(trade(17, 1))) == ["throttle"]


def test_an_arm_whose_first_trade_names_no_capital_loses_its_traffic() -> None:
    roster = Roster().with_arm(Arm("flat", "champion", "champion", 1, 1, 1, None, NOON))
    arm = Arm("bot", "challenger", "probation", 0.1, 0.1, 0.6, None, NOON)
    floor = Desk(load(), roster.with_arm(arm), live=True)
    assert kinds(floor.feed(trade(0, 1), NOON)) == []
    sized = trade(14, -10)._replace(capital=CAPITAL)
    assert kinds(floor.feed(sized, NOON + timedelta(minutes=14))) == []
    assert kinds(floor.tick(NOON + timedelta(minutes=15))) == ["throttle"]


def test_a_replay_of_an_arm_that_nobody_sized_goes_on_without_its_drawdown() -> None:
    roster = Roster().with_arm(Arm("flat", "champion", "champion", 1, 1, 1, None, NOON))
    arm = Arm("bot", "challenger", "probation", 0.1, 0.1, 0.6, None, NOON)
    floor = Desk(load(), roster.with_arm(arm))
    assert [kinds(floor.feed(trade(20 * n, 2))) for n in range(4)] == [[]] * 4
    sized = trade(80, 1)._replace(capital=CAPITAL)
    assert kinds(floor.feed(sized)) == ["throttle"], "somebody did, and not always"


def test_a_candidate_waits_until_every_trade_of_its_trial_says_what_it_was_sized_on() -> None:
    roster = Roster().with_arm(Arm("flat", "champion", "champion", 1, 1, 1, None, NOON))
    arm = Arm("bot", "challenger", "candidate", 0, 0.1, 0, None, NOON)
    floor = Desk(load(), roster.with_arm(arm), live=True)
    floor.feed(trade(0, 1), NOON)
    floor.feed(trade(1, 1)._replace(capital=CAPITAL), NOON)
    assert not floor.knows_capital(arm)
    assert kinds(floor.admit(NOON)) == []
    halted = replace(arm, state="halted", throttled_by="person")
    floor.adopt(roster.with_arm(halted))
    assert floor.knows_capital(halted), "it would begin a new trial"


def test_asking_changes_no_answer_and_measuring_does_nothing() -> None:
    floor = desk(measure_only=True)
    for minute in range(40):
        assert floor.feed(trade(minute, -20)) == []
    later = NOON + timedelta(hours=1)
    first = floor.judge_all(later)
    assert floor.judge_all(later) == first
    assert floor.roster.arms["bot"].state == "probation"
    assert "halt" in kinds(floor.next_steps(later))


def test_a_trade_out_of_order_is_refused_and_not_dropped() -> None:
    floor = desk()
    floor.feed(trade(10, 1))
    with pytest.raises(TiltyardError, match="TRADE_OUT_OF_ORDER"):
        floor.feed(trade(5, 1))


def test_an_arm_that_could_not_be_read_again_to_the_end_is_read_again_later() -> None:
    floor = Desk(load(), desk().roster, live=True)
    earning = [trade(n, 4 if n % 2 else -1) for n in range(300)]
    for one in earning:
        floor.feed(one)
    floor.feed(trade(1, -1, number="late"))
    assert floor.behind == {"bot"}
    losing = [trade(n, 1 if n % 2 else -1) for n in range(40)]

    def breaking() -> Iterator[Trade]:
        yield from losing
        raise ConnectionError

    with pytest.raises(ConnectionError):
        floor.measure_again("bot", breaking(), ())
    assert floor.behind == {"bot"}
    assert kinds(floor.tick(NOON + timedelta(days=1))) == []
    floor.measure_again("bot", losing, ())
    assert floor.behind == set()
    assert kinds(floor.tick(NOON + timedelta(days=1))) == ["throttle"]


def test_a_candidate_waits_for_room_and_is_on_trial_from_the_night_on() -> None:
    roster = Roster().with_arm(Arm("flat", "champion", "champion", 1, 1, 1, None, NOON))
    holder = Arm("bot", "challenger", "probation", 0.6, 0.6, 0.6, CAPITAL, NOON)
    blind = Arm("blind", "challenger", "candidate", 0, 0.1, 0, None, NOON)
    waits = Arm("waits", "challenger", "candidate", 0, 0.1, 0, CAPITAL, NOON)
    floor = Desk(load(), roster.with_arm(holder).with_arm(blind).with_arm(waits))
    early = trade(0, 1)._replace(policy="waits")
    assert kinds(floor.feed(early)) == []
    assert floor.panel.arm("waits").lifetime_trades == 0, "nothing of a candidate is live"
    assert kinds(floor.feed(trade(1, -100))) == ["halt"]
    across = trade(24 * 60, 1)._replace(policy="waits", opened_at=NOON)
    assert kinds(floor.feed(across)) == ["admit"]
    arms = floor.roster.arms
    assert (arms["waits"].state, arms["waits"].share) == ("probation", 0.1)
    assert arms["blind"].state == "candidate", "nobody said what equity it has"
    assert floor.panel.arm("waits").lifetime_trades == 0, "it opened before it was admitted"
    floor.feed(trade(24 * 60 + 60, 1)._replace(policy="waits"))
    assert floor.panel.arm("waits").lifetime_trades == 1


def test_an_account_guard_is_judged_once_however_many_arms_there_are() -> None:
    roster = Roster().with_arm(Arm("flat", "champion", "champion", 1, 1, 1, None, NOON))
    for name in ("a", "b", "c"):
        arm = Arm(name, "challenger", "probation", 0.1, 0.1, 0.6, CAPITAL, NOON)
        roster = roster.with_arm(arm)
    text = DEFAULT_TEXT.replace('metric = "api_error_rate"', 'metric = "api_error_rate"\n'
                                'confirm = "2 of 3"')  # fmt: skip
    checklist = parse_checklist(tomllib.loads(text)["guard"], (), "tiltyard.toml")
    floor = Desk(load().model_copy(update={"checklist": checklist}), roster)
    errors = Observation("api_error_rate", 9, NOON, samples=50, seq=1)
    assert kinds(floor.observe(errors)) == []
    later = errors._replace(observed_at=NOON + timedelta(minutes=5), seq=2)
    assert kinds(floor.observe(later)) == ["freeze_ramp"]


def test_an_arm_named_like_the_account_does_not_wipe_what_is_remembered_of_it() -> None:
    roster = Roster().with_arm(Arm("flat", "champion", "champion", 1, 1, 1, None, NOON))
    arm = Arm("default", "challenger", "throttled", 0, 0.1, 0, CAPITAL, NOON,
              throttled_by="challenger_profit_factor_low")  # fmt: skip
    review = Review(1, "default", "challenger_profit_factor_low", NOON - timedelta(days=3))
    floor = Desk(load(), replace(roster.with_arm(arm), reviews=(review,)))
    low = Observation("account_balance", 5, NOON)
    assert kinds(floor.observe(low)) == ["freeze_challengers"]
    floor.roster = replace(floor.roster, challengers_frozen_by=frozenset())
    shadow = trade(0, 3)._replace(policy="default", book="shadow")
    done = []
    for minute in range(1, 40):
        at = NOON + timedelta(minutes=minute)
        pnl = money(-1 if minute % 4 == 0 else 3)
        done += floor.feed(shadow._replace(trade_id=str(minute), closed_at=at, pnl=pnl))
    assert kinds(done) == ["resume"]
    again = floor.observe(low._replace(observed_at=NOON + timedelta(minutes=50)))
    assert kinds(again) == [], "the same episode, told already"


def test_a_trade_that_is_told_late_finds_no_gauge_from_its_future() -> None:
    floor = Desk(load(), desk().roster, live=True)
    later = NOON + timedelta(hours=1)
    floor.observe(Observation("up", 1, later), later)
    assert kinds(floor.feed(trade(0, -1), later)) == []


def throttling(metric: str, when: str) -> Settings:
    """The default checklist, with one more guard that takes traffic."""
    more = {"name": "gauge_high", "scope": "arm", "metric": metric, "when": when,
            "effect": "throttle", "latch": True, "priority": 25}  # fmt: skip
    defaults = tomllib.loads(DEFAULT_TEXT)["guard"]
    checklist = parse_checklist([*defaults, more], (), "tiltyard.toml")
    return load().model_copy(update={"checklist": checklist})


def shadow_days(floor: Desk, days: range) -> list[Action]:
    done = []
    for hour in range(24 * days.start, 24 * days.stop):
        pnl = -1 if hour % 4 == 0 else 3
        done += floor.feed(trade(60 * hour, pnl)._replace(book="shadow"))
    return done


def losing(floor: Desk) -> list[Action]:
    return [action for n in range(30) for action in floor.feed(trade(n, 1 if n % 2 else -1))]


def test_an_arm_does_not_come_back_to_lose_its_traffic_again() -> None:
    roster = desk().roster
    floor = Desk(throttling("encoder_kl_divergence", "> 0.5"), roster)
    assert kinds(losing(floor)) == ["throttle"]
    drift = Observation("encoder_kl_divergence", 0.9, NOON + timedelta(hours=1), "bot")
    floor.observe(drift)
    assert "resume" not in kinds(shadow_days(floor, range(1, 4)))
    over = floor.observe(drift._replace(number=0.1, observed_at=NOON + timedelta(days=4)))
    assert kinds(over) == ["resume"]


def test_what_a_new_trial_leaves_behind_does_not_keep_an_arm_out() -> None:
    floor = Desk(throttling("win_rate_30", "< 55"), desk().roster)
    assert kinds(losing(floor)) == ["throttle"]
    assert "resume" in kinds(shadow_days(floor, range(1, 4))), "its 50 % are of the old trial"


def test_coming_back_is_no_news_of_a_gauge_that_was_in_breach_throughout() -> None:
    floor = desk()
    drift = Observation("encoder_kl_divergence", 0.9, NOON, "bot")
    assert kinds(floor.observe(drift)) == ["refresh_encoder"]
    assert kinds(losing(floor)) == ["throttle"]
    hour = timedelta(hours=1)
    done = []
    for day in range(1, 4):
        later = drift._replace(observed_at=NOON + timedelta(days=day) - hour)
        done += floor.observe(later) + shadow_days(floor, range(day, day + 1))
    assert kinds(done) == ["resume"]


def test_a_drawdown_that_has_passed_its_limit_stays_passed_when_capital_is_lost() -> None:
    roster = Roster().with_arm(Arm("flat", "champion", "champion", 1, 1, 1, None, NOON))
    arm = Arm("bot", "challenger", "probation", 0.1, 0.1, 0.6, None, NOON)
    floor = Desk(load(), roster.with_arm(arm), measure_only=True)
    floor.feed(trade(0, -200)._replace(capital=CAPITAL))
    floor.feed(trade(1, 1))
    assert kinds(floor.next_steps(NOON + timedelta(minutes=2))) == ["halt"]


def test_a_report_says_what_follows_from_capital_that_was_lost_long_ago() -> None:
    roster = Roster().with_arm(Arm("flat", "champion", "champion", 1, 1, 1, None, NOON))
    arm = Arm("bot", "challenger", "probation", 0.1, 0.1, 0.6, None, NOON)
    floor = Desk(load(), roster.with_arm(arm), measure_only=True)
    floor.feed(trade(0, 1)._replace(capital=CAPITAL))
    floor.feed(trade(1, 1))
    assert kinds(floor.next_steps(NOON + timedelta(minutes=15))) == []
    assert kinds(floor.next_steps(NOON + timedelta(minutes=16))) == ["throttle"]


def test_nobody_is_admitted_by_night_while_the_ramp_is_frozen() -> None:
    roster = Roster().with_arm(Arm("flat", "champion", "champion", 1, 1, 1, None, NOON))
    waits = Arm("waits", "challenger", "candidate", 0, 0.1, 0, CAPITAL, NOON)
    floor = Desk(load(), roster.with_arm(waits))
    errors = Observation("api_error_rate", 9, NOON, samples=50)
    assert kinds(floor.observe(errors)) == ["freeze_ramp"]
    assert kinds(floor.night(NOON + timedelta(hours=1))) == []
    fine = errors._replace(number=1, observed_at=NOON + timedelta(hours=2))
    assert kinds(floor.observe(fine)) == ["unfreeze_ramp"]
    assert kinds(floor.night(NOON + timedelta(hours=14))) == ["admit"]


def test_nobody_enters_once_entries_are_stopped_not_even_the_champion() -> None:
    roster = Roster().with_arm(Arm("prod", "champion", "champion", 1, 1, 1, CAPITAL, NOON))
    settings = load().model_copy(update={"account": AccountSettings(capital=1000)})
    floor = Desk(settings, roster)
    assert kinds(floor.feed(trade(0, -90)._replace(policy="prod"))) == [
        "stop_entries", "freeze_challengers"
    ]  # fmt: skip
    before = floor.panel.arm("prod").lifetime_trades
    floor.feed(trade(60, 1)._replace(policy="prod"))
    assert floor.panel.arm("prod").lifetime_trades == before


def test_trades_of_another_account_do_not_move_this_one() -> None:
    floor = desk()
    floor.feed(trade(0, -100)._replace(account="elsewhere"))
    assert floor.panel.read("account_drawdown_pct", "", NOON).reading.samples == 0
