"""A file is taken in whole or not at all, and what is wrong with it is told in bounds."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledgers import new_ledger
from tiltyard.actions.record import Event
from tiltyard.facts.arm import Roster
from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.kernel.money import money
from tiltyard.shell.ingest import Ingested, Reading, ingest
from tiltyard.shell.registration import Registration, register
from tiltyard.shell.rejects import MOST_FAULTY, MOST_REJECTED
from tiltyard.shell.settings import Settings, load
from tiltyard.shell.store.ledger import Ledger

NOW = datetime(2025, 7, 8, tzinfo=UTC)
HEADER = "trade_id,policy,symbol,side,opened_at,closed_at,pnl"
CAPITAL = money(1000)
WITH = Reading(register=True, capital=CAPITAL)


def line(trade_id: object = 1, policy: str = "alpha", pnl: object = 1.5, day: str = "01") -> str:
    return f"{trade_id},{policy},BTC,long,2025-01-{day}T00:00:00Z,2025-01-{day}T01:00:00Z,{pnl}"


@pytest.fixture
def settings() -> Settings:
    return load()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with new_ledger(tmp_path / "desk.db") as opened:
        yield opened


def take(ledger: Ledger, file: Path, *lines: str, how: Reading = WITH) -> Ingested:
    file.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return ingest(ledger, file, how, load(), NOW)


def refusal(ledger: Ledger, file: Path, *lines: str, how: Reading = WITH) -> TiltyardError:
    with pytest.raises(TiltyardError) as caught:
        take(ledger, file, *lines, how=how)
    assert list(ledger.trades()) == []
    assert ledger.roster().arms == {}
    assert [path.name for path in file.parent.iterdir() if "reject" in path.name] == []
    return caught.value


def states(ledger: Ledger) -> Mapping[str, str]:
    return {name: arm.state for name, arm in ledger.roster().arms.items()}


# Policies of a file


def test_a_policy_whose_only_trades_are_in_the_future_is_not_registered(
    ledger: Ledger, tmp_path: Path
) -> None:
    later = line(2, "omega").replace("2025-01", "2199-01")
    done = take(ledger, tmp_path / "a.csv", line(), later)
    assert (done.registered, done.counts.quarantined) == (["alpha"], 1)
    assert states(ledger) == {"flat": "champion", "alpha": "probation"}
    assert [waiting.policy for waiting in ledger.quarantined()] == ["omega"]


def test_an_unknown_policy_is_refused_even_if_its_trades_are_in_the_future(
    ledger: Ledger, tmp_path: Path
) -> None:
    later = line(2, "omega").replace("2025-01", "2199-01")
    assert refusal(ledger, tmp_path / "a.csv", later, how=Reading()).code == "POLICY_UNKNOWN"
    assert ledger.quarantined() == []


def test_nobody_may_be_called_flat(ledger: Ledger, tmp_path: Path) -> None:
    refused = refusal(ledger, tmp_path / "a.csv", line(policy="flat"))
    assert "champion of last resort" in str(refused)
    assert "row 1, column policy" in str(refused)
    named = refusal(ledger, tmp_path / "a.csv", line(), how=Reading(policy="flat"))
    assert named.code == "POLICY_RESERVED"
    kept = take(
        ledger, tmp_path / "a.csv", line(policy="flat"), line(2),
        how=Reading(register=True, skip_bad=True),
    )  # fmt: skip
    assert (kept.rejected, kept.counts.new) == (1, 1)


def test_registering_flat_by_hand_is_refused(settings: Settings) -> None:
    wanted = Registration("flat", "challenger", "", CAPITAL, None, NOW)
    with pytest.raises(TiltyardError, match="POLICY_RESERVED"):
        register(Roster(), wanted, settings.shares.rules(), NOW, "me", lambda _: True)


def test_any_ingest_admits_those_who_wait_in_the_order_they_were_registered(
    ledger: Ledger, tmp_path: Path, settings: Settings
) -> None:
    names = [f"arm{number}" for number in range(8)]
    rows = [line(number, name) for number, name in enumerate(names)]
    take(ledger, tmp_path / "a.csv", *rows)
    assert [name for name, state in states(ledger).items() if state == "candidate"] == names[6:]

    def retire_two(roster: Roster) -> tuple[Roster, list[Event]]:
        for name in names[:2]:
            roster = roster.with_arm(replace(roster.arms[name], state="retired", share=0.0))
        return roster, []

    ledger.change_roster(retire_two, at=NOW)
    take(ledger, tmp_path / "b.csv", line(99, "newcomer", day="02"))
    waiting = [name for name, state in states(ledger).items() if state == "candidate"]
    assert waiting == ["newcomer"]
    assert settings.shares.rules().room(ledger.roster()) == 0


def test_a_candidate_waits_while_a_trade_of_it_does_not_say_what_it_was_sized_on(
    ledger: Ledger, tmp_path: Path
) -> None:
    take(ledger, tmp_path / "a.csv", line(1), how=Reading(register=True))
    take(ledger, tmp_path / "a.csv", line(1), line(2, day="02"), how=Reading())
    take(ledger, tmp_path / "a.csv", line(2, day="02"), how=Reading(capital=CAPITAL))
    assert states(ledger) == {"flat": "champion", "alpha": "candidate"}
    take(ledger, tmp_path / "a.csv", line(1), how=Reading(capital=CAPITAL))
    assert states(ledger) == {"flat": "champion", "alpha": "probation"}


def test_a_file_that_is_refused_at_the_end_has_registered_nobody(
    ledger: Ledger, tmp_path: Path
) -> None:
    take(ledger, tmp_path / "a.csv", line())
    head = ledger.audit_head()
    blocked = tmp_path / "b.csv.rejects.jsonl.part"
    blocked.mkdir()  # the rejects cannot be written
    with pytest.raises(OSError, match="directory"):
        take(
            ledger, tmp_path / "b.csv", line(2, "beta"), line(3, pnl="x"),
            how=Reading(register=True, skip_bad=True),
        )  # fmt: skip
    assert set(states(ledger)) == {"flat", "alpha"}
    assert [trade.trade_id for trade in ledger.trades()] == ["1"]
    assert ledger.audit_head() == head


# A file under another name


def test_a_renamed_file_is_refused_and_says_which_source_it_is(
    ledger: Ledger, tmp_path: Path
) -> None:
    rows = [line(number, pnl=number) for number in range(1000)]
    take(ledger, tmp_path / "trades.csv", *rows)
    with pytest.raises(TiltyardError) as caught:
        take(ledger, tmp_path / "trades-2.csv", *rows, line("new"))
    assert caught.value.code == "SOURCE_RENAMED"
    assert "1,000 trades of it are in the ledger already" in str(caught.value)
    assert "--source csv:trades." in str(caught.value)
    assert sum(1 for _ in ledger.trades()) == 1000
    done = take(
        ledger,
        tmp_path / "trades-2.csv",
        *rows,
        line("new"),
        how=replace(WITH, source="csv:trades"),
    )
    assert (done.counts.new, done.counts.unchanged) == (1, 1000)


@pytest.mark.parametrize(
    "other", [line(2), line(pnl=1.6), line(day="02"), line().replace("BTC", "ETH")]
)
def test_another_trade_of_the_same_policy_may_come_from_another_file(
    ledger: Ledger, tmp_path: Path, other: str
) -> None:
    take(ledger, tmp_path / "a.csv", line())
    assert take(ledger, tmp_path / "b.csv", other).counts.new == 1


def test_whoever_names_the_source_is_believed(ledger: Ledger, tmp_path: Path) -> None:
    take(ledger, tmp_path / "a.csv", line())
    assert take(ledger, tmp_path / "b.csv", line(), how=Reading(source="mine")).counts.new == 1


# What is wrong, in bounds


def test_reading_stops_after_ten_thousand_faulty_rows(ledger: Ledger, tmp_path: Path) -> None:
    rows = [line(number, pnl="x") for number in range(MOST_FAULTY)]
    refused = refusal(ledger, tmp_path / "a.csv", *rows[1:], line())
    assert f"{MOST_FAULTY - 1:,} faults\n" in str(refused)
    assert "at least" not in str(refused)
    refused = refusal(ledger, tmp_path / "a.csv", *rows, *rows)
    assert "at least 10,000 faults\n" in str(refused)
    assert "reading stopped after 10,000 faulty rows" in str(refused)


def test_what_has_more_than_a_hundred_thousand_bad_rows_is_no_log_of_trades(
    ledger: Ledger, tmp_path: Path
) -> None:
    bad = ["x"] * (MOST_REJECTED + 1)
    refused = refusal(
        ledger, tmp_path / "a.csv", line(), *bad, how=Reading(register=True, skip_bad=True)
    )
    assert "more than 100,000 rows are faulty" in str(refused)
    assert "at least 100,001 faults" in str(refused)


def test_a_decimal_comma_refuses_the_file_whatever_is_skipped(
    ledger: Ledger, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    rows = (HEADER, line(1, pnl="1.234"), line(2, pnl="12|5"))
    file.write_text("\n".join(rows).replace(",", ";").replace("|", ","), encoding="utf-8")
    for skip in (False, True):
        with pytest.raises(Faults) as caught:
            ingest(ledger, file, Reading(register=True, skip_bad=skip), load(), NOW)
        assert "expected a decimal point, found a comma in '12,5' @ row 2, column pnl" in str(
            caught.value
        )
    assert "1.234 may stand for 1234" in str(caught.value)
    assert list(ledger.trades()) == []


def test_every_rejected_row_can_be_found_again(ledger: Ledger, tmp_path: Path) -> None:
    done = take(
        ledger, tmp_path / "a.csv", line(1), line(1, pnl=2), line("y" * 5000), line(3),
        how=Reading(register=True, skip_bad=True),
    )  # fmt: skip
    assert (done.rejected, done.counts.new) == (2, 2)
    assert done.rejects is not None
    rows = {
        row["row"]: row for row in map(json.loads, done.rejects.read_text("utf-8").splitlines())
    }
    assert rows[2]["raw"] == {
        "source": "csv:a", "trade_id": "1", "policy": "alpha",
        "closed_at": "2025-01-01T01:00:00Z", "pnl": "2",
    }  # fmt: skip
    assert len(rows[3]["raw"]) == 2001


def test_half_a_character_in_a_rejected_row_is_no_obstacle(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"pnl": "\\ud800"}\n', encoding="utf-8")
    done = ingest(ledger, file, Reading(skip_bad=True), load(), NOW)
    assert done.rejects is not None
    assert json.loads(done.rejects.read_text("utf-8"))["raw"] == {"pnl": "\ud800"}


# Reading again


def told(done: Ingested) -> tuple[int, int, int]:
    return (done.counts.new, done.counts.corrected, done.counts.unchanged)


def test_after_a_correction_the_same_file_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    file, lines = tmp_path / "a.csv", [line(number) for number in range(1, 6)]
    assert told(take(ledger, file, *lines)) == (5, 0, 0)
    lines[0] = line(1, pnl=-2)
    assert told(take(ledger, file, *lines)) == (0, 1, 4)
    assert told(take(ledger, file, *lines)) == (0, 0, 5)
    assert told(take(ledger, file, *lines, line(6))) == (1, 0, 5)
    assert [trade.revision for trade in ledger.trades()] == [2, 1, 1, 1, 1, 1]


def test_capital_that_is_not_named_again_is_not_taken_away(ledger: Ledger, tmp_path: Path) -> None:
    file, lines = tmp_path / "a.csv", [line(number) for number in range(1, 4)]
    take(ledger, file, *lines)
    silent = Reading()
    assert told(take(ledger, file, *lines, how=silent)) == (0, 0, 3)
    lines[1] = line(2, pnl=-7)
    assert told(take(ledger, file, *lines, how=silent)) == (0, 1, 2)
    assert {trade.capital for trade in ledger.trades()} == {CAPITAL}
    other = Reading(capital=money(2000))
    assert told(take(ledger, file, *lines, how=other)) == (0, 3, 0), "said otherwise on purpose"
    assert {trade.capital for trade in ledger.trades()} == {money(2000)}


def test_the_trades_of_one_bot_do_not_take_the_place_of_anothers(
    ledger: Ledger, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    take(ledger, tmp_path / "one" / "trades.csv", line(1), line(2))
    with pytest.raises(Faults) as caught:
        take(ledger, tmp_path / "two" / "trades.csv", line(1, "omega"), line(2, "omega"))
    assert "expected 'alpha', whose trade '1' is in the ledger" in str(caught.value)
    assert caught.value.remedy == (
        "Nothing was written. The ledger has other trades of source 'csv:trades', named after the "
        "file, already. If this is another bot's file, or one begun anew, it needs a source of its "
        "own: --source two. Otherwise mend the file, or leave bad rows out with --skip-bad."
    )
    assert [trade.policy for trade in ledger.trades()] == ["alpha", "alpha"]
    own = replace(WITH, source="two")
    again = take(ledger, tmp_path / "two" / "trades.csv", line(1, "omega"), how=own)
    assert told(again) == (1, 0, 0)
    with pytest.raises(Faults) as caught:
        take(ledger, tmp_path / "two" / "trades.csv", line(1), how=own)
    assert "other trades of source 'two' already. If" in caught.value.remedy
    assert "--source NAME. Otherwise" in caught.value.remedy


def test_a_wall_of_clashes_says_what_ends_it(ledger: Ledger, tmp_path: Path) -> None:
    take(ledger, tmp_path / "a.csv", *(line(number) for number in range(MOST_FAULTY + 1)))
    with pytest.raises(Faults) as caught:
        take(ledger, tmp_path / "a.csv", *(line(n, "omega") for n in range(MOST_FAULTY + 1)))
    assert "reading stopped after 10,000 faulty rows" in caught.value.remedy
    assert "it needs a source of its own: --source" in caught.value.remedy


def test_another_bots_file_of_the_same_name_and_strategy_replaces_nothing(
    ledger: Ledger, tmp_path: Path
) -> None:
    for name in ("botA", "botB"):
        (tmp_path / name).mkdir()
    first, second = (tmp_path / name / "trades.csv" for name in ("botA", "botB"))
    own = [line(number, pnl=number) for number in range(1, 41)]
    others = [line(number, pnl=-number, day="02") for number in range(1, 41)]
    take(ledger, first, *own)
    with pytest.raises(Faults) as caught:
        take(ledger, second, *others)
    assert caught.value.total == 40
    assert (
        "the ledger has '1' of 'csv:trades' as long BTC, opened 2025-01-01T00:00:00Z; another "
        "bot's file needs a source of its own: --source NAME @ row 1, column trade_id"
    ) in str(caught.value)
    assert str(caught.value).endswith(
        "Nothing was written. The ledger has other trades of source 'csv:trades', named after the "
        "file, already. If this is another bot's file, or one begun anew, it needs a source of its "
        "own: --source botB. If these trades were corrected: --source csv:trades. Otherwise mend "
        "the file, or leave bad rows out with --skip-bad."
    )
    assert sum(trade.pnl for trade in ledger.trades()) == sum(map(money, range(1, 41)))
    skipped = take(ledger, second, *others, line(41), how=replace(WITH, skip_bad=True))
    assert (told(skipped), skipped.rejected) == ((1, 0, 0), 40)
    again = take(ledger, second, *others, how=replace(WITH, source="botB"))
    assert told(again) == (40, 0, 0)


def test_whoever_names_the_source_or_the_revision_may_correct_what_a_trade_is(
    ledger: Ledger, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    take(ledger, file, line(1), line(2))
    by_hand = replace(WITH, source="csv:a")
    assert told(take(ledger, file, line(1, day="02"), line(2), how=by_hand)) == (0, 1, 1)
    text = f"{HEADER},revision\n{line(2, day='03')},2\n"
    file.write_text(text, encoding="utf-8")
    assert told(ingest(ledger, file, WITH, load(), NOW)) == (0, 1, 0)
    assert [trade.opened_at.day for trade in ledger.trades()] == [2, 3]


def test_a_policy_that_no_row_needs_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    idle = replace(WITH, policy="omega")
    refused = refusal(ledger, tmp_path / "a.csv", line(), how=idle)
    assert refused.code == "OPTION_IDLE"
    assert refused.remedy.endswith("--policy-from nothing")
    done = take(ledger, tmp_path / "a.csv", line(1, ""), line(2, day="02"), how=idle)
    assert done.registered == ["omega", "alpha"]


def test_two_bots_of_one_strategy_are_told_apart_where_nothing_in_the_rows_names_them(
    ledger: Ledger, tmp_path: Path
) -> None:
    for name in ("botA", "botB"):
        own = replace(WITH, source=name, policy=name, policy_from="nothing")
        (tmp_path / name).mkdir()
        done = take(ledger, tmp_path / name / "trades.csv", line(1), line(2), how=own)
        assert (done.registered, told(done)) == ([name], (2, 0, 0))
    assert sorted({trade.policy for trade in ledger.trades()}) == ["botA", "botB"]


def test_where_nothing_in_the_rows_names_the_policy_one_option_must(
    ledger: Ledger, tmp_path: Path
) -> None:
    unnamed = replace(WITH, policy_from="nothing")
    refused = refusal(ledger, tmp_path / "a.csv", line(), how=unnamed)
    assert (refused.code, refused.remedy) == ("COLUMNS_MISSING", "name it: --policy NAME")
    twice = replace(unnamed, policy="omega", columns={"policy": "symbol"})
    assert refusal(ledger, tmp_path / "a.csv", line(), how=twice).code == "OPTION_IDLE"


def test_a_trade_9_is_judged_before_a_trade_10_of_the_same_close(
    ledger: Ledger, tmp_path: Path
) -> None:
    take(ledger, tmp_path / "a.csv", *(line(number) for number in (10, 9, 1, 100)))
    assert [trade.trade_id for trade in ledger.trades()] == ["1", "9", "10", "100"]
    assert [trade.trade_id for trade in ledger.tail("alpha", count=2)] == ["10", "100"]
