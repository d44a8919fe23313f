"""What a replay leaves behind says what the replay said."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ledgers import new_ledger
from records import CAPITAL, CHAMPION, NOW, START, full_record, ledger_of, replayed, trade
from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.kernel.money import money
from tiltyard.shell.ingest import Reading
from tiltyard.shell.metric_columns import metric_columns
from tiltyard.shell.replaying.measure import measure
from tiltyard.shell.replaying.replay import Replayed, replay
from tiltyard.shell.replaying.scratch import take_files, take_ledger
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.report.content import describe
from tiltyard.shell.settings import Settings, load
from tiltyard.shell.store.ledger import Ledger
from tiltyard.simulation.known_status import known_trades

SETTINGS = load()
HEADER = "trade_id,policy,symbol,side,opened_at,closed_at,pnl\n"


def same_as_its_report(done: Replayed, record: Ledger, settings: Settings = SETTINGS) -> int:
    """Compare every arm's report with what the replay measured; how many trades are shadow."""
    assert done.ended is not None
    later = measure(record, settings, done.ended, record.roster())
    assert later.roster == done.desk.roster
    for name in done.desk.roster.arms:
        own = describe(done.desk, name, done.ended, done.actions)
        kept = describe(later, name, done.ended)
        assert kept.total_trades == own.total_trades, name
        for line, again in zip(own.metrics, kept.metrics, strict=True):
            assert again.reading == line.reading, f"{line.name} of {name}"
    columns = record.metrics()
    assert columns == metric_columns(record, settings, NOW)
    for name, column in columns.items():
        assert column.total_trades == done.desk.panel.arm(name).lifetime_trades
    return sum(fact.book == "shadow" for fact in record.trades())


def files_replayed(path: Path, files: Sequence[Path], champion: str | None) -> Replayed:
    with new_ledger(path) as scratch:
        how = Reading(capital=money(1000))
        take_files(scratch, files, how, SETTINGS, NOW, champion=champion)
        return replay(scratch, SETTINGS, NOW)


def csv_of(path: Path, *rows: tuple[object, str, str, str]) -> Path:
    """A file of trades: identifier, policy, day, and result."""
    lines = [
        f"{name},{policy},BTC,long,2025-01-{day}T00:00:00Z,2025-01-{day}T01:00:00Z,{pnl}"
        for name, policy, day, pnl in rows
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([HEADER.strip(), *lines, ""]), encoding="utf-8")
    return path


@pytest.mark.parametrize("strategies", [("Grid", "Trend"), ("Grid", "Grid")])
def test_the_files_of_bots_that_give_them_one_name_are_replayed_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategies: tuple[str, str]
) -> None:
    one, other = strategies
    csv_of(tmp_path / "bots/a/trades.csv", (1, one, "01", "1"), (2, one, "02", "2"))
    csv_of(tmp_path / "bots/b/live/trades.csv", (1, other, "03", "3"), (2, other, "04", "4"))
    csv_of(tmp_path / "bots/b/live/trades.tsv", (1, other, "05", "5"))
    csv_of(tmp_path / "bots/b/more.csv", (1, other, "06", "6"))
    monkeypatch.chdir(tmp_path / "bots/b")
    files = [Path(f"../{name}") for name in ("a/trades.csv", "b/live/trades.csv",
             "b/live/trades.tsv", "b/more.csv", "b/../a/trades.csv")]  # fmt: skip
    files_replayed(tmp_path / "r.db", files, None)
    with Ledger.open(str(tmp_path / "r.db")) as record:
        kept = list(record.trades())
        verify(record, SETTINGS, NOW)
    assert [(trade.source, trade.pnl) for trade in kept] == [
        ("csv:a/trades.csv", money(1)), ("csv:a/trades.csv", money(2)),
        ("csv:b/live/trades.csv", money(3)), ("csv:b/live/trades.csv", money(4)),
        ("csv:b/live/trades.tsv", money(5)), ("csv:more", money(6)),
    ]  # fmt: skip
    assert [trade.policy for trade in kept] == [one, one, other, other, other, other]


