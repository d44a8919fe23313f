"""Whatever is changed in a record is found, and told by its own code."""
# ruff: noqa: S608 these tests edit databases that they made

import json
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from records import NOW, full_record, ledger_of, there_and_back
from tiltyard.facts.audit import GENESIS, canonical, chain
from tiltyard.facts.content import content_of
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money
from tiltyard.shell.metric_columns import refresh_metrics
from tiltyard.shell.replaying import conditions, start
from tiltyard.shell.replaying.start import FINISHED
from tiltyard.shell.replaying.verify import Verified, verify
from tiltyard.shell.settings import Settings, load, read_checklist
from tiltyard.shell.store.ledger import Ledger

Edit = Callable[[sqlite3.Connection], object]
SETTINGS = load()
COLUMNS = ("pf_30", "pf_150", "pf_prod", "dd_150", "total_trades", "wins", "total_pnl")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of a replay with a throttle, a way back, marks, gauges and decisions."""
    path = tmp_path_factory.mktemp("kept") / "record.db"
    done = full_record(path)
    assert [action.kind for action in done.actions] == ["throttle", "resume"]
    return path


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that no replay made."""
    path = tmp_path_factory.mktemp("ingested") / "ledger.db"
    with ledger_of(path, there_and_back()):
        return path


def check(path: Path, settings: Settings = SETTINGS, head: str | None = None) -> Verified:
    with Ledger.open(str(path)) as ledger:
        return verify(ledger, settings, NOW, head=head)


def code_of(path: Path, settings: Settings = SETTINGS, head: str | None = None) -> str:
    with pytest.raises(TiltyardError) as caught:
        check(path, settings, head)
    return caught.value.code


def edited(kept: Path, tmp_path: Path, edit: Edit | str) -> Path:
    copy = tmp_path / f"edited{len(list(tmp_path.iterdir()))}.db"
    shutil.copy(kept, copy)
    database = sqlite3.connect(copy)
    with database:
        changed = database.execute(edit) if isinstance(edit, str) else edit(database)
    if isinstance(changed, sqlite3.Cursor):
        assert changed.rowcount == 1, "the edit is one row"
    database.close()
    return copy


def test_an_untouched_record_verifies(kept: Path) -> None:
    found = check(kept)
    assert found.judgements is not None
    assert found.judgements > 2
    assert found.arms == 3
    assert check(kept, head=found.head) == found


def test_an_untouched_ledger_verifies_and_nothing_was_judged_in_it(ingested: Path) -> None:
    found = check(ingested)
    assert (found.trades, found.arms, found.judgements) == (320, 3, None)


@pytest.mark.parametrize(
    "column",
    ["pnl = pnl + 1", "capital = 1", "book = 'shadow'", "closed_at = closed_at + 1",
     "symbol = 'ETH/USDT'", "trade_id = 'other'", "policy_id = 5 - policy_id", "fees = 1"],
)  # fmt: skip
def test_an_edited_trade_is_named_even_when_no_action_changes(
    kept: Path, tmp_path: Path, column: str
) -> None:
    path = edited(kept, tmp_path, f"UPDATE trades SET {column} WHERE seq = 7")
    with pytest.raises(TiltyardError, match=r"^TRADE_EDITED .* of test, revision 1, is not"):
        check(path)


@pytest.mark.parametrize("column", ["pnl = pnl + 1", "notional = 5"])
def test_an_edited_trade_is_named_in_a_ledger_too(
    ingested: Path, tmp_path: Path, column: str
) -> None:
    path = edited(ingested, tmp_path, f"UPDATE trades SET {column} WHERE seq = 320")
    assert code_of(path) == "TRADE_EDITED"


def and_its_hash(database: sqlite3.Connection) -> None:
    """The pnl of a trade, and the hash that belongs to it."""
    (name,) = database.execute("SELECT trade_id FROM trades WHERE seq = 7").fetchone()
    one = next(fact for fact in there_and_back() if fact.trade_id == name)
    assert database.execute("SELECT content FROM trades WHERE seq = 7").fetchone() == (
        content_of(one),
    )
    better = one._replace(pnl=Money(one.pnl + 1))
    database.execute(
        "UPDATE trades SET pnl = ?, content = ? WHERE seq = 7", (better.pnl, content_of(better))
    )


