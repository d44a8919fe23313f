"""A house to take snapshots of: a ledger with arms and trades, two models, settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crash.floor import DAY, append, populate, rules
from tiltyard.shell.archive.gathering import Belongings
from tiltyard.shell.metric_columns import refresh_metrics
from tiltyard.shell.store.ledger import Ledger
from trained_policies import put_model, tiny_sizing


def fill(ledger: Ledger) -> None:
    """Arms, and what they have traded in a morning."""
    populate(ledger)
    for moment in DAY[:3]:
        if moment.trades:
            append(ledger, moment.trades, moment.at)
    refresh_metrics(ledger, rules(), DAY[2].at)


@contextmanager
def house_in(folder: Path) -> Iterator[Belongings]:
    """One whose database has nothing in it, in a new folder."""
    folder.mkdir()
    url = str(folder / "tiltyard.db")
    with Ledger.open(url, create=True), house(url, folder) as found:
        yield found


@contextmanager
def house(url: str, folder: Path) -> Iterator[Belongings]:
    """One whose database is there, and filled."""
    models = folder / "models"
    for snapshot in (None, tiny_sizing()):
        put_model(models, snapshot)
    (folder / "tiltyard.toml").write_text('[ledger]\ndatabase = "./tiltyard.db"\n')
    with Ledger.open(url) as ledger:
        yield Belongings(ledger, models, folder / "tiltyard.toml")
