"""What holds for every client, with a desk that is there, gone, slow, or mad."""

import io
import json
import logging
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from client.bots import IMPATIENT, QUICK, Bot
from client.desks import (
    NOON,
    TOKEN,
    Answer,
    Clock,
    Desk,
    drips,
    fails,
    floods,
    hangs,
    says,
    shares,
)
from tiltyard.client import Pace, Route
from tiltyard.client.beats import MOST_BEATING
from tiltyard.kernel.clock import time_text
from tiltyard.router.split import Split

NewBot = Callable[..., Bot]
NO_ANSWERS: dict[str, Answer] = {
    "nothing in JSON": says(200, b"<html>"),
    "an empty object": says(200, b"{}"),
    "shares of less than a whole": says(200, json.dumps(shares(shares={"bot": 0.5})).encode()),
    "older shares": says(200, json.dumps(shares(revision=6, shares={"bot": 1})).encode()),
    "not ready": fails(503),
    "a defect": fails(500),
    "no such token": fails(401),
    "somewhere else": says(302, Location="/v1/elsewhere"),
    "nothing at all": hangs,
    "a header without an end": drips,
    "a body without an end": floods,
}


def pace_for(answer: Answer) -> Pace:
    """Waits for an answer unless there is never one."""
    return IMPATIENT if answer in {hangs, drips} else QUICK


def trade(number: int, **other: object) -> dict[str, Any]:
    return {
        "trade_id": number, "policy": "prod", "symbol": "SOL", "side": "long", "pnl": "1.5",
        "opened_at": NOON, "closed_at": NOON, **other,
    }  # fmt: skip


def test_a_bot_is_answered_by_the_shares_and_the_desk_told_of_it(bot: Bot, desk: Desk) -> None:
    split = Split(shares()["shares"], revision=7, salt="a")
    routes = {f"e{number}": bot.route(f"e{number}", "SOL", number % 3) for number in range(20)}
    assert {id_: tuple(route[:3]) for id_, route in routes.items()} == {
        id_: tuple(split.choose(id_)) for id_ in routes
    }
    assert bot.flush()
    assert desk.taken["decisions"] == [
        {
            "episode_id": id_, "symbol": "SOL", "policy": route.policy,
            "propensity": route.propensity, "share_revision": 7,
            "decided_at": time_text(NOON), "volatility_tercile": number % 3,
        }
        for number, (id_, route) in enumerate(routes.items())
    ]  # fmt: skip


def test_who_does_not_say_how_wild_it_is_tells_the_desk_nothing_of_it(bot: Bot, desk: Desk) -> None:
    bot.route("unsaid", "SOL")
    bot.route("unknown", "SOL", None)
    assert bot.flush()
    assert [one["volatility_tercile"] for one in desk.taken["decisions"]] == [None, None]
    assert not bot.refused


def test_every_report_arrives_as_it_was_meant_and_in_order(bot: Bot, desk: Desk) -> None:
    for number in range(2500):
        bot.trade(**trade(number))
    bot.mark(policy="prod", unrealised=-1.25, open_positions=2, capital=1000)
    bot.observe(name="encoder_kl_divergence", number=0.25, policy="prod")
    bot.heartbeat("prod")
    assert bot.flush()
    assert bot.pending == 0
    at = time_text(NOON)
    assert desk.items("trades", "trade_id") == [str(number) for number in range(2500)]
    assert desk.taken["trades"][7] == trade(7, trade_id="7", opened_at=at, closed_at=at)
    assert desk.taken["marks"] == [
        {"policy": "prod", "marked_at": at, "unrealised": "-1.25", "open_positions": 2,
         "capital": "1000"}
    ]  # fmt: skip
    assert desk.taken["observations"] == [
        {"name": "encoder_kl_divergence", "number": 0.25, "observed_at": at, "policy": "prod"}
    ]
    assert desk.taken["heartbeats"] == [{"policy": "prod", "at": at}]
    assert max(len(items) for _, items in desk.posted) <= 1000


