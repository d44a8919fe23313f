"""What other rules would have made, as people and programs read it, letter by letter."""

from datetime import UTC, datetime
from typing import Any

from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.off_policy import Estimate
from tiltyard.scaling.other_rules import Done, Month, OtherRules, RuleLine
from tiltyard.shell.report.rules import closing_rules, rules_json, rules_text

BEGAN, ENDED = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 7, 1, 12, tzinfo=UTC)
BOT = "reinforcement_20250707_154526_eee02a74"
OTHER = "timesnet_20250701_090000_0badcafe"
WARMING = Undefined("warming", "3 of 10 blocks of a day", 40)
NOBODY = Undefined("no_champion", "nobody who trades was champion")


def found(better: float = 0.98, **more: Any) -> OtherRules:  # noqa: ANN401 fields of it
    evidence = RuleLine(
        "evidence", Estimate(12.3, 1.0, 23.6), Estimate(14.7, 2.0, 27.4), better,
        [Done("promote", BOT, 8, datetime(2025, 5, 4, 2, tzinfo=UTC)),
         Done("retire", OTHER, 5, datetime(2025, 6, 1, 2, tzinfo=UTC))],
        [Month("2025-01", {BOT: 0.1, OTHER: 0.0})],
    )  # fmt: skip
    static = RuleLine(
        "static", Estimate(-5.0, -8.5, -1.5), Estimate(-2.6, -4.0, -1.2), 0.01, [], []
    )
    made = OtherRules(
        "ladder",
        "prod",
        BEGAN,
        ENDED,
        2345,
        "R",
        Estimate(-2.4, -5.0, 0.2),
        [static, evidence],
        [],
        [],
    )
    return made._replace(**more)


TABLE = """\
What each rule would have made, in R,
by 2,345 opportunities from 2025-01-01 to 2025-07-01:
  rule               beyond the champion alone        beyond what was done
                     what it would have done (in so many of 8 plays)
  ladder (enforced)  -2.40, interval -5.00 … +0.20
  static             -5.00, interval -8.50 … -1.50    -2.60, interval -4.00 … -1.20
                     promoted and retired nobody
  evidence           +12.30, interval +1.00 … +23.60  +14.70, interval +2.00 … +27.40
                     promoted eee02a74 2025-05-04 (8), retired 0badcafe 2025-06-01 (5)
"""


def test_no_rule_did_better() -> None:
    assert "\n".join(rules_text(found())) == TABLE + "No observed rule did better beyond chance."


def test_many_decisions_take_several_lines_and_none_is_broken() -> None:
    many = [Done("time_out", f"bot_{n:08}", 8, ENDED) for n in range(9)]
    lines = [one._replace(done=many) for one in found().lines]
    told = list(rules_text(found(lines=lines)))
    assert max(map(len, told)) <= 100
    asked = [line.strip() for line in told if "asked about" in line]
    assert asked[0] == "asked about 00000000 2025-07-01 (8), asked about 00000001 2025-07-01 (8),"
    assert sum(line.count("(8)") for line in asked) == 2 * len(many)


def test_one_rule_is_proposed_and_it_says_how_to_adopt_it() -> None:
    lines = "\n".join(rules_text(found(better=0.999)))
    assert lines.removeprefix(TABLE) == (
        "PROPOSED, not adopted: evidence would have made +14.70 R more (interval +2.00 … +27.40), "
        "over 2,345 opportunities.\n"
        'To adopt it, set [scaling] rule = "evidence" in tiltyard.toml.'
    )


def test_without_a_book_on_paper_it_only_describes() -> None:
    lines = list(rules_text(found(better=0.999, without_paper=[BOT])))
    assert lines[-1] == (
        f"Descriptive, not causal: no trade on paper says what {BOT} would have made elsewhere. "
        "Nothing is proposed."
    )