@pytest.mark.parametrize("name", ["b/trades.csv", "a/renamed.csv"])
def test_a_file_and_its_copy_are_not_replayed_as_two(tmp_path: Path, name: str) -> None:
    files = [csv_of(tmp_path / one, (1, "Grid", "01", "1")) for one in ("a/trades.csv", name)]
    with pytest.raises(TiltyardError, match="SOURCE_RENAMED") as caught:
        files_replayed(tmp_path / "r.db", files, None)
    assert caught.value.remedy.startswith("Leave one of the two out. If")


def test_a_report_on_the_record_of_real_logs_gives_the_replays_numbers(
    real_data: Path, tmp_path: Path
) -> None:
    files = sorted(real_data.glob("trades-*.parquet"))
    done = files_replayed(tmp_path / "r.db", files, "VolCompressionBreakout_4h_v1")
    with Ledger.open(str(tmp_path / "r.db")) as record:
        assert same_as_its_report(done, record) > 100
        verify(record, SETTINGS, NOW)


def test_a_report_on_the_record_of_the_known_status_gives_the_replays_numbers(
    tmp_path: Path,
) -> None:
    file = tmp_path / "known.csv"
    rows = [
        f"{t.trade_id},{t.policy},{t.symbol},{t.side},{t.opened_at.isoformat()},"
        f"{t.closed_at.isoformat()},{t.pnl / 1e8:.8f}\n"
        for t in known_trades()
    ]
    file.write_text(HEADER + "".join(rows), encoding="utf-8")
    done = files_replayed(tmp_path / "r.db", [file], None)
    with Ledger.open(str(tmp_path / "r.db")) as record:
        assert same_as_its_report(done, record) > 30


def test_an_arm_that_came_back_has_in_its_record_the_trial_it_is_in(tmp_path: Path) -> None:
    done = full_record(tmp_path / "r.db")
    with Ledger.open(str(tmp_path / "r.db")) as record:
        assert same_as_its_report(done, record) == 30
        (arm,) = (arm for arm in record.roster().arms.values() if arm.resumed_at)
        trial = done.desk.panel.arm(arm.name).live.trades
        assert 0 < trial < done.desk.panel.arm(arm.name).lifetime_trades


def test_a_live_trade_that_brings_its_arm_back_is_not_in_the_new_trial(tmp_path: Path) -> None:
    stream = [trade("bot", n, 1.1 if n % 2 else -1) for n in range(30)]
    shadow = [trade("bot", 30 + n, 5 if n % 2 else -1) for n in range(29)]
    runs_off = trade("bot", 59, 5, opened_at=START)
    after = [trade("bot", 60 + n, 1) for n in range(3)]
    with ledger_of(tmp_path / "l.db", [*stream, *shadow, runs_off, *after]) as ledger:
        done = replayed(tmp_path / "r.db", ledger)
    resumed = [action.at for action in done.actions if action.kind == "resume"]
    assert len(resumed) == 1
    with Ledger.open(str(tmp_path / "r.db")) as record:
        assert resumed[0] in {t.closed_at for t in record.trades() if t.book == "live"}
        same_as_its_report(done, record)


def test_the_trades_as_they_came_in_stay_where_they_were(tmp_path: Path) -> None:
    full_record(tmp_path / "r.db")
    with Ledger.open(str(tmp_path / "r.db")) as record:
        stored = [row.trade for row in record.stored_trades()]
        moved = [fact for fact in stored if fact.revision == 2]
        came_in = {fact.trade_id: fact for fact in stored if fact.revision == 1}
        assert len(came_in) == 320
        for fact in moved:
            assert fact._replace(book="live", revision=1, seq=0) == came_in[fact.trade_id]._replace(
                seq=0
            )
        assert {fact.book for fact in record.trades(up_to_seq=320)} == {"live"}


