"""Replays by another rule than the ladder: what they do, and that it is verified."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from floors import BREAKOUT, REVERSION, populate, put_bars, sol_of
from opportunities import Fact, in_order, opportunity
from records import BOT, CAPITAL, NOW, START, ledger_of, replayed
from records import CHAMPION as PROD
from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.scaling.catalogue import FOR_A_DESK
from tiltyard.shell.replaying.bar_replay import BarReplay, bars_to_play, play_again
from tiltyard.shell.replaying.measure import measure
from tiltyard.shell.replaying.scratch import take_arms
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.settings import AccountSettings, ScalingSettings, Settings, load
from tiltyard.shell.store.ledger import Ledger

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MAY = datetime(2025, 5, 1, tzinfo=UTC)
LATER = MAY + 365 * DAY


def ruled_by(rule: str) -> Settings:
    account = AccountSettings(currency="USDT", capital=100_000)
    scaling = ScalingSettings(rule=rule)
    return load().model_copy(update={"account": account, "scaling": scaling})


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Ledger]:
    """Forty days with ten opportunities each; the bot is the better one."""
    rng = Random(1)  # noqa: S311 no secret
    facts: list[Fact] = []
    for number in range(400):
        luck = rng.gauss(0, 0.5)
        made = {PROD: 0.4 + luck, BOT: 0.9 + luck}
        at = START + number * DAY / 10
        given_to = BOT if number % 10 == 0 else PROD
        facts += opportunity(number, at, given_to, made, optimism=0.1, capital=CAPITAL)
    facts = in_order(facts)
    trades = (one for one in facts if isinstance(one, Trade))
    with ledger_of(tmp_path / "ledger.db", trades) as ledger:
        given = (one for one in facts if isinstance(one, Decision))
        ledger.append_decisions(given, known_at=NOW)
        yield ledger


@pytest.mark.parametrize("rule", FOR_A_DESK[1:])
def test_a_replay_by_a_rule_is_verified_by_that_rule_and_no_other(
    lived: Ledger, tmp_path: Path, rule: str
) -> None:
    done = replayed(tmp_path / "record.db", lived, ruled_by(rule))
    assert {one.cause for one in done.actions if one.kind == "scale"} <= {rule}
    with Ledger.open(str(tmp_path / "record.db")) as record:
        assert verify(record, ruled_by(rule), NOW).judgements
        other = "static" if rule != "static" else "ladder"
        with pytest.raises(TiltyardError, match=f"^SETTINGS_DIFFER .*scaling.rule was {rule} and"):
            verify(record, ruled_by(other), NOW)


def test_a_record_by_the_ladder_names_no_rule_and_is_verified_by_the_ladder_alone(
    lived: Ledger, tmp_path: Path
) -> None:
    replayed(tmp_path / "record.db", lived, ruled_by("ladder"))
    with Ledger.open(str(tmp_path / "record.db")) as record:
        (start,) = (
            event for row in record.audit() if (event := json.loads(row.body))["event"] == "replay"
        )
        assert "scaling" not in start["settings"]
        assert verify(record, ruled_by("ladder"), NOW).judgements
        with pytest.raises(TiltyardError, match=r"scaling\.rule was ladder and is evidence"):
            verify(record, ruled_by("evidence"), NOW)


def test_by_evidence_the_better_one_has_all_that_is_allowed_within_days(
    lived: Ledger, tmp_path: Path
) -> None:
    done = replayed(tmp_path / "record.db", lived, ruled_by("evidence"))
    shares = [(one.before, one.after) for one in done.actions if one.kind == "scale"]
    assert shares == [(0.1, 0.0), (0.0, 0.1), (0.1, 0.2), (0.2, 0.4), (0.4, 0.6)]
    assert shares[-1][1] == done.desk.roster.arms[BOT].share


def test_a_report_says_what_the_rule_would_say_tonight(lived: Ledger) -> None:
    roster, at = lived.roster(), START + 20 * DAY
    on_trial = replace(roster.arms[BOT], state="live", share=0.1, ceiling=0.15)
    desk = measure(lived, ruled_by("evidence"), at, roster.with_arm(on_trial))
    told = "better with over 99 % by 191 opportunities, its bets have made over 1,000 of one"
    assert desk.tonight(BOT, at) == told


@pytest.mark.parametrize(
    ("rule", "word"), [("evidence", " opportunities"), ("thompson", " live trades")]
)
def test_a_replay_on_bars_by_a_rule_plays_again_row_for_row(
    real_data: Path, folder: Path, tmp_path: Path, rule: str, word: str
) -> None:
    put_bars(folder / "SOL_USDT-1h.parquet", sol_of(real_data, MAY, 20))
    bars, span = bars_to_play(folder, None, LATER)
    settings = ruled_by(rule)
    with (
        Ledger.open(str(tmp_path / "desk.db"), create=True) as ledger,
        Ledger.open(str(tmp_path / "record.db"), create=True, is_scratch=True) as record,
        Ledger.open(str(tmp_path / "again.db"), create=True, is_scratch=True) as again,
    ):
        populate(ledger, (BREAKOUT, REVERSION), LATER)
        take_arms(record, ledger, span.began)
        done = list(BarReplay(record, settings, bars, span).play())
        nights = [one for one in done if one["event"] in ("scale", "skip_scale")]
        assert {one["cause"] for one in nights} == {rule}
        assert any(word in one["reason"] for one in nights)
        play_again(record, again, settings, folder, where="record.db")
        assert again.audit_head() == record.audit_head()
        with pytest.raises(TiltyardError, match=r"scaling\.rule was"):
            verify(record, ruled_by("ladder"), LATER)


def test_an_unknown_rule_is_refused_when_settings_are_read(tmp_path: Path) -> None:
    file = tmp_path / "tiltyard.toml"
    file.write_text('[scaling]\nrule = "evidense"\n')
    with pytest.raises(Faults) as refused:
        load(file)
    (fault,) = refused.value.faults
    assert str(fault) == "unknown rule 'evidense', did you mean 'evidence'? @ $.scaling.rule"
    file.write_text('[scaling]\nrule = "oracle"\n')
    with pytest.raises(Faults, match="unknown rule 'oracle', known: ladder, static, thompson"):
        load(file)
