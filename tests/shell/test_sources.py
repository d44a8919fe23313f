"""Files become trades or say why not, whatever bytes they hold."""

import csv
import json
import os
import random
import sqlite3
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiltyard.facts.intake import FIELDS, Intake
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import Fault, TiltyardError
from tiltyard.kernel.money import Money, money, money_text
from tiltyard.shell.sources import BadRow, Source, open_source, read_trades
from tiltyard.shell.sources import freqtrade_database as database_module

DATA = Path(os.environ.get("TILTYARD_DATA", Path(__file__).parents[3] / "shared/data"))
EXPORTS = sorted(DATA.glob("trades-*.parquet"))
MEGABYTE = 2**20
HEADER = "trade_id,policy,symbol,side,opened_at,closed_at,pnl"
LINE = "t{0},p,BTC,long,2025-07-07T15:00:00Z,2025-07-07T16:00:00Z,{0}"

Found = tuple[int, Trade, bool] | BadRow


def read(path: Path, intake: Intake | None = None, **options: Any) -> list[Found]:  # noqa: ANN401 passed on
    return list(read_trades(open_source(path, **options), intake or Intake("file")))


def trades(found: list[Found]) -> list[Trade]:
    assert not [row.faults for row in found if isinstance(row, BadRow)]
    return [row[1] for row in found if isinstance(row, tuple)]


def complaints(found: list[Found]) -> list[Fault]:
    return [fault for row in found if isinstance(row, BadRow) for fault in row.faults]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


# Real exports


@pytest.mark.skipif(not EXPORTS, reason="the shared data are not here")
@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.stem)
def test_every_real_export_parses_without_a_fault_and_to_the_cent(path: Path) -> None:
    found = trades(read(path))
    frame = pl.read_parquet(path)
    exact = sum((Decimal(repr(pnl)) for pnl in frame["pnl_abs"]), Decimal(0))
    assert len(found) == frame.height
    assert money(exact) == sum(trade.pnl for trade in found)
    assert len({trade.trade_id for trade in found}) == frame.height
    assert all(trade.capital is None and trade.fees for trade in found)


@pytest.mark.skipif(not EXPORTS, reason="the shared data are not here")
def test_an_export_saved_as_csv_gives_the_same_trades(tmp_path: Path) -> None:
    pl.read_parquet(EXPORTS[0]).write_csv(tmp_path / "a.csv", datetime_format="%+")
    assert trades(read(tmp_path / "a.csv")) == trades(read(EXPORTS[0]))


# Tables of bad files


@pytest.mark.parametrize(
    ("name", "content", "code", "says"),
    [
        ("a.csv", b"", "SOURCE_EMPTY", "0 bytes"),
        ("a.csv", HEADER.encode(), "SOURCE_EMPTY", "no trades"),
        ("a.jsonl", b"\n\n", "SOURCE_EMPTY", "no trades"),
        ("a.csv", b"\n1,2", "SOURCE_UNREADABLE", "the header line is empty"),
        ("a.csv", b"a,b\0c\n1,2", "SOURCE_UNREADABLE", "NUL"),
        ("a.csv", b"a,b\xff\n1,2", "SOURCE_UNREADABLE", "expected UTF-8"),
        ("a.csv", b'a,"b\n1,2', "SOURCE_UNREADABLE", "the header line"),
        ("a.csv", b"pnl,side,pnl\n1,long,2", "SOURCE_HEADER_INVALID", "column pnl"),
        ("a.csv", b"pnl,side\n1,long", "COLUMNS_MISSING", "no column 'trade_id'"),
        ("a.csv", HEADER.encode("utf-16"), "SOURCE_UNREADABLE", "it looks like UTF-16"),
        ("a.csv", HEADER.encode("utf-16-be"), "SOURCE_UNREADABLE", "it looks like UTF-16"),
        ("a.jsonl", "{}".encode("utf-16-le"), "SOURCE_UNREADABLE", "save it as UTF-8"),
        ("a.xls", b"whatever", "SOURCE_UNKNOWN", ".parquet"),
        ("a", b"whatever", "SOURCE_UNKNOWN", "JSON lines"),
        ("a.parquet", b"PAR1 but no more", "SOURCE_UNREADABLE", "not a whole Parquet file"),
        ("a.sqlite", b"SQLite format 3\0 but no", "SOURCE_UNREADABLE", "SQLite"),
        ("a.zip", b"PK\x03\x04 but no more", "SOURCE_UNREADABLE", "not a whole zip"),
        ("a.json", b"[]", "SOURCE_UNREADABLE", "not a JSON object"),
        ("a.json", b'{"strategy": {"S": []}}', "SOURCE_UNREADABLE", "not a freqtrade"),
        ("a.json", b'{"strategy": ', "SOURCE_UNREADABLE", "not valid JSON"),
        ("a.json", b'{"a":' * 100_000, "SOURCE_UNREADABLE", "not valid JSON"),
    ],
)
def test_a_file_that_is_none_of_ours_is_refused_in_words(
    tmp_path: Path, name: str, content: bytes, code: str, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TiltyardError) as caught:
        read(tmp_path / name)
    assert caught.value.code == code
    assert says in str(caught.value)


