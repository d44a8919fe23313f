"""A row becomes a trade exactly, or says everything that is wrong with it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tiltyard.facts.intake import FIELDS, Intake
from tiltyard.facts.layouts import LAYOUTS
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.kernel.money import Money, money

ROW: Mapping[str, object] = {
    "trade_id": "t1",
    "policy": "reinforcement_20250707_154526_eee02a74",
    "symbol": "BTC/USDT",
    "side": "long",
    "opened_at": "2025-07-07T15:00:00Z",
    "closed_at": "2025-07-07T16:00:00Z",
    "pnl": "12.5",
}
EXPORT: Mapping[str, object] = {
    "run_id": "run-1",
    "strategy": "Donchian",
    "timeframe": "1h",
    "symbol": "XRP/USDT",
    "side": "long",
    "leverage": 1.0,
    "open_ts": datetime(2025, 1, 1, 17, tzinfo=UTC),
    "close_ts": datetime(2025, 1, 1, 18, tzinfo=UTC),
    "entry": 2.0,
    "exit": 2.5,
    "amount": 10.0,
    "stake": 20.0,
    "fee_open": 0.001,
    "fee_close": 0.002,
    "funding_fees": -0.1,
    "pnl_ratio": 0.02,
    "pnl_abs": 4.83,
    "enter_tag": "breakout",
}


def read(row: Mapping[str, object], intake: Intake | None = None) -> Trade:
    found = (intake or Intake("bot")).reader().read(7, row)
    assert isinstance(found, tuple), found
    return found[0]


def faults(row: Mapping[str, object], intake: Intake | None = None) -> list[Fault]:
    found = (intake or Intake("bot")).reader().read(7, row)
    assert isinstance(found, list), found
    return found


def test_the_seven_required_columns_make_a_trade() -> None:
    assert read(ROW) == Trade(
        source="bot",
        trade_id="t1",
        policy="reinforcement_20250707_154526_eee02a74",
        symbol="BTC/USDT",
        side="long",
        opened_at=datetime(2025, 7, 7, 15, tzinfo=UTC),
        closed_at=datetime(2025, 7, 7, 16, tzinfo=UTC),
        pnl=money("12.5"),
    )


def test_a_row_may_carry_every_field_of_a_trade_but_its_source_and_seq() -> None:
    assert {"source", *FIELDS, "seq"} == set(Trade._fields)


def test_every_known_layout_names_only_fields_of_a_trade() -> None:
    for layout in LAYOUTS:
        assert set(layout.columns) <= set(FIELDS)
        assert layout.signature <= {*layout.columns.values(), *FIELDS}


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("pnl", "nan", "expected a finite decimal number, found 'nan'"),
        ("pnl", float("nan"), "expected a finite decimal number, found nan"),
        ("pnl", float("inf"), "expected a finite decimal number, found inf"),
        ("pnl", Decimal("sNaN"), "expected a finite decimal number, found 'sNaN'"),
        ("pnl", "1,5", "expected a decimal point, found a comma in '1,5'"),
        ("risk", "1.234,50", "expected a decimal point, found a comma in '1.234,50'"),
        ("entry_price", "-0,5", "expected a decimal point, found a comma in '-0,5'"),
        ("pnl", "1,234.5", "expected a finite decimal number, found '1,234.5'"),
        ("pnl", True, "expected a finite decimal number, found True"),
        ("pnl", [1], "expected a finite decimal number, found [1]"),
        ("pnl", "1e40", "expected an amount below 90 billion, found '1e40'"),
        ("pnl", None, "required, but missing or empty"),
        ("pnl", "  ", "required, but missing or empty"),
        ("trade_id", "", "required, but missing or empty"),
        ("trade_id", ["a"], "expected text, found ['a']"),
        ("trade_id", 1.5, "expected text, found 1.5"),
        ("policy", True, "expected text, found True"),
        ("symbol", "a\x00b", "expected text without control characters, found 'a\\x00b'"),
        ("symbol", "\ud800", "expected text without control characters, found '\\ud800'"),
        (
            "symbol",
            "a" * 201,
            f"expected at most 200 characters, found {repr('a' * 201)[:40]}…",
        ),
        ("side", "buy", "expected long or short, found 'buy'"),
        ("side", 1, "expected long or short, found 1"),
        ("book", "paper", "expected live, shadow or twin, found 'paper'"),
        ("risk", "0", "expected more than zero, found '0'"),
        ("capital", "-1", "expected more than zero, found '-1'"),
        ("quantity", "1_000", "expected a finite decimal number above zero, found '1_000'"),
        ("entry_price", float("inf"), "expected a finite decimal number above zero, found inf"),
        ("exit_price", 0.0, "expected a finite decimal number above zero, found 0.0"),
        ("revision", "0", "expected a whole number from 1, found '0'"),
        ("revision", 1.5, "expected a whole number from 1, found 1.5"),
        ("revision", True, "expected a whole number from 1, found True"),
        (
            "closed_at",
            "2025-07-07T16:00:00",
            "no UTC offset, found '2025-07-07T16:00:00'; say which, such as 2025-07-07T16:00Z (ingest, replay and train: or pass --assume-utc)",  # noqa: E501 one message
        ),
        (
            "opened_at",
            "yesterday",
            "expected ISO-8601 or epoch milliseconds, found 'yesterday'",
        ),
        ("opened_at", True, "expected ISO-8601 or epoch milliseconds, found True"),
        (
            "closed_at",
            "2025-07-07T14:00:00Z",
            "closed 2025-07-07 14:00:00+00:00 before it opened 2025-07-07 15:00:00+00:00",
        ),
    ],
)
def test_a_bad_cell_is_one_fault_with_its_place(column: str, value: object, message: str) -> None:
    assert faults({**ROW, column: value}) == [Fault(f"row 7, column {column}", message)]


def test_all_faults_of_a_row_are_reported_at_once() -> None:
    places = [f.place for f in faults({**ROW, "pnl": "x", "side": "up", "risk": -1, "policy": ""})]
    assert places == [f"row 7, column {name}" for name in ("policy", "side", "pnl", "risk")]


@pytest.mark.parametrize("name", ["risk", "fees", "quantity", "currency", "episode_id", "book"])
@pytest.mark.parametrize("empty", [None, "", " "])
def test_an_empty_optional_cell_is_no_value(name: str, empty: object) -> None:
    assert read({**ROW, name: empty}) == read(ROW)


@pytest.mark.parametrize(
    "value",
    [1751900400000, "1751900400000", Decimal(1751900400000), "2025-07-07T17:00:00+02:00"],
)
def test_times_are_utc_however_they_are_written(value: object) -> None:
    assert read({**ROW, "opened_at": value}).opened_at == datetime(2025, 7, 7, 15, tzinfo=UTC)


def test_a_naive_time_is_utc_when_the_trader_says_so() -> None:
    row = {**ROW, "opened_at": datetime(2025, 7, 7, 15)}  # noqa: DTZ001 the point of the test
    assert [f.place for f in faults(row)] == ["row 7, column opened_at"]
    assert read(row, Intake("bot", assume_utc=True)) == read(ROW)


def test_policy_account_and_capital_fill_what_the_row_leaves_open() -> None:
    intake = Intake("bot", policy="p", account="a", capital=money(1000))
    bare = {name: value for name, value in ROW.items() if name != "policy"}
    for row in (bare, {**ROW, "policy": "", "account": None, "capital": ""}):
        assert read(row, intake)[2:3] == ("p",)
        assert (read(row, intake).account, read(row, intake).capital) == ("a", money(1000))
    own = read({**ROW, "account": "b", "capital": 5}, intake)
    assert (own.policy, own.account, own.capital) == (ROW["policy"], "b", money(5))


def test_a_stated_revision_is_told_from_the_first_report() -> None:
    reader = Intake("bot").reader()
    assert [
        found[1] for found in (reader.read(1, ROW), reader.read(2, {**ROW, "revision": "2"}))
    ] == [
        False,
        True,
    ]


def test_a_mapped_column_wins_over_our_name_and_is_named_in_faults() -> None:
    intake = Intake("bot", columns={"pnl": "profit"})
    assert read({**ROW, "profit": 3}, intake).pnl == money(3)
    assert faults({**ROW, "profit": "?"}, intake)[0].place == "row 7, column profit"


def test_quantities_and_prices_keep_their_exact_text() -> None:
    trade = read({**ROW, "quantity": "0.10", "entry_price": 0.1, "exit_price": Decimal("3.30")})
    assert (trade.quantity, trade.entry_price, trade.exit_price) == ("0.10", "0.1", "3.30")


def test_a_backtest_export_is_read_without_any_mapping() -> None:
    trade = read(EXPORT)
    assert (trade.policy, trade.symbol, trade.side) == ("Donchian", "XRP/USDT", "long")
    assert (trade.pnl, trade.notional, trade.capital) == (money("4.83"), money(20), None)
    assert (trade.quantity, trade.entry_price, trade.exit_price) == ("10.0", "2.0", "2.5")
    assert (trade.fees, trade.funding) == (money("0.07"), money("-0.1"))


def test_identifiers_derived_from_content_are_the_same_on_every_reading() -> None:
    once, again = Intake("a").reader(), Intake("b").reader()
    rows = [EXPORT, {**EXPORT, "symbol": "SOL/USDT"}, EXPORT, EXPORT]
    ids = [[r.read(n, row)[0].trade_id for n, row in enumerate(rows)] for r in (once, again)]  # type: ignore[union-attr]
    first, other, second, third = ids[0]
    assert ids[0] == ids[1]
    assert len(first) == 16
    assert other != first
    assert (second, third) == (f"{first}-2", f"{first}-3")


def test_an_export_in_text_names_the_same_trades_as_one_in_numbers() -> None:
    text = {name: str(value) for name, value in EXPORT.items()}
    assert read(text) == read(EXPORT)


@pytest.mark.parametrize(
    ("leverage", "notional"),
    [(1.0, "20"), (3.3333333333333335, "66.66666667"), ("2", "40"), (None, "20"), ("", "20")],
)
def test_a_stake_is_margin_so_the_notional_is_the_stake_times_the_leverage(
    leverage: object, notional: str
) -> None:
    assert read({**EXPORT, "leverage": leverage}).notional == money(notional)


def test_a_notional_of_our_own_name_is_not_multiplied_again() -> None:
    assert read({**EXPORT, "leverage": 3, "notional": 20}).notional == money(20)
    mapped = Intake("bot", columns={"notional": "stake"})
    assert read({**EXPORT, "leverage": 3}, mapped).notional == money(60)
    assert read({**ROW, "leverage": 3, "notional": 20}).notional == money(20)


@pytest.mark.parametrize("leverage", [0, "-2", "nan", "two"])
def test_a_leverage_that_cannot_be_is_a_fault(leverage: object) -> None:
    assert [f.place for f in faults({**EXPORT, "leverage": leverage})] == ["row 7, column leverage"]


def test_a_decimal_comma_makes_the_whole_file_doubtful_and_a_word_does_not() -> None:
    assert faults({**ROW, "pnl": "1,5"})[0].spoils_file
    assert not faults({**ROW, "pnl": "much"})[0].spoils_file


@pytest.mark.parametrize(("rate", "fees"), [(None, None), ("", None), ("0.001", money("0.07"))])
def test_fees_are_derived_only_from_rates_that_are_there(rate: object, fees: Money | None) -> None:
    assert read({**EXPORT, "fee_open": rate}).fees == fees


@pytest.mark.parametrize("rate", ["nan", True, float("inf"), "x"])
def test_a_fee_rate_that_is_no_number_is_a_fault(rate: object) -> None:
    assert "expected a finite decimal number" in faults({**EXPORT, "fee_open": rate})[0].message


def test_a_capital_given_by_hand_wins_over_the_balance_a_backtest_started_with() -> None:
    row = {
        **{name: ROW[name] for name in ("trade_id", "side")},
        "pair": "BTC/USDT",
        "strategy": "S",
        "profit_abs": 1,
        "starting_balance": 1000,
        "open_date": "2025-01-01 00:00:00",
        "close_date": "2025-01-01 01:00:00",
    }
    assert read(row).capital == money(1000)
    assert read(row, Intake("bot", capital=money(50))).capital == money(50)


def test_a_header_without_the_needed_columns_is_refused_before_any_row() -> None:
    with pytest.raises(Faults) as caught:
        Intake("bot", columns={"risk": "rsk"}).reader().expect(("trade_id", "symbl", "side"))
    messages = [fault.message for fault in caught.value.faults]
    assert "no column 'symbol'. did you mean 'symbl'?" in messages
    assert "no column 'rsk'" in messages
    assert caught.value.total == 6


@pytest.mark.parametrize(
    ("change", "code"),
    [({"columns": {"pln": "x"}}, "FIELD_UNKNOWN"), ({"capital": Money(0)}, "CAPITAL_INVALID")],
)
def test_an_intake_that_could_never_work_is_refused(change: dict[str, object], code: str) -> None:
    with pytest.raises(TiltyardError, match=code):
        replace(Intake("bot"), **change)  # type: ignore[arg-type]


def test_rows_of_ever_new_shapes_do_not_pile_up_plans() -> None:
    reader = Intake("bot").reader()
    for number in range(1000):
        assert isinstance(reader.read(number, {**ROW, f"extra_{number}": 1}), tuple)
    assert len(reader._plans) <= 256