def test_a_corrected_trade_that_counts_as_shadow_gets_the_revision_after_its_own(
    tmp_path: Path,
) -> None:
    halting = trade("bot", 0, -9000)
    later = trade("bot", 5, 1)
    with ledger_of(tmp_path / "l.db", [halting, later]) as ledger:
        with ledger.staging() as staging:
            staging.add([(1, later._replace(pnl=money(2)), False)])
            staging.commit(now=NOW, known_at=NOW)
        replayed(tmp_path / "r.db", ledger)
    with Ledger.open(str(tmp_path / "r.db")) as record:
        facts = [(fact.revision, fact.book, fact.pnl) for fact in record.trades()]
        assert facts == [(1, "live", money(-9000)), (3, "shadow", money(2))]
        assert verify(record, SETTINGS, NOW).judgements


def test_more_actions_than_are_written_at_once_are_all_in_the_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiltyard.shell.store.replay_record.BATCH", 7)
    monkeypatch.setattr("tiltyard.shell.store.audit_table.BATCH", 3)
    done = full_record(tmp_path / "r.db")
    with Ledger.open(str(tmp_path / "r.db")) as record:
        found = verify(record, SETTINGS, NOW)
        assert found.judgements == 30
        assert same_as_its_report(done, record) == 30


@pytest.mark.parametrize(
    ("count", "share", "on_trial"), [(8, 0.1, 6), (3, 0.25, 2), (2, 0.6, 1), (6, 0.1, 6)]
)
def test_arms_go_on_trial_as_they_registered_while_there_is_room(
    tmp_path: Path, count: int, share: float, on_trial: int
) -> None:
    names = [f"arm{n}" for n in range(count)]
    stream = [trade(name, n / 100, 1) for n, name in enumerate([CHAMPION, *names])]
    with ledger_of(tmp_path / "l.db", stream, names=names, share=share) as ledger:
        done = replayed(tmp_path / "r.db", ledger)
    arms = done.desk.roster.arms
    assert [n for n in names if arms[n].state == "probation"] == names[:on_trial]
    assert [n for n in names if arms[n].state == "candidate"] == names[on_trial:]
    assert {arms[name].share for name in names[on_trial:]} <= {0.0}
    assert arms[CHAMPION].share >= 0.4 - 1e-9
    with Ledger.open(str(tmp_path / "r.db")) as record:
        verify(record, SETTINGS, NOW)
        books = {fact.policy: fact.book for fact in record.trades()}
    assert {books[name] for name in names[:on_trial]} == {"live"}
    assert {books[name] for name in names[on_trial:]} <= {"shadow"}


def test_every_policy_of_a_file_is_on_trial_and_the_champion_keeps_its_floor(
    tmp_path: Path,
) -> None:
    file = tmp_path / "many.csv"
    row = "{n},p{n},BTC/USDT,long,2025-01-01T00:00:00Z,2025-01-01T01:00:00Z,1\n"
    file.write_text(HEADER + "".join(row.format(n=n) for n in range(37)), encoding="utf-8")
    done = files_replayed(tmp_path / "r.db", [file], "p30")
    arms = done.desk.roster.arms
    assert {arm.state for name, arm in arms.items() if name not in ("p30", FLAT)} == {"probation"}
    assert 0.4 <= arms["p30"].share < 0.4001
    with Ledger.open(str(tmp_path / "r.db")) as record:
        verify(record, SETTINGS, NOW)


def test_a_roster_whose_challengers_have_more_than_all_is_refused() -> None:
    roster = Roster().with_arm(Arm(CHAMPION, "champion", "champion", 1, 1, 1, CAPITAL, START))
    half = roster.with_arm(Arm("a", "challenger", "live", 0.5, 0.1, 0.6, CAPITAL, START))
    whole = half.with_arm(Arm("b", "challenger", "live", 0.5, 0.1, 0.6, CAPITAL, START))
    assert whole.champion().share == 0
    with pytest.raises(TiltyardError, match=r"^SHARES_EXCEED_ONE b: with its 0.51 .* have 1.01"):
        half.with_arm(Arm("b", "challenger", "live", 0.51, 0.1, 0.6, CAPITAL, START))