def test_without_a_capital_it_only_describes_and_says_how_to_tell_it() -> None:
    lines = list(rules_text(found(better=0.999, without_capital=[BOT])))
    assert lines[-1] == (
        f"Descriptive: nobody says the capital of {BOT}, so no drawdown would have halted it. "
        "Nothing is proposed. Report it with the trades, or set [policies] capital in "
        "tiltyard.toml."
    )
    both = list(rules_text(found(without_capital=[BOT], without_paper=[BOT])))
    assert [line.split()[0] for line in both[-2:]] == ["Descriptive,", "Descriptive:"]


def test_percent_says_of_what() -> None:
    first, *_, last, _ = rules_text(found(better=0.999, unit="%"))
    assert first == "What each rule would have made, in % of an arm's capital,"
    assert "evidence would have made +14.70 % more" in last


def test_what_is_not_known_says_why() -> None:
    assert list(rules_text(NOBODY)) == [
        "What other rules would have made: undefined (no_champion: nobody who trades was champion)"
    ]
    lines = [one._replace(beyond_done=WARMING, better=0) for one in found().lines]
    _, _, _, _, done, static, *_, last = rules_text(found(was_done=WARMING, lines=lines))
    assert done == "  ladder (enforced)  undefined (warming: 3 of 10 blocks of a day)"
    assert "undefined (warming: 3 of 10 blocks of a day)" in static
    assert last == "No observed rule did better beyond chance."


def test_a_replay_names_the_one_that_is_proposed_though_another_is_surer() -> None:
    static, evidence = found(better=0.999).lines
    sure = static._replace(beyond_done=Estimate(3.0, 2.0, 4.0), better=0.9999)
    first, second, _ = closing_rules(found(lines=[sure, evidence]))
    assert first.startswith("Of 2 other rules evidence did best beyond chance: +14.70, ")
    assert second.startswith("PROPOSED, not adopted: evidence ")


def test_a_replay_ends_with_the_best_of_them() -> None:
    assert list(closing_rules(found())) == [
        (
            "Of 2 other rules evidence did best: +14.70, interval +2.00 … +27.40 R beyond what "
            "was done, over 2,345 opportunities"
        ),
        "No observed rule did better beyond chance.",
    ]
    first, second, _ = closing_rules(found(better=0.999))
    assert first.startswith("Of 2 other rules evidence did best beyond chance: +14.70, interval ")
    assert second.startswith("PROPOSED, not adopted: evidence would have made +14.70 R more ")
    assert list(closing_rules(NOBODY)) == list(rules_text(NOBODY))
    lines = [one._replace(beyond_done=WARMING, better=0) for one in found().lines]
    assert list(closing_rules(found(lines=lines))) == ["No observed rule did better beyond chance."]


def test_programs_are_told_the_same() -> None:
    told = rules_json(found(better=0.999))
    assert (told["enforced"], told["champion"], told["proposed"]) == ("ladder", "prod", "evidence")
    assert (told["began"], told["ended"]) == ("2025-01-01T00:00:00Z", "2025-07-01T12:00:00Z")
    static, evidence = told["rules"]
    assert evidence["beyond_done"] == {
        "value": 14.7, "low": 2.0, "high": 27.4, "state": "defined", "reason": None,
    }  # fmt: skip
    assert evidence["decided"][0] == {
        "action": "promote", "policy": BOT, "plays": 8, "time": "2025-05-04T02:00:00Z",
    }  # fmt: skip
    assert evidence["months"] == [{"month": "2025-01", "shares": {BOT: 0.1, OTHER: 0.0}}]
    assert (static["decided"], static["better"]) == ([], 0.01)
    assert rules_json(found())["proposed"] is None
    assert rules_json(found(without_capital=[BOT]))["without_capital"] == [BOT]
    nothing = rules_json(NOBODY)
    assert set(nothing) == set(told)
    assert (nothing["state"], nothing["rules"], nothing["unit"]) == ("no_champion", [], None)
