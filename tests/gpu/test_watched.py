"""GPUs are read in a thread of their own while a desk runs."""

import time
from pathlib import Path

import pytest

from receivers import hangs, listening, says
from records import ledger_of
from tiltyard.facts.observation import Observation
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.clock import system_now
from tiltyard.shell.gauges import Gauges
from tiltyard.shell.gpu.readings import GpuReadings
from tiltyard.shell.gpu.watched import gpus_watched
from tiltyard.shell.sections.gpu import GpuSettings
from tiltyard.shell.store.ledger import Ledger
from waiting import until

TEXT = b'DCGM_FI_DEV_GPU_UTIL{gpu="0"} 37\n'
PROMPT = 30.0


def test_an_exporter_is_read_for_as_long_as_the_desk_runs(tmp_path: Path) -> None:
    readings, said = GpuReadings(), list[str]()
    with ledger_of(tmp_path / "desk.db", []) as ledger, listening() as receiver:
        receiver.script.append(says(200, TEXT))
        with gpus_watched(GpuSettings(source=receiver.url), ledger, readings, say=said.append):
            until(lambda: readings.now.available)
            assert dict(readings.now.utilization) == {"0": 0.37}
    assert not said


def test_an_exporter_that_hangs_keeps_no_desk_from_ending(tmp_path: Path) -> None:
    with ledger_of(tmp_path / "desk.db", []) as ledger, listening() as receiver:
        receiver.script.append(hangs)
        settings = GpuSettings(source=receiver.url)
        with gpus_watched(settings, ledger, GpuReadings(), say=lambda _: None):
            until(lambda: receiver.asked)
            began = time.monotonic()
        assert time.monotonic() - began < PROMPT / 2


def test_what_a_locked_database_does_not_take_is_appended_later_and_once(tmp_path: Path) -> None:
    now = system_now()
    path = tmp_path / "desk.db"
    with ledger_of(path, []) as ledger, Ledger.open(str(path), busy_timeout_ms=5) as door:
        gauges = Gauges(door, lambda: now)
        first, second = (Observation("gpu_util_pct", n, now) for n in (1.0, 2.0))
        with ledger.transaction():
            gauges.report(first)
        assert not list(ledger.observations())
        gauges.report()
        gauges.report(first)
        (kept,) = ledger.observations()
        assert kept._replace(seq=0) == first
        with pytest.raises(TiltyardError, match="FACT_DIFFERS"):
            gauges.report(second)
        gauges.report()
        assert len(list(ledger.observations())) == 1, "what is wrong is dropped"
