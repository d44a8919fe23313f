"""A DCGM exporter, as it answers over HTTP."""

import pytest

from receivers import Answer, drips, floods, hangs, listening, says, writes
from tiltyard.shell.gpu.dcgm import Dcgm, percents_in
from tiltyard.shell.gpu.source import GpuUnreadableError

TEXT = """\
# HELP DCGM_FI_DEV_SM_CLOCK SM clock frequency (in MHz).
# TYPE DCGM_FI_DEV_SM_CLOCK gauge
DCGM_FI_DEV_SM_CLOCK{gpu="0",UUID="GPU-5f",device="nvidia0",modelName="A \\"big\\" one"} 1410
# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-5f",device="nvidia0",modelName="A \\"big\\" one"} 37
DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-6a",device="nvidia1",Hostname="n1"} 98 1751889600000
"""
BOTH = {"0": 37.0, "1": 98.0}
PATIENCE = 0.5


def answered(answer: Answer, seconds: float = 10) -> dict[str, float]:
    with listening() as receiver:
        receiver.script.append(answer)
        return dict(Dcgm(receiver.url, seconds).sample())


def test_every_gpu_of_the_exporter_is_read() -> None:
    assert answered(says(200, TEXT.encode())) == BOTH


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (says(500, TEXT.encode()), "answered 500"),
        (says(302, b"", {"Location": "http://127.0.0.1:1/"}), "answered 302"),
        (says(200, TEXT.encode()[:-3]), "breaks off"),
        (says(200, b""), "breaks off"),
        (says(200, b"up 1\n"), "no DCGM_FI_DEV_GPU_UTIL"),
        (writes(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + TEXT.encode()), "exporter"),
        (writes(b"no HTTP at all"), "exporter"),
        (floods, "larger than 4 MB"),
    ],
)
def test_what_is_not_a_whole_answer_is_none(answer: Answer, why: str) -> None:
    with pytest.raises(GpuUnreadableError, match=why):
        answered(answer)


@pytest.mark.parametrize("answer", [hangs, drips(b"HTTP/1.1 200 OK\r\n\r\n")])
def test_an_exporter_that_is_slow_is_given_up(answer: Answer) -> None:
    with pytest.raises(GpuUnreadableError, match=r"within 0.5 s"):
        answered(answer, PATIENCE)


def test_an_exporter_that_is_not_there_says_nothing() -> None:
    with listening() as receiver:
        url = receiver.url
    with pytest.raises(GpuUnreadableError):
        Dcgm(url).sample()


@pytest.mark.parametrize("number", ["NaN", "+Inf", "-1", "101", "many", ""])
def test_a_number_that_is_no_percent_is_passed_over(number: str) -> None:
    odd = f'{TEXT}DCGM_FI_DEV_GPU_UTIL{{gpu="2"}} {number}\n'
    assert percents_in(odd) == BOTH


def test_of_a_gpu_in_instances_the_busiest_counts() -> None:
    instances = "".join(
        f'DCGM_FI_DEV_GPU_UTIL{{gpu="0",GPU_I_ID="{n}"}} {percent}\n'
        for n, percent in enumerate((10, 80, 30))
    )
    assert percents_in(instances) == {"0": 80.0}