def one_more(database: sqlite3.Connection) -> None:
    """A trade as good as any, with its own hash."""
    fact = there_and_back()[-1]
    new = fact._replace(trade_id="new")
    columns = [row[1] for row in database.execute("PRAGMA table_info(trades)")]
    (row,) = database.execute(
        "SELECT * FROM trades WHERE trade_id = ? AND revision = 1", (fact.trade_id,)
    )
    values = {**dict(zip(columns, row, strict=True)), "trade_id": "new"}
    values |= {"seq": None, "content": content_of(new)}
    marks = ", ".join("?" * len(columns))
    database.execute(f"INSERT INTO trades VALUES ({marks})", [values[name] for name in columns])


FACTS: dict[str, Edit | str] = {
    "edited with its hash": and_its_hash,
    "removed": "DELETE FROM trades WHERE seq = 7",
    "the last removed": "DELETE FROM trades WHERE seq = (SELECT max(seq) FROM trades)",
    "inserted": one_more,
    "revised": "UPDATE trades SET revision = 9 WHERE seq = 7",
    "known at another time": "UPDATE trades SET known_at = known_at + 1 WHERE seq = 7",
    "moved to the end": "UPDATE trades SET seq = 100000 WHERE seq = 7",
}


@pytest.mark.parametrize("way", FACTS)
def test_trades_that_are_not_those_that_came_in_differ(
    kept: Path, ingested: Path, tmp_path: Path, way: str
) -> None:
    assert code_of(edited(kept, tmp_path, FACTS[way])) == "FACTS_DIFFER"
    assert code_of(edited(ingested, tmp_path, FACTS[way])) == "FACTS_DIFFER"


def test_the_positions_of_the_ingest_are_told(kept: Path, tmp_path: Path) -> None:
    path = edited(kept, tmp_path, "DELETE FROM trades WHERE seq = 7")
    with pytest.raises(TiltyardError, match="positions 1 to 320 are not"):
        check(path)
    path = edited(kept, tmp_path, "DELETE FROM trades WHERE seq = 325")
    with pytest.raises(TiltyardError, match="positions 321 to 350 are not"):
        check(path)
    with pytest.raises(TiltyardError, match="from position 351 on, the first being new of test"):
        check(edited(kept, tmp_path, one_more))


@pytest.mark.parametrize(
    ("kind", "edit"),
    [
        ("marks", "UPDATE marks SET unrealised = unrealised + 1 WHERE seq = 3"),
        ("marks", "UPDATE marks SET marked_at = marked_at + 1 WHERE seq = 3"),
        ("marks", "DELETE FROM marks WHERE seq = 9"),
        ("observations", "UPDATE observations SET number = number + 1 WHERE seq = 2"),
        ("observations", "DELETE FROM observations WHERE seq = 2"),
        ("decisions", "UPDATE decisions SET volatility_tercile = 2 WHERE seq = 2"),
        ("decisions", "DELETE FROM decisions WHERE seq = 2"),
        ("decisions", "DELETE FROM decisions WHERE seq = 6"),
        (
            "marks",
            (
                "INSERT INTO marks SELECT seq + 99, policy_id, marked_at + 99, unrealised, "
                "open_positions, capital, account, currency, known_at, exposure FROM marks LIMIT 1"
            ),
        ),
    ],
)
def test_an_edited_mark_or_gauge_is_not_what_was_replayed(
    kept: Path, tmp_path: Path, kind: str, edit: str
) -> None:
    with pytest.raises(TiltyardError, match=f"^FACTS_DIFFER .* the {kind} are not those"):
        check(edited(kept, tmp_path, edit))


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE bandit_arms SET traffic_allocation = 0.5, revision = 99 WHERE policy_id = 3",
        "UPDATE bandit_arms SET ceiling = 0.9, revision = 99 WHERE policy_id = 3",
        "UPDATE policies SET state = 'live' WHERE id = 3",
        "UPDATE policies SET capital = 1 WHERE id = 3",
        "UPDATE policies SET trial_started_at = 1 WHERE id = 3",
        "DELETE FROM reviews WHERE number = 1",
        "INSERT INTO holds VALUES ('ramp_frozen_by', 'somebody')",
    ],
)
def test_an_edited_arm_is_not_what_the_audit_adds_up_to(
    kept: Path, tmp_path: Path, edit: str
) -> None:
    assert code_of(edited(kept, tmp_path, edit)) == "PROJECTION_DIFFERS"


@pytest.mark.parametrize("column", COLUMNS)
def test_an_edited_metric_column_is_not_what_the_trades_give(
    kept: Path, ingested: Path, tmp_path: Path, column: str
) -> None:
    edit = f"UPDATE bandit_arms SET {column} = coalesce({column}, 1) + 1 WHERE policy_id = 3"
    for path in (kept, ingested):
        with pytest.raises(TiltyardError, match=f"^METRICS_DIFFER .*{column} of bot is "):
            check(edited(path, tmp_path, edit))