def test_a_source_is_told_with_the_trades_and_only_there(new_bot: NewBot, desk: Desk) -> None:
    bot = new_bot(source="bot 'A'")
    bot.trade(**trade(1))
    bot.heartbeat("prod")
    assert bot.flush()
    told = {kind: source for (kind, _), source in zip(desk.posted, desk.sources, strict=True)}
    assert told == {"trades": "bot 'A'", "heartbeats": None}


def test_when_the_desk_is_gone_each_arm_has_its_share_until_that_ends_and_then_the_champion(
    bot: Bot, desk: Desk, clock: Clock
) -> None:
    desk.stop()
    count = 10_000
    before = Counter(bot.route(f"before {n}", "SOL").policy for n in range(count))
    for name, share in shares()["shares"].items():
        within = 4.5 * (count * share * (1 - share)) ** 0.5  # false alarm: 1 in 100,000
        assert abs(before[name] - count * share) < within, name
    clock.advance(60)
    after = {bot.route(f"after {n}", "SOL") for n in range(count)}
    assert after == {Route("prod", 1.0, 0, "expired")}
    assert not bot.may_enter("bot")
    assert bot.may_enter("prod")
    assert bot.pending == 2 * count


def test_a_bot_that_was_never_told_anything_has_its_own_champion(
    new_bot: NewBot, desk: Desk
) -> None:
    desk.stop()
    bot = new_bot()
    assert not bot.wait_until_told(0.05)
    assert {bot.route(f"e{n}", "SOL") for n in range(100)} == {Route("first", 1.0, 0, "never told")}
    assert not bot.flush(0.05)
    assert bot.pending == 100
    desk.start()
    assert bot.flush()
    assert set(desk.items("decisions", "share_revision")) == {0}
    assert set(desk.items("decisions", "propensity")) == {1.0}


