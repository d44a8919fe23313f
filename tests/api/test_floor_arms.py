"""Arms that the desk trades itself: what others tell of them is refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from floors import BREAKOUT, populate, put_bars, quiet_and_up
from served import serving, trade
from tiltyard.market.bar import HOUR
from tiltyard.shell.clock import system_now
from tiltyard.shell.store.ledger import Ledger

SETTINGS = """
[account]
currency = "USDT"

[market]
feed = "bars"
"""


@pytest.mark.parametrize("kind", ["trades", "marks"])
def test_the_desk_knows_better_what_they_hold(tmp_path: Path, kind: str) -> None:
    now = system_now().replace(minute=0, second=0, microsecond=0)
    (tmp_path / "bars").mkdir()
    put_bars(tmp_path / "bars" / "SOL_USDT-1h.csv", quiet_and_up(now - 80 * HOUR))
    database = str(tmp_path / "desk.db")
    with Ledger.open(database, create=True) as ledger:
        populate(ledger, [BREAKOUT], now - timedelta(days=1))
    told = {
        "trades": trade(1, BREAKOUT, currency="USDT"),
        "marks": {"policy": BREAKOUT, "marked_at": now.isoformat(), "unrealised": "0",
                  "open_positions": 0},
    }  # fmt: skip
    with serving(database, tmp_path, SETTINGS) as desk, desk.asking("ingest") as bot:
        answer = bot.post(f"/v1/{kind}", json={kind: [told[kind]]})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "ITEMS_REFUSED"
    assert error["faults"] == [
        {"item": 0, "place": "policy", "message": f"the desk trades {BREAKOUT} itself, on bars"}
    ]
