"""GPUs of another machine, or of this one, by a DCGM exporter's text for Prometheus.

Only one family is looked at, ``DCGM_FI_DEV_GPU_UTIL``: percent, with the label ``gpu``. An
answer has a time and a size in which it comes, and is whole or none: a text that breaks off
would show fewer GPUs than there are.
"""

import re
import time
from collections.abc import Iterator, Mapping
from math import isfinite

import httpx

from tiltyard.shell.gpu.source import GpuUnreadableError

FAMILY = "DCGM_FI_DEV_GPU_UTIL"
SECONDS = 5.0
"""For the whole answer."""
LARGEST = 4 << 20
"""Bytes; an exporter of eight GPUs sends about a fortieth."""
_SAMPLE = re.compile(rf"{FAMILY}\{{(?P<labels>.*)\}} +(?P<number>\S+)(?: +-?\d+)?\s*")
_GPU = re.compile(r'(?:^|,)\s*gpu="(?P<gpu>[^"\\]*)"')


class Dcgm:
    """An exporter.

    Args:
        url: Where its metrics are.
        seconds: For the whole answer.
    """

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        self._url = url
        self._seconds = seconds

    def sample(self) -> Mapping[str, float]:
        """Percent as the exporter last saw it, by its label ``gpu``."""
        try:
            text = self._text()
        except httpx.TimeoutException:
            raise _late(self._seconds) from None
        except httpx.HTTPError as error:
            raise GpuUnreadableError(f"the exporter: {error}"[:200]) from None
        return percents_in(text)

    def _text(self) -> str:
        until = time.monotonic() + self._seconds
        with (
            httpx.Client(trust_env=False, timeout=self._seconds) as client,
            client.stream("GET", self._url) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise GpuUnreadableError(f"the exporter answered {answer.status_code}")  # noqa: TRY003 it says why
            raw = bytearray()
            for part in answer.iter_bytes():
                raw += part
                if len(raw) > LARGEST:
                    raise GpuUnreadableError("the exporter's text is larger than 4 MB")  # noqa: TRY003 as above
                if time.monotonic() > until:
                    raise _late(self._seconds)
        return raw.decode(errors="replace")


def percents_in(text: str) -> Mapping[str, float]:
    r"""How busy each GPU is by an exporter's text; of one in instances, the busiest of them.

    Raises:
        GpuUnreadableError: The text is not whole, or says it of none.

    >>> percents_in('DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1"} 37\n')
    {'0': 37.0}
    """
    if not text.endswith("\n"):
        raise GpuUnreadableError("the exporter's text breaks off")  # noqa: TRY003 it says why
    percents: dict[str, float] = {}
    for gpu, percent in _samples(text):
        percents[gpu] = max(percent, percents.get(gpu, 0.0))
    if not percents:
        raise GpuUnreadableError(f"the exporter's text has no {FAMILY}")  # noqa: TRY003 it says why
    return percents


def _samples(text: str) -> Iterator[tuple[str, float]]:
    for line in text.splitlines():
        if (found := _SAMPLE.fullmatch(line)) is None:
            continue
        gpu = _GPU.search(found["labels"])
        try:
            percent = float(found["number"])
        except ValueError:
            continue
        if gpu is not None and isfinite(percent) and 0 <= percent <= 100:  # noqa: PLR2004 percent
            yield gpu["gpu"], percent


def _late(seconds: float) -> GpuUnreadableError:
    return GpuUnreadableError(f"the exporter gave no whole answer within {seconds:g} s")