def test_a_missing_file_a_directory_and_a_forbidden_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(TiltyardError, match="SOURCE_MISSING"):
        open_source(tmp_path / "no.csv")
    with pytest.raises(TiltyardError, match=r"SOURCE_UNREADABLE .* a directory"):
        open_source(tmp_path)
    with pytest.raises(TiltyardError, match="SOURCE_UNREADABLE"):
        open_source(Path("a\0b.csv"))
    forbidden = write(tmp_path / "secret.csv", HEADER)
    forbidden.chmod(0)
    if not os.access(forbidden, os.R_OK):
        with pytest.raises(TiltyardError, match=r"SOURCE_UNREADABLE .* Permission denied"):
            open_source(forbidden)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".sqlite", ".zip", ".json"])
def test_fifty_megabytes_of_noise_cost_little_memory_and_no_crash(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"noise{suffix}"
    path.write_bytes(random.Random(1).randbytes(50 * MEGABYTE))  # noqa: S311 noise
    assert _peak(lambda: _drain(path)) < 50 * MEGABYTE


def test_noise_below_a_good_header_is_faults_and_costs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "noise.csv"
    noise = random.Random(1).randbytes(50 * MEGABYTE)  # noqa: S311 noise
    path.write_bytes(f"{HEADER}\n".encode() + noise)
    assert _peak(lambda: _drain(path)) < 50 * MEGABYTE


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_line_of_twenty_megabytes_is_one_fault(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"long{suffix}"
    start = f"{HEADER}\n" if suffix == ".csv" else ""
    row = json.dumps(dict(zip(HEADER.split(","), LINE.format(1).split(","), strict=True)))
    end = LINE.format(1) if suffix == ".csv" else row
    path.write_text(start + "x" * (20 * MEGABYTE) + "\n" + end)
    found: list[Found] = []
    assert _peak(lambda: found.extend(read(path))) < 8 * MEGABYTE
    assert [str(f) for f in complaints(found)] == [
        "expected a line of at most 1,000,000 bytes, found a longer one @ row 1"
    ]
    assert isinstance(found[1], tuple)


def _drain(path: Path) -> None:
    try:
        for _ in read_trades(open_source(path), Intake("noise")):
            pass
    except TiltyardError as error:
        assert error.code in {"SOURCE_UNREADABLE", "COLUMNS_MISSING"}  # noqa: PT017 noise may pass, too


def _peak(act: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# CSV


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_is_read_with_any_usual_delimiter_line_end_and_byte_order_mark(
    tmp_path: Path, delimiter: str, end: str
) -> None:
    text = end.join((HEADER, "", LINE.format(1), LINE.format(2))).replace(",", delimiter)
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert [trade.trade_id for trade in trades(read(tmp_path / "a.csv"))] == ["t1", "t2"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_one_that_gives_columns_we_know(
    tmp_path: Path, delimiter: str
) -> None:
    others = ",;\t".replace(delimiter, "")
    noisy = f"note {others * 9}"
    header, line = HEADER.replace(",", delimiter), LINE.format(1).replace(",", delimiter)
    path = write(tmp_path / "a.csv", header + delimiter + noisy, line + delimiter)
    assert [trade.trade_id for trade in trades(read(path))] == ["t1"]


def test_bad_csv_lines_are_faults_and_the_rows_around_them_are_read(tmp_path: Path) -> None:
    bad = [b"t2,p", LINE.format(3).encode() + b",more", b"a\0b", b"\xff\xfe", b'"t6,p,BTC']
    good = LINE.format(1).encode()
    (tmp_path / "a.csv").write_bytes(b"\n".join((HEADER.encode(), good, *bad, good)))
    found = read(tmp_path / "a.csv")
    assert [str(fault) for fault in complaints(found)] == [
        "expected 7 fields, found 2 @ row 2",
        "expected 7 fields, found 8 @ row 3",
        "expected text, found a NUL byte @ row 4",
        "expected UTF-8, found byte 0xff at 1 @ row 5",
        "expected one row of fields, found: unexpected end of data @ row 6",
    ]
    assert [row[0] for row in found if isinstance(row, tuple)] == [1, 7]


def test_rows_need_not_be_sorted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", HEADER, LINE.format(2), LINE.format(1))
    assert [trade.trade_id for trade in trades(read(path))] == ["t2", "t1"]


def test_a_policy_name_the_house_refuses_is_a_fault(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", HEADER, LINE.format(1).replace(",p,", ",<script>,"))
    assert complaints(read(path))[0].place == "row 1, column policy"


def test_a_policy_called_flat_is_a_fault_because_flat_trades_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", HEADER, LINE.format(1).replace(",p,", ",flat,"))
    (fault,) = complaints(read(path))
    assert fault.place == "row 1, column policy"
    assert "the champion of last resort" in fault.message


# JSON lines


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "expected a JSON object, found: Expecting property name"),
        ("[1]", "expected a JSON object, found list"),
        ('{"pnl": NaN}', "expected a JSON object, found: NaN, which is no JSON number"),
        ('{"pnl": -Infinity}', "found: -Infinity"),
        ('{"pnl": 1, "pnl": 2}', "found: a key given twice"),
        ('{"pnl": 1e99999999999999999999}', "expected a JSON object"),
        ('{"pnl": ' + "1" * 5000 + "}", "expected a JSON object"),
        ("[" * 100_000, "found one nested too deeply"),
    ],
)
def test_a_line_that_is_no_json_object_is_a_fault_of_that_line(
    tmp_path: Path, line: str, message: str
) -> None:
    faults = complaints(read(write(tmp_path / "a.jsonl", "", line)))
    assert faults[0].place == "row 2"
    assert message in faults[0].message


def test_json_numbers_are_taken_exactly(tmp_path: Path) -> None:
    row = dict(zip(HEADER.split(","), LINE.format(1).split(","), strict=True))
    line = json.dumps({**row, "pnl": 0}).replace('"pnl": 0', '"pnl": 12345678901.12345678')
    (trade,) = trades(read(write(tmp_path / "a.jsonl", line)))
    assert trade.pnl == money("12345678901.12345678")


def test_a_field_that_only_later_lines_have_is_read(tmp_path: Path) -> None:
    row = dict(zip(HEADER.split(","), LINE.format(1).split(","), strict=True))
    path = write(tmp_path / "a.jsonl", json.dumps(row), json.dumps({**row, "risk": 5}))
    assert [trade.risk for trade in trades(read(path))] == [None, money(5)]


# Parquet


def test_naive_parquet_times_follow_the_naive_rule(tmp_path: Path) -> None:
    row: dict[str, object] = dict(zip(HEADER.split(","), LINE.format(1).split(","), strict=True))
    row |= {"opened_at": datetime(2025, 7, 7), "closed_at": datetime(2025, 7, 8)}  # noqa: DTZ001
    pl.DataFrame([row]).write_parquet(tmp_path / "a.parquet")
    assert len(complaints(read(tmp_path / "a.parquet"))) == 2
    (trade,) = trades(read(tmp_path / "a.parquet", Intake("file", assume_utc=True)))
    assert trade.closed_at == datetime(2025, 7, 8, tzinfo=UTC)


def test_a_long_parquet_file_comes_in_batches_with_running_numbers(tmp_path: Path) -> None:
    pl.DataFrame({"pnl": range(60_001)}).write_parquet(tmp_path / "[a]*.parquet")
    batches = list(open_source(tmp_path / "[a]*.parquet").batches())
    assert max(map(len, batches)) == 10_000
    numbers = [number for batch in batches for number, _ in batch]
    assert numbers == list(range(1, 60_002))


# freqtrade

SCHEMA = """
CREATE TABLE trades (
    id INTEGER NOT NULL PRIMARY KEY, exchange VARCHAR(25) NOT NULL, pair VARCHAR(25) NOT NULL,
    base_currency VARCHAR(25), stake_currency VARCHAR(25), is_open BOOLEAN NOT NULL,
    fee_open FLOAT NOT NULL, fee_open_cost FLOAT, fee_open_currency VARCHAR(25),
    fee_close FLOAT, fee_close_cost FLOAT, fee_close_currency VARCHAR(25),
    open_rate FLOAT, open_rate_requested FLOAT, open_trade_value FLOAT, close_rate FLOAT,
    close_rate_requested FLOAT, realized_profit FLOAT, close_profit FLOAT,
    close_profit_abs FLOAT, stake_amount FLOAT NOT NULL, max_stake_amount FLOAT, amount FLOAT,
    amount_requested FLOAT, open_date DATETIME NOT NULL, close_date DATETIME, stop_loss FLOAT,
    stop_loss_pct FLOAT, initial_stop_loss FLOAT, initial_stop_loss_pct FLOAT,
    is_stop_loss_trailing BOOLEAN, max_rate FLOAT, min_rate FLOAT, exit_reason VARCHAR(255),
    exit_order_status VARCHAR(100), strategy VARCHAR(100), enter_tag VARCHAR(255),
    timeframe INTEGER, trading_mode VARCHAR(7), amount_precision FLOAT, price_precision FLOAT,
    precision_mode INTEGER, contract_size FLOAT, leverage FLOAT, is_short BOOLEAN NOT NULL,
    liquidation_price FLOAT, interest_rate FLOAT NOT NULL, funding_fees FLOAT,
    funding_fee_running FLOAT, record_version INTEGER NOT NULL)
"""
STORED: dict[str, object] = {
    "exchange": "binance",
    "pair": "ETH/USDT:USDT",
    "stake_currency": "USDT",
    "is_open": 0,
    "fee_open": 0.0005,
    "fee_close": 0.0005,
    "open_rate": 100.0,
    "close_rate": 110.0,
    "realized_profit": 9.8,
    "close_profit_abs": 9.845,
    "stake_amount": 100.0,
    "amount": 1.0,
    "open_date": "2025-01-01 10:00:00.000000",
    "close_date": "2025-01-01 11:00:00.500000",
    "strategy": "MySupertrend",
    "enter_tag": "arm_b",
    "leverage": 1.0,
    "is_short": 1,
    "interest_rate": 0.0,
    "funding_fees": -0.05,
    "record_version": 2,
}


def database(path: Path, *rows: dict[str, object], schema: str = SCHEMA) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(schema)
        for row in rows:
            marks = ", ".join("?" * len(row))
            sql = f"INSERT INTO trades ({', '.join(row)}) VALUES ({marks})"  # noqa: S608 a test's own names
            connection.execute(sql, tuple(row.values()))
    return path


def test_a_freqtrade_database_gives_its_closed_trades_net_and_in_utc(tmp_path: Path) -> None:
    still_open = {**STORED, "is_open": 1, "close_date": None, "close_profit_abs": None}
    path = database(tmp_path / "my bot?#%.sqlite", STORED, still_open, {**STORED, "is_short": 0})
    first, second = trades(read(path))
    assert first == Trade(
        source="file",
        trade_id="1",
        policy="MySupertrend",
        symbol="ETH/USDT:USDT",
        side="short",
        opened_at=datetime(2025, 1, 1, 10, tzinfo=UTC),
        closed_at=datetime(2025, 1, 1, 11, 0, 0, 500_000, tzinfo=UTC),
        pnl=money("9.845"),
        currency="USDT",
        notional=money(100),
        fees=money("0.105"),
        funding=money("-0.05"),
        quantity="1.0",
        entry_price="100.0",
        exit_price="110.0",
    )
    assert (second.trade_id, second.side) == ("3", "long")
    assert open_source(path).name == "freqtrade:my bot?#%"


def test_the_policy_of_a_freqtrade_trade_may_be_its_entry_tag(tmp_path: Path) -> None:
    path = database(tmp_path / "a.sqlite", STORED, {**STORED, "enter_tag": None})
    found = read(path, policy_from="enter_tag")
    assert isinstance(found[0], tuple)
    assert found[0][1].policy == "arm_b"
    assert complaints(found) == [Fault("row 2, column policy", "required, but missing or empty")]


def test_where_nothing_names_the_policy_of_a_freqtrade_trade_whoever_reads_it_does(
    tmp_path: Path,
) -> None:
    path = database(tmp_path / "a.sqlite", STORED)
    (own,) = trades(read(path))
    (named,) = trades(read(path, Intake("file", policy="GridA"), policy_from="nothing"))
    assert named == own._replace(policy="GridA")
    assert complaints(read(path, policy_from="nothing")) == [
        Fault("row 1, column policy", "required, but missing or empty")
    ]


def test_an_old_freqtrade_database_without_shorts_tags_and_funding_is_read(tmp_path: Path) -> None:
    dropped = ("is_short", "enter_tag", "funding_fees")
    kept = {name: value for name, value in STORED.items() if name not in dropped}
    schema = SCHEMA
    for gone in ("is_short BOOLEAN NOT NULL,", "enter_tag VARCHAR(255),", "funding_fees FLOAT,"):
        schema = schema.replace(gone, "")
    path = database(tmp_path / "a.sqlite", kept, schema=schema)
    (trade,) = trades(read(path))
    assert (trade.side, trade.funding) == ("long", None)
    with pytest.raises(TiltyardError, match="SOURCE_UNTAGGED"):
        open_source(path, policy_from="enter_tag")


def test_a_database_that_is_not_freqtrades_says_what_it_lacks(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", schema="CREATE TABLE trades (id INTEGER, pair TEXT)")
    with pytest.raises(TiltyardError, match="lacks is_open, open_date, close_date, close_profit"):
        open_source(path)


def test_a_locked_database_is_reported_after_a_short_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_PATIENCE_SECONDS", 0.05)
    path = database(tmp_path / "a.sqlite", STORED)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TiltyardError, match="SOURCE_LOCKED"):
            open_source(path)


def test_a_bot_can_write_while_its_trades_are_being_read(tmp_path: Path) -> None:
    path = database(tmp_path / "a.sqlite", *[STORED] * 3)
    batches = open_source(path).batches()
    next(batches)
    with closing(sqlite3.connect(path, timeout=0)) as writer, writer:
        writer.execute("UPDATE trades SET exit_reason = 'x'")
    before = path.read_bytes()
    assert list(batches) == []
    assert path.read_bytes() == before


TRADE: dict[str, object] = {
    "pair": "ETH/USDT:USDT",
    "stake_amount": 100.0,
    "amount": 1.0,
    "is_short": True,
    "open_date": "2025-01-01 10:00:00+00:00",
    "close_date": "2025-01-01 11:00:00+00:00",
    "open_rate": 100.0,
    "close_rate": 110.0,
    "fee_open": 0.0005,
    "fee_close": 0.0005,
    "profit_abs": 9.845,
    "enter_tag": "arm_b",
    "funding_fees": 0.1,
    "leverage": 1.0,
    "orders": [{"amount": 1.0, "ft_order_side": "sell", "ft_is_entry": True}],
}


def result(**strategies: list[dict[str, object]]) -> str:
    named = {
        name: {"trades": found, "starting_balance": 1000, "stake_currency": "USDT"}
        for name, found in strategies.items()
    }
    return json.dumps({"strategy": named, "strategy_comparison": [], "metadata": {}})


NAME = "backtest-result-2026-02-20_07-51-45"


def zipped(path: Path, **members: str | bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_backtest_zip_gives_every_strategys_trades_and_the_starting_balance(
    tmp_path: Path,
) -> None:
    content = result(A=[TRADE, TRADE], B=[{**TRADE, "is_short": False}])
    others = {f"{NAME}_config.json": "{}", f"{NAME}_A.py": "x"}
    path = zipped(tmp_path / "a.zip", **{f"{NAME}.json": content}, **others)
    first, twin, last = trades(read(path))
    assert (first.policy, first.side, first.capital) == ("A", "short", money(1000))
    assert (first.currency, first.pnl, first.fees) == ("USDT", money("9.845"), money("0.105"))
    assert twin.trade_id == f"{first.trade_id}-2"
    assert (last.policy, last.side) == ("B", "long")
    assert {t.capital for t in trades(read(path, Intake("f", capital=money(7))))} == {money(7)}
    plain = write(tmp_path / f"{NAME}.json", content)
    assert trades(read(plain)) == [first, twin, last]


def test_a_backtest_that_is_read_under_another_policy_has_the_same_trades(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", **{f"{NAME}.json": result(A=[TRADE, TRADE])})
    own = trades(read(path))
    named = trades(read(path, Intake("file", policy="GridA"), policy_from="nothing"))
    assert named == [trade._replace(policy="GridA") for trade in own]
    assert own[0].trade_id


def _bomb(path: Path) -> Path:
    return zipped(path, **{f"{NAME}.json": b" " * (30 * MEGABYTE)})


def _nested(path: Path) -> Path:
    return zipped(path, **{"inner.zip": b"PK"})


def _encrypted(path: Path) -> Path:
    raw = bytearray(zipped(path, **{f"{NAME}.json": result(A=[TRADE])}).read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    return path


def _spoilt_lzma(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(f"{NAME}.json", bytes(range(256)) * 50)
    raw = bytearray(path.read_bytes())
    end = raw.index(b"PK\x01\x02")
    raw[end - 60 : end - 20] = b"\xff" * 40
    path.write_bytes(raw)
    return path


def _truncated(path: Path) -> Path:
    raw = zipped(path, **{f"{NAME}.json": result(A=[TRADE])}).read_bytes()
    path.write_bytes(raw[:40] + bytes(20) + raw[60:])
    return path


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (_bomb, "-fold"),
        (_nested, "unpack it first"),
        (_encrypted, "is encrypted"),
        (_truncated, "not a whole zip archive"),
        (_spoilt_lzma, "not a whole zip archive: Corrupt input data"),
    ],
)
def test_a_zip_that_is_hostile_or_broken_is_refused_in_words(
    tmp_path: Path, build: Callable[[Path], Path], says: str
) -> None:
    path = build(tmp_path / "a.zip")
    with pytest.raises(TiltyardError, match="SOURCE_UNREADABLE") as caught:
        open_source(path)
    assert says in str(caught.value)


# Round trip

_words = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20
)
_names = st.text("abcXYZ019._-", min_size=1, max_size=20).map(lambda name: f"p{name}0")
_amounts = st.integers(-(10**16), 10**16).map(Money)
_positive = st.integers(1, 10**16).map(Money)
_decimals = st.decimals("0.0001", "99999", places=4).map(str)
_times = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@st.composite
def any_trade(draw: st.DrawFn) -> Trade:
    opened = draw(_times)
    return Trade(
        source="file",
        trade_id=draw(_words),
        policy=draw(_names),
        symbol=draw(_words),
        side=draw(st.sampled_from(("long", "short"))),
        opened_at=opened,
        closed_at=opened + draw(st.timedeltas(timedelta(0), timedelta(days=90))),
        pnl=draw(_amounts),
        revision=draw(st.integers(1, 99)),
        book=draw(st.sampled_from(("live", "shadow"))),
        account=draw(_words),
        currency=draw(st.just("") | _words),
        capital=draw(st.none() | _positive),
        risk=draw(st.none() | _positive),
        notional=draw(st.none() | _amounts),
        fees=draw(st.none() | _amounts),
        funding=draw(st.none() | _amounts),
        quantity=draw(st.none() | _decimals),
        entry_price=draw(st.none() | _decimals),
        exit_price=draw(st.none() | _decimals),
        policy_digest=draw(st.none() | _words),
        episode_id=draw(st.none() | _words),
    )


_MONEY = ("pnl", "capital", "risk", "notional", "fees", "funding")


def row_of(trade: Trade) -> dict[str, object]:
    row = {name: getattr(trade, name) for name in FIELDS}
    for name in ("opened_at", "closed_at"):
        row[name] = time_text(row[name])
    for name in _MONEY:
        row[name] = None if row[name] is None else money_text(row[name])
    return row


def _to_csv(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, tuple(FIELDS))
        writer.writeheader()
        writer.writerows(rows)


def _to_jsonl(path: Path, rows: list[dict[str, object]]) -> None:
    write(path, *(json.dumps(row) for row in rows))


def _to_parquet(path: Path, rows: list[dict[str, object]]) -> None:
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(path)


@pytest.mark.parametrize(
    ("suffix", "save"), [(".csv", _to_csv), (".jsonl", _to_jsonl), (".parquet", _to_parquet)]
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(facts=st.lists(any_trade(), min_size=1, max_size=5))
def test_a_trade_written_to_any_kind_of_file_comes_back_the_same(
    tmp_path: Path,
    suffix: str,
    save: Callable[[Path, list[dict[str, object]]], None],
    facts: list[Trade],
) -> None:
    path = tmp_path / f"trades{suffix}"
    save(path, [row_of(trade) for trade in facts])
    assert trades(read(path)) == facts


def test_every_kind_of_source_has_a_name_and_columns(tmp_path: Path) -> None:
    assert [(source.name, bool(source.columns)) for source in _one_of_each(tmp_path)] == [
        ("csv:a", True),
        ("jsonl:a", False),
        ("parquet:a", True),
        ("freqtrade:a", True),
        ("freqtrade-backtest:a", True),
    ]


def _one_of_each(folder: Path) -> Iterator[Source]:
    yield open_source(write(folder / "a.csv", HEADER))
    yield open_source(write(folder / "a.jsonl", "{}"))
    pl.DataFrame({"pnl": [1]}).write_parquet(folder / "a.parquet")
    yield open_source(folder / "a.parquet")
    yield open_source(database(folder / "a.sqlite"))
    yield open_source(zipped(folder / "a.zip", **{f"{NAME}.json": result(A=[])}))