def test_a_replay_that_stops_half_way_leaves_the_record_unfinished(tmp_path: Path) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with (
        ledger_of(tmp_path / "l.db", [trade("bot", 0, -9000)]) as ledger,
        new_ledger(tmp_path / "r.db") as scratch,
    ):
        take_ledger(scratch, ledger, SETTINGS, NOW)
        before = scratch.audit_head()
        with pytest.raises(KeyboardInterrupt):
            replay(scratch, SETTINGS, NOW, on_action=stop)
        assert scratch.audit_head() == before
        with pytest.raises(TiltyardError, match=r"^REPLAY_UNFINISHED"):
            verify(scratch, SETTINGS, NOW)


def test_nothing_taken_in_is_nothing_to_replay(tmp_path: Path) -> None:
    with (
        new_ledger(tmp_path / "r.db") as scratch,
        pytest.raises(TiltyardError, match=r"^REPLAY_EMPTY"),
    ):
        replay(scratch, SETTINGS, NOW)


def test_a_bad_file_is_not_told_of_an_option_that_replay_lacks(tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(HEADER + "1,a,B,long,2025-01-01T00:00:00Z,2025-01-01T01:00:00Z,nan\n")
    with pytest.raises(Faults) as caught:
        files_replayed(tmp_path / "r.db", [file], None)
    assert str(caught.value).endswith(
        "Mend the file; or take its good rows into a ledger (tiltyard ingest --skip-bad), "
        "and replay that."
    )


def test_a_champion_that_is_not_in_the_files_names_those_that_are(tmp_path: Path) -> None:
    file = tmp_path / "one.csv"
    file.write_text(HEADER + "1,alpha,B,long,2025-01-01T00:00:00Z,2025-01-01T01:00:00Z,1\n")
    with pytest.raises(TiltyardError, match=r"^POLICY_UNKNOWN 'beta'.* they hold: alpha$"):
        files_replayed(tmp_path / "r.db", [file], "beta")


def test_trades_before_the_champions_first_are_shadow_in_the_record(tmp_path: Path) -> None:
    file = tmp_path / "two.csv"
    row = "{n},{p},B,long,2025-01-{n:02d}T00:00:00Z,2025-01-{n:02d}T01:00:00Z,1\n"
    names = ["early"] * 3 + ["champ", "early"]
    rows = [row.format(n=1 + n, p=name) for n, name in enumerate(names)]
    file.write_text(HEADER + "".join(rows), encoding="utf-8")
    done = files_replayed(tmp_path / "r.db", [file], "champ")
    with Ledger.open(str(tmp_path / "r.db")) as record:
        assert same_as_its_report(done, record) == 3
        assert [fact.book for fact in record.trades("early")] == ["shadow"] * 3 + ["live"]


def test_the_curves_stay_small_however_many_actions_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiltyard.shell.replaying.recording.MOST_ACTIONS", 4)
    monkeypatch.setattr("tiltyard.shell.replaying.recording.FEWEST_POINTS", 8)
    monkeypatch.setattr("tiltyard.shell.replaying.recording.ALL_POINTS", 30)
    names = [f"arm{n}" for n in range(6)]
    stream = [trade(name, n + k / 10, -2000) for n in range(12) for k, name in enumerate(names)]
    with ledger_of(tmp_path / "l.db", stream, names=names) as ledger:
        done = replayed(tmp_path / "r.db", ledger)
    assert all(len(path.times) <= 8 for path in done.recording.paths.values())
    assert len(done.recording.traffic) <= 8
    assert done.recording.traffic[-1][1] == {
        name: arm.share for name, arm in done.desk.roster.arms.items()
    }
    assert all(action.kind != "skip_scale" for action in done.actions)
    assert done.trades == len(stream)