@pytest.mark.parametrize("answer", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
def test_what_is_no_answer_leaves_what_is_held_until_that_expires(
    new_bot: NewBot, desk: Desk, clock: Clock, answer: Answer
) -> None:
    bot = new_bot(pace=pace_for(answer))
    assert bot.wait_until_told()
    desk.instead["route"] = answer
    desk.wait_for_renewal(3)
    assert bot.share_of("bot") == 0.3
    clock.advance(60)
    assert bot.share_of("bot") == 0
    assert bot.route("e", "SOL") == Route("prod", 1.0, 0, "expired")
    del desk.instead["route"]
    desk.released.set()
    desk.shares = shares(expires_at=time_text(clock.now() + timedelta(seconds=120)))
    desk.wait_for_renewal(3)
    assert bot.share_of("bot") == 0.3


def test_shares_are_renewed_and_changed_behind_the_bots_back(
    bot: Bot, desk: Desk, clock: Clock
) -> None:
    for _ in range(5):
        clock.advance(50)
        expires_at = time_text(clock.now() + timedelta(seconds=60))
        desk.shares = shares(expires_at=expires_at)
        desk.wait_for_renewal()
        assert bot.share_of("bot") == 0.3
    desk.shares = shares(revision=8, shares={"prod": 1}, reduce_only=["bot"])
    desk.wait_for_renewal()
    assert not bot.may_enter("bot")
    assert bot.only_leaves("bot")
    desk.shares = shares(revision=9, entries_stopped_by=["stop_all"])
    desk.wait_for_renewal()
    assert bot.route("e", "SOL") == Route(None, 0.0, 9, "entries stopped")
    clock.advance(1000)
    assert bot.route("e", "SOL") == Route(None, 0.0, 9, "entries stopped")


def test_an_episode_keeps_its_owner_while_that_may_enter_and_is_decided_once(
    bot: Bot, desk: Desk, clock: Clock
) -> None:
    episode = next(f"e{n}" for n in range(100) if bot.route(f"e{n}", "SOL").policy == "bot")
    first = bot.route(episode, "SOL")
    desk.shares = shares(revision=8, shares={"prod": 0.9, "bot": 0.1})
    desk.wait_for_renewal()
    assert bot.route(episode, "SOL") == first
    clock.advance(60)
    assert bot.route(episode, "SOL") == Route(None, 0.0, 0, "expired")
    assert bot.flush()
    assert desk.items("decisions", "episode_id").count(episode) == 1


def test_flat_is_decided_for_and_enters_nothing(bot: Bot, desk: Desk) -> None:
    desk.shares = shares(champion="flat", shares={"flat": 1}, revision=8)
    desk.wait_for_renewal()
    assert bot.route("e", "SOL") == Route(None, 1.0, 8, "shares")
    assert bot.flush()
    assert desk.items("decisions", "policy") == ["flat"]


@pytest.mark.parametrize(
    "answer",
    [fails(500), fails(401), fails(403), fails(404), fails(429), fails(429, Retry_After="0"),
     fails(503), says(200, b"<html>"), says(302, Location="/"), hangs, drips],
    ids=["500", "401", "403", "404", "429", "429 at once", "503", "portal", "302", "hangs",
         "drips"],
)  # fmt: skip
def test_what_is_not_taken_is_told_again_until_it_is_and_taken_once(
    new_bot: NewBot, desk: Desk, answer: Answer
) -> None:
    bot = new_bot(pace=pace_for(answer))
    kinds = ("trades", "marks", "observations", "decisions", "heartbeats")
    desk.instead = dict.fromkeys(kinds, answer)
    for number in range(20):
        bot.trade(**trade(number))
    bot.mark(policy="prod", unrealised=0, open_positions=0)
    bot.observe(name="kl", number=1)
    bot.heartbeat("prod")
    bot.route("e", "SOL")
    desk.wait_until(lambda: len(desk.posted) >= 3)
    assert bot.pending == 24
    desk.instead.clear()
    desk.released.set()
    assert bot.flush()
    assert {kind: len(desk.taken[kind]) for kind in kinds} == dict.fromkeys(kinds, 1) | {
        "trades": 20
    }
    assert not bot.refused


def test_after_an_outage_everything_is_there_once_and_in_order(bot: Bot, desk: Desk) -> None:
    for number in range(500):
        if number in {100, 300}:
            desk.stop()
        if number in {200, 400}:
            desk.start()
        bot.trade(**trade(number))
        bot.mark(policy="prod", unrealised=number, open_positions=1)
    assert bot.flush()
    assert desk.items("trades", "trade_id") == [str(number) for number in range(500)]
    assert desk.items("marks", "unrealised") == [str(number) for number in range(500)]


def test_a_batch_that_was_taken_though_its_answer_was_lost_is_there_once(
    bot: Bot, desk: Desk
) -> None:
    lost = threading.Event()

    def takes_and_hangs_up(handler: Any) -> None:  # noqa: ANN401 the desk's own
        handler.wfile = io.BytesIO()  # where nobody reads it
        handler._take("trades", desk.posted[-1][1])
        desk.instead.clear()
        handler.close_connection = True
        lost.set()

    desk.instead["trades"] = takes_and_hangs_up
    bot.trade(**trade(1))
    assert lost.wait(60)
    bot.trade(**trade(2))
    assert bot.flush()
    assert desk.items("trades", "trade_id") == ["1", "2"]


def test_a_desk_is_left_alone_for_as_long_as_it_asks(new_bot: NewBot, desk: Desk) -> None:
    desk.instead = dict.fromkeys(("trades", "marks"), fails(429, Retry_After="30"))
    bot = new_bot()
    bot.trade(**trade(1))
    desk.wait_until(lambda: len(desk.posted) == 1)
    desk.wait_for_renewal(3)
    desk.instead.clear()
    assert not bot.flush(0.2)
    assert [kind for kind, _ in desk.posted] == ["trades"]


@pytest.mark.parametrize("bad", [{0}, {999}, {3, 500, 501, 1999}, set(range(0, 2000, 100))])
def test_what_is_refused_goes_aside_with_its_fault_and_holds_up_nothing(
    bot: Bot, desk: Desk, bad: set[int], caplog: pytest.LogCaptureFixture
) -> None:
    desk.finds = lambda item: "no such policy" if int(item["trade_id"]) in bad else ""
    for number in range(2000):
        bot.trade(**trade(number))
    assert bot.flush()
    assert bot.pending == 0
    good = [str(number) for number in range(2000) if number not in bad]
    assert desk.items("trades", "trade_id") == good
    assert [(r.kind, r.said["trade_id"], r.faults[0].message) for r in bot.refused] == [
        ("trades", str(number), "no such policy") for number in sorted(bad)
    ]
    told = [r.message for r in caplog.records if "refused" in r.message]
    assert len(told) == len(bad), "each is logged once"


@pytest.mark.parametrize(("status", "code"), [(413, "BATCH_TOO_LARGE"), (400, "REQUEST_MALFORMED")])
@pytest.mark.parametrize("bad", [{0}, {77}, {1, 2, 99}])
def test_what_a_desk_cannot_read_is_found_by_halves(
    bot: Bot, desk: Desk, status: int, code: str, bad: set[int]
) -> None:
    def refuses_bad_batches(handler: Any) -> None:  # noqa: ANN401 the desk's own
        items = desk.posted[-1][1]
        if any(int(item["trade_id"]) in bad for item in items):
            handler.fail(status, code)
        else:
            handler._take("trades", items)

    desk.instead["trades"] = refuses_bad_batches
    for number in range(100):
        bot.trade(**trade(number))
    assert bot.flush()
    good = [str(number) for number in range(100) if number not in bad]
    assert desk.items("trades", "trade_id") == good
    assert [r.said["trade_id"] for r in bot.refused] == [str(number) for number in sorted(bad)]
    assert len([kind for kind, _ in desk.posted if kind == "trades"]) < 60


@pytest.mark.parametrize(
    "answer",
    [fails(409, "DATABASE_CORRUPT"), fails(422, "REQUEST_INVALID"), fails(422, "TEXT_TOO_LONG"),
     says(400, b"<html>"), says(409), says(413), says(422, b"{}")],
    ids=["damaged", "of no item", "another code", "400", "409", "413", "422"],
)  # fmt: skip
def test_a_refusal_that_is_of_no_item_settles_nothing_and_is_told_once(
    bot: Bot, desk: Desk, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    desk.instead["trades"] = answer
    for number in range(20):
        bot.trade(**trade(number))
    desk.wait_for_batches(8)
    assert (bot.pending, bot.refused) == (20, ())
    assert len([record for record in caplog.records if "trades wait: 4" in record.message]) == 1
    desk.instead.clear()
    assert bot.flush()
    assert desk.items("trades", "trade_id") == [str(number) for number in range(20)]


def test_a_second_trouble_is_told_of_too(
    bot: Bot, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    for code in ("TOO_EARLY", "DATABASE_CORRUPT"):
        desk.instead["trades"] = fails(409, code)
        bot.trade(**trade(1))
        desk.wait_for_batches(4)
    told = [record.message for record in caplog.records if "wait" in record.message]
    assert told == [f"trades wait: 409, {code} no" for code in ("TOO_EARLY", "DATABASE_CORRUPT")]


def test_a_batch_that_something_between_finds_too_large_is_sent_in_parts(
    bot: Bot, desk: Desk
) -> None:
    def takes_ten(handler: Any) -> None:  # noqa: ANN401 the desk's own
        items = desk.posted[-1][1]
        if len(items) > 10:
            handler.say(413, b"<html>")
        else:
            handler._take("trades", items)

    desk.instead["trades"] = takes_ten
    for number in range(60):
        bot.trade(**trade(number))
    assert bot.flush()
    assert desk.items("trades", "trade_id") == [str(number) for number in range(60)]


def beats(desk: Desk) -> list[tuple[Any, Any]]:
    with desk.changed:
        return [(b["policy"], b["at"]) for kind, all_ in desk.posted if kind == "heartbeats"
                for b in all_]  # fmt: skip


def test_a_heartbeat_goes_on_by_itself_at_the_time_at_which_it_is_sent_until_it_is_ended(
    new_bot: NewBot, desk: Desk, clock: Clock
) -> None:
    bot = new_bot(pace=QUICK._replace(beat=0.01))
    bot.heartbeat("prod")
    for _ in range(3):
        desk.wait_until(lambda: ("prod", time_text(clock.now())) in beats(desk))
        clock.advance(60)
    bot.heartbeat("bot")
    bot.end_heartbeat("prod")
    assert bot.flush()
    clock.advance(60)
    now = time_text(clock.now())
    desk.wait_until(lambda: ("bot", now) in beats(desk))
    assert ("prod", now) not in beats(desk)
    bot.close()
    sofar = len(beats(desk))
    new_bot()
    desk.wait_for_renewal(5)
    assert sofar == len(beats(desk)), "a closed client says nothing more"


def test_one_heartbeat_is_sent_a_minute_however_often_it_is_said(bot: Bot, desk: Desk) -> None:
    for _ in range(100):
        bot.heartbeat("prod")
    assert bot.pending <= 1
    assert bot.flush()
    bot.heartbeat("prod")
    desk.wait_for_renewal(3)
    assert beats(desk) == [("prod", time_text(NOON))]


def test_a_desk_that_comes_back_hears_who_lives_now_and_nothing_older(
    new_bot: NewBot, desk: Desk, clock: Clock
) -> None:
    desk.stop()
    bot = new_bot(pace=QUICK._replace(beat=0.01))
    for policy in ("prod", "bot"):
        bot.heartbeat(policy)
    bot.end_heartbeat("bot")
    assert not bot.flush(0.1)
    assert bot.pending == 1
    clock.advance(3600)
    desk.start()
    assert bot.flush()
    assert bot.pending == 0
    desk.wait_until(lambda: ("prod", time_text(clock.now())) in beats(desk))
    older = [beat for beat in beats(desk) if beat != ("prod", time_text(clock.now()))]
    assert len(older) <= 1, "the one that was on its way"


def test_a_heartbeat_that_the_desk_refuses_ends_and_the_others_go_on(
    new_bot: NewBot, desk: Desk, clock: Clock
) -> None:
    bot = new_bot(pace=QUICK._replace(beat=0.01))
    desk.finds = lambda item: "no such policy" if item["policy"] == "nobody" else ""
    for policy in ("prod", "nobody"):
        bot.heartbeat(policy)
    assert bot.flush()
    clock.advance(60)
    now = time_text(clock.now())
    desk.wait_until(lambda: ("prod", now) in beats(desk))
    assert [(one.kind, one.said["policy"]) for one in bot.refused] == [("heartbeats", "nobody")]
    assert ("nobody", now) not in beats(desk)


def test_there_is_room_for_so_many_heartbeats(bot: Bot, desk: Desk) -> None:
    for number in range(MOST_BEATING + 1):
        bot.heartbeat(f"p{number}")
    bot.heartbeat("p0")
    assert bot.flush()
    assert len({policy for policy, _ in beats(desk)}) == MOST_BEATING
    assert [one.said["policy"] for one in bot.refused] == [f"p{MOST_BEATING}"]


def test_one_kind_that_the_desk_has_a_defect_with_holds_up_no_other(bot: Bot, desk: Desk) -> None:
    desk.instead["decisions"] = fails(500)
    bot.route("e", "SOL")
    bot.trade(**trade(1))
    desk.wait_until(lambda: "trades" in desk.taken)
    assert "decisions" not in desk.taken
    assert not bot.flush(0)


def test_what_a_bot_says_wrongly_is_refused_with_the_reason_and_sent_nowhere(
    bot: Bot, desk: Desk
) -> None:
    bot.trade(**trade(1, pnl=float("nan")))
    bot.trade(**trade(2, opened_at=NOON.replace(tzinfo=None)))
    bot.trade()
    bot.mark(policy="prod", unrealised=1, open_positions=-1)
    bot.observe(name="kl", number=float("inf"))
    bot.heartbeat("")
    assert bot.route(None, "SOL") == Route(None, 0.0, 0, "invalid")
    assert bot.route("e", "SOL", 3) == Route(None, 0.0, 0, "invalid")
    assert [refused.kind for refused in bot.refused] == [
        "trades", "trades", "trades", "marks", "observations", "heartbeats", "decisions",
        "decisions",
    ]  # fmt: skip
    assert str(bot.refused[0].faults[0]) == "expected a finite decimal number, found nan @ pnl"
    assert bot.flush()
    assert desk.posted == []


def test_a_bot_that_ends_and_comes_again_delivers_what_was_left(
    new_bot: NewBot, desk: Desk, tmp_path: Path
) -> None:
    desk.stop()
    first = new_bot(spool=tmp_path / "spool")
    for number in range(50):
        first.trade(**trade(number))
        first.route(f"e{number}", "SOL")
    assert not first.close(0)
    desk.start()
    second = new_bot(spool=tmp_path / "spool")
    assert second.pending > 0 or desk.taken
    second.trade(**trade(50))
    assert second.flush()
    assert desk.items("trades", "trade_id") == [str(number) for number in range(51)]
    assert desk.items("decisions", "episode_id") == [f"e{number}" for number in range(50)]
    assert second.close()
    third = new_bot(spool=str(tmp_path / "spool"))
    assert third.pending == 0


def test_after_its_end_a_client_answers_from_what_it_holds_and_raises_nothing(
    bot: Bot, clock: Clock
) -> None:
    assert bot.close()
    assert bot.close()
    assert bot.share_of("bot") == 0.3
    clock.advance(60)
    assert bot.route("e", "SOL").why == "expired"
    bot.trade(**trade(1))
    assert not bot.flush(0)
    assert bot.pending == 2


def test_nobody_sees_the_token(
    bot: Bot, desk: Desk, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    desk.instead = {"route": fails(401), "trades": fails(401)}
    bot.trade(**trade(1))
    bot.trade(**trade(2, pnl="x"))
    desk.wait_until(lambda: len(desk.posted) > 0)
    desk.wait_for_renewal()
    desk.stop()
    clock.advance(60)
    bot.flush(0.1)
    assert TOKEN not in repr(bot)
    assert caplog.records
    assert not [
        record
        for record in caplog.records
        if TOKEN in record.getMessage() or TOKEN in str(record.exc_info)
    ]


def test_a_desk_that_is_away_is_told_of_once_and_so_is_its_return(
    bot: Bot, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.instead["route"] = fails(503)
    desk.wait_for_renewal(5)
    del desk.instead["route"]
    desk.wait_for_renewal(2)
    told = [r.message for r in caplog.records if r.name == "tiltyard.client"]
    assert len(told) == 2
    assert "does not tell the shares: 503, NOT_SO no" in told[0]
    assert told[1] == "the desk tells the shares again"
    assert bot.may_enter("bot")


def test_a_decision_waits_for_no_desk(new_bot: NewBot, desk: Desk) -> None:
    desk.instead = dict.fromkeys(("route", "decisions", "trades"), hangs)
    bot = new_bot(pace=Pace(answer_within=60))
    desk.wait_until(lambda: desk.asked == 1)
    answered = threading.Event()

    def asks() -> None:
        bot.route("e", "SOL")
        bot.trade(**trade(1))
        answered.set()

    threading.Thread(target=asks).start()
    assert answered.wait(60), "it waited"
    assert bot.pending == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": ""}, "url"),
        ({"url": None}, "url"),
        ({"url": "127.0.0.1:8420"}, "url"),
        ({"url": "ftp://desk"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "http://me:secret@desk"}, "leave out user and password"),
        ({"url": "http://desk/?a=1"}, "leave out what begins"),
        ({"champion": ""}, "champion: it is empty"),
        ({"champion": None}, "champion"),
        ({"champion": "a\nb"}, "champion"),
        ({"source": ""}, "source: it is empty"),
    ],
)
def test_a_client_that_cannot_work_is_refused_at_once(
    new_bot: NewBot, wrong: dict[str, object], said: str
) -> None:
    with pytest.raises(Exception, match=said) as refused:
        new_bot(**wrong)
    assert getattr(refused.value, "code", "") == "CLIENT_INVALID"
    assert "secret" not in str(refused.value)
