"""On a machine with an NVIDIA GPU: does the reader see what ``nvidia-smi`` sees?

Run it from the checkout, where ``nvidia-ml-py`` is installed and a driver runs. Nothing else is
needed, no CUDA toolkit and no network:

    PYTHONPATH=src python tests/device/gpu_check.py

It reads an idle GPU, then one that is kept busy by a small kernel that the driver itself
compiles, and prints both readings side by side. It ends with 0 when they agree within 15 points
on average, idle and busy, and the busy GPU is seen to be busy; with 1 when not; with 2 when there
is nothing to compare. It takes about a minute.
"""

import argparse
import ctypes
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import fmean

from tiltyard.shell.gpu.nvml import Nvml
from tiltyard.shell.gpu.source import GpuUnreadableError

APART = 15.0
BUSY = 60.0
SPINS = "spins"
KERNEL = """
.version {version}
.target {target}
.address_size 64
.visible .entry spins(.param .u64 ticks)
{{
  .reg .pred %p<2>;
  .reg .b64 %rd<5>;
  ld.param.u64 %rd1, [ticks];
  mov.u64 %rd2, %clock64;
AGAIN:
  mov.u64 %rd3, %clock64;
  sub.s64 %rd4, %rd3, %rd2;
  setp.lt.u64 %p1, %rd4, %rd1;
  @%p1 bra AGAIN;
  ret;
}}
"""
TARGETS = (("7.0", "sm_80"), ("6.0", "sm_60"), ("5.0", "sm_50"))
"""Any newer GPU's driver compiles one of these for itself."""


class NothingToCompareError(Exception):
    """This machine cannot be checked; it says why."""


def main() -> int:
    """Compare, print, and say how it came out."""
    parser = argparse.ArgumentParser(description="The reader of GPUs against nvidia-smi.")
    parser.add_argument("--samples", type=int, default=12, help="idle, and again busy")
    parser.add_argument("--spin", type=float, metavar="SECONDS", help="keep a GPU busy, and end")
    asked = parser.parse_args()
    try:
        if asked.spin is not None:
            spin(asked.spin)
            return 0
        return compare(asked.samples)
    except (NothingToCompareError, GpuUnreadableError) as error:
        print(f"nothing to compare: {error}")
        return 2


def compare(samples: int) -> int:
    """Idle, then busy."""
    source = Nvml()
    source.sample()
    idle = [pair(source) for _ in range(samples)]
    tell("idle", idle)
    seconds = 8.0 + 2.5 * samples
    command = [sys.executable, __file__, "--spin", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as busy:
        try:
            if busy.stdout is None or busy.stdout.readline().strip() != SPINS:
                raise NothingToCompareError("the GPU could not be kept busy")
            time.sleep(3)  # the driver's own sampling period, and more
            pairs = [pair(source) for _ in range(samples)]
        finally:
            busy.kill()
    tell("busy", pairs)
    apart = max(abs(ours - theirs) for ours, theirs in (means(idle), means(pairs)))
    seen = means(pairs)[0] >= BUSY
    agrees = apart <= APART and seen
    print(f"apart by {apart:.1f} points at most; busy is {'' if seen else 'not '}seen to be busy")
    print("they agree" if agrees else "they do not agree")
    return 0 if agrees else 1


def pair(source: Nvml) -> tuple[float, float]:
    """The first GPU by our reader and by nvidia-smi, a second after the last."""
    time.sleep(1)
    return source.sample().get("0", 0.0), by_nvidia_smi()


def by_nvidia_smi() -> float:
    """The first GPU's utilization, percent."""
    command = ["nvidia-smi", "-i", "0", "--query-gpu=utilization.gpu",
               "--format=csv,noheader,nounits"]  # fmt: skip
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        return float(said.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise NothingToCompareError(f"nvidia-smi does not say: {error}") from None


def means(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The mean of each column."""
    return fmean(ours for ours, _ in pairs), fmean(theirs for _, theirs in pairs)


def tell(what: str, pairs: Sequence[tuple[float, float]]) -> None:
    """Both readings, side by side."""
    print(f"{what}: second  reader %  nvidia-smi %")
    for number, (ours, theirs) in enumerate(pairs, start=1):
        print(f"      {number:>6}  {ours:>8.0f}  {theirs:>12.0f}")
    print(f"        mean  {means(pairs)[0]:>8.1f}  {means(pairs)[1]:>12.1f}", flush=True)


def spin(seconds: float) -> None:
    """Keep the first GPU busy for so long, by the driver alone."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise NothingToCompareError(str(error)) from None
    done(cuda.cuInit(0))
    device, context = ctypes.c_int(), ctypes.c_void_p()
    done(cuda.cuDeviceGet(ctypes.byref(device), 0))
    done(cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device))
    done(cuda.cuCtxSetCurrent(context))
    function = ctypes.c_void_p()
    done(cuda.cuModuleGetFunction(ctypes.byref(function), module(cuda), b"spins"))
    ticks = ctypes.c_uint64(200_000_000)  # a tenth of a second or so
    arguments = (ctypes.c_void_p * 1)(ctypes.cast(ctypes.byref(ticks), ctypes.c_void_p))
    until = time.monotonic() + seconds
    is_told = False
    while time.monotonic() < until:
        for _ in range(4):  # always one more than the one that runs
            done(cuda.cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, None, arguments, None))
        if not is_told:
            is_told = True
            print(SPINS, flush=True)
        done(cuda.cuCtxSynchronize())


def module(cuda: ctypes.CDLL) -> ctypes.c_void_p:
    """The kernel, compiled by the driver for the GPU that is there."""
    loaded, code = ctypes.c_void_p(), 0
    for version, target in TARGETS:
        text = KERNEL.format(version=version, target=target).encode()
        code = cuda.cuModuleLoadData(ctypes.byref(loaded), text)
        if code == 0:
            return loaded
    raise NothingToCompareError(f"the driver compiles no kernel, CUDA error {code}")


def done(code: int) -> None:
    """Whether the driver did as it was told."""
    if code:
        raise NothingToCompareError(f"CUDA error {code}")


if __name__ == "__main__":
    sys.exit(main())