def rehash(database: sqlite3.Connection) -> None:
    """Compute the whole chain anew."""
    head = GENESIS
    for seq, body in database.execute("SELECT seq, body FROM audit ORDER BY seq").fetchall():
        row = (head, head := chain(head, body), seq)
        database.execute("UPDATE audit SET previous = ?, hash = ? WHERE seq = ?", row)


def by_a_version_that_measured_by_no_decisions(database: sqlite3.Connection) -> None:
    """The record, as it was written before decisions were facts that a desk measures by."""
    for seq, body in database.execute("SELECT seq, body FROM audit ORDER BY seq").fetchall():
        event = json.loads(body)
        if event["event"] == start.EVENT:
            assert event["up_to_seq"].pop("decisions") == 6
            del event["facts"]["decisions"]
            facts = start.start_from(event).digest()
        elif event["event"] == FINISHED:
            event["facts"] = facts
        database.execute("UPDATE audit SET body = ? WHERE seq = ?", (canonical(event), seq))
    rehash(database)


@pytest.mark.parametrize("decisions", ["kept", "edited"])
def test_a_record_from_before_decisions_counted_verifies(
    kept: Path, tmp_path: Path, decisions: str
) -> None:
    path = edited(kept, tmp_path, by_a_version_that_measured_by_no_decisions)
    if decisions == "edited":
        path = edited(path, tmp_path, "UPDATE decisions SET volatility_tercile = 0 WHERE seq = 2")
    assert check(path).judgements == check(kept).judgements
    assert code_of(edited(path, tmp_path, "DELETE FROM marks WHERE seq = 2")) == "FACTS_DIFFER"


LATER = "WHERE seq = (SELECT max(seq) - 4 FROM audit)"


@pytest.mark.parametrize(
    "edit",
    [
        f"UPDATE audit SET body = replace(body, '{{', '{{ ') {LATER}",
        f"UPDATE audit SET hash = 'x' {LATER}",
        f"DELETE FROM audit {LATER}",
        "DELETE FROM audit WHERE seq = 1",
        "INSERT INTO audit SELECT seq + 1, at, body, hash, 'x' FROM audit ORDER BY 1 DESC LIMIT 1",
    ],
)
def test_an_edited_removed_or_inserted_audit_row_breaks_the_chain(
    kept: Path, tmp_path: Path, edit: str
) -> None:
    assert code_of(edited(kept, tmp_path, edit)) == "AUDIT_BROKEN"


def test_a_record_whose_last_row_was_removed_is_unfinished(kept: Path, tmp_path: Path) -> None:
    last = "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)"
    assert code_of(edited(kept, tmp_path, last)) == "REPLAY_UNFINISHED"


def test_a_ledger_whose_last_ingest_was_removed_has_trades_from_nowhere(
    ingested: Path, tmp_path: Path
) -> None:
    last = "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)"
    assert code_of(edited(ingested, tmp_path, last)) == "FACTS_DIFFER"


def test_a_forged_action_with_all_hashes_anew_is_judged_otherwise(
    kept: Path, tmp_path: Path
) -> None:
    def forge(database: sqlite3.Connection) -> None:
        changed = database.execute(
            """UPDATE audit SET body = replace(body, '"value":"1', '"value":"9') """
            """WHERE body LIKE '%"throttle"%'"""
        )
        assert changed.rowcount == 1
        rehash(database)

    with pytest.raises(
        TiltyardError, match=r"^VERDICTS_DIFFER .* was throttle of bot at .*, value '1.* and not '9"
    ):
        check(edited(kept, tmp_path, forge))


def test_a_removed_action_with_all_hashes_anew_is_judged_otherwise(
    kept: Path, tmp_path: Path
) -> None:
    def forge(database: sqlite3.Connection) -> None:
        last = "SELECT max(seq) FROM audit WHERE body LIKE '%skip_scale%'"
        database.execute(f"DELETE FROM audit WHERE seq = ({last})")
        rehash(database)

    with pytest.raises(TiltyardError, match=r"^VERDICTS_DIFFER .* was none; judged again it is"):
        check(edited(kept, tmp_path, forge))


def test_an_end_that_says_otherwise_differs(kept: Path, tmp_path: Path) -> None:
    def forge(database: sqlite3.Connection) -> None:
        database.execute(
            """UPDATE audit SET body = replace(body, '"trades":320', '"trades":9') """
            """WHERE body LIKE '%"replayed"%'"""
        )
        rehash(database)

    with pytest.raises(TiltyardError, match=r"^VERDICTS_DIFFER .* says otherwise of trades"):
        check(edited(kept, tmp_path, forge))


def test_a_noted_head_is_missed_when_all_hashes_are_anew(ingested: Path, tmp_path: Path) -> None:
    def forge(database: sqlite3.Connection) -> None:
        database.execute("UPDATE audit SET body = replace(body, '\"test\"', '\"me\"')")
        rehash(database)

    noted = check(ingested).head
    forged = edited(ingested, tmp_path, forge)
    assert check(forged).rows == check(ingested).rows
    assert code_of(forged, head=noted) == "HEAD_UNKNOWN"


def test_a_noted_head_stays_in_the_chain_as_the_ledger_goes_on(tmp_path: Path) -> None:
    with ledger_of(tmp_path / "l.db", there_and_back()[:50]) as ledger:
        noted = ledger.audit_head()
        with ledger.staging() as staging:
            staging.add([(n, one, False) for n, one in enumerate(there_and_back()[40:80])])
            staging.commit(now=NOW, known_at=NOW, actor="ada", source="csv:more")
        event = json.loads(list(ledger.audit())[-1].body)
    assert (event["event"], event["actor"], event["source"]) == ("ingest", "ada", "csv:more")
    assert (event["new"], event["corrected"], event["quarantined"]) == (30, 0, 0)
    assert event["up_to_seq"] == 80
    path = tmp_path / "l.db"
    with pytest.raises(TiltyardError, match="METRICS_DIFFER"):  # nobody brought them up to date
        check(path, head=noted)


def test_an_ingest_that_adds_nothing_leaves_no_event(tmp_path: Path) -> None:
    with ledger_of(tmp_path / "l.db", there_and_back()) as ledger:
        head = ledger.audit_head()
        with ledger.staging() as staging:
            staging.add([(n, one, False) for n, one in enumerate(there_and_back())])
            staging.commit(now=NOW, known_at=NOW)
        assert ledger.audit_head() == head


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("shares", {"start": 0.2}),
        ("shares", {"cap": 0.5}),
        ("account", {"capital": 5.0}),
        ("account", {"name": "other"}),
        ("policies", {"capital": 5.0}),
        ("schedule", {"nightly": time(3)}),
        ("schedule", {"timezone": "Europe/Berlin"}),
        ("scaling", {"rule": "static"}),
    ],
)
def test_other_settings_are_no_tampering_and_are_named(
    kept: Path, section: str, values: dict[str, object]
) -> None:
    part = getattr(SETTINGS, section).model_copy(update=values)
    (name,) = values
    with pytest.raises(TiltyardError, match=f"^SETTINGS_DIFFER .*{section}.{name} was .* and is"):
        check(kept, SETTINGS.model_copy(update={section: part}))


def test_another_database_setting_decides_nothing(kept: Path) -> None:
    part = SETTINGS.ledger.model_copy(update={"database": "elsewhere.db"})
    assert check(kept, SETTINGS.model_copy(update={"ledger": part})).judgements


def test_another_checklist_is_no_tampering(kept: Path) -> None:
    guards = [{"name": "challenger_drawdown_high", "when": "> 50"}]
    other = SETTINGS.model_copy(update={"checklist": read_checklist(guards, "other")})
    assert code_of(kept, other) == "CHECKLIST_DIFFERS"


def test_another_version_of_the_metrics_is_no_tampering(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditions, "METRICS_VERSION", 99)
    assert code_of(kept) == "METRICS_VERSION_DIFFERS"


def test_a_record_that_goes_on_still_verifies(kept: Path, tmp_path: Path) -> None:
    path = edited(kept, tmp_path, lambda _: None)
    with Ledger.open(str(path)) as ledger:
        later = datetime(2025, 12, 1, tzinfo=UTC)
        new = there_and_back()[-1]._replace(trade_id="later", opened_at=later, closed_at=later)
        with ledger.staging() as staging:
            staging.add([(1, new, False)])
            staging.commit(now=NOW, known_at=NOW)
    assert code_of(path) == "METRICS_DIFFER"
    with Ledger.open(str(path)) as ledger:
        refresh_metrics(ledger, SETTINGS, NOW)
    assert check(path).trades == check(kept).trades + 1
