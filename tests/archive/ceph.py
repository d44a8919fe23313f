"""A real Ceph whose gateway speaks S3: as small as it can be, at free ports, gone at the end.

One monitor, one store that keeps everything in memory, and the gateway, ``radosgw``. Nothing of it
is kept, and nothing of a Ceph of this machine is touched: all of it lies in a folder of its own.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import httpx
import pytest

from served import free_port
from waiting import until

NEEDED = (
    "ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin",
    "setpriv",
)  # fmt: skip
PACKAGES = "ceph-common, ceph-mon, ceph-osd and radosgw"
READY_WITHIN = 120.0
CONFIG = """
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{port}/0]
keyring = {folder}/keyring
mon_data = {folder}/mon
osd_data = {folder}/osd
rgw_data = {folder}/gateway
run_dir = {folder}
crash_dir = {folder}/crash
admin_socket =
pid_file =
log_to_file = false
log_to_stderr = true
public_network = 127.0.0.0/8
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_allow_insecure_global_id_reclaim = false
mon_data_avail_crit = 1
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 2000
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_crush_update_on_start = false
osd_crush_chooseleaf_type = 0
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
rgw_frontends = beast endpoint=127.0.0.1:{gateway}
"""
"""No manager, no second copy of anything, and no word to a disk."""


@contextmanager
def ceph(key: str, secret: str) -> Iterator[str]:
    """The address of a gateway that one user may enter; skips where there is no Ceph.

    Args:
        key: That names the user.
        secret: That proves it.
    """
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)}; install {PACKAGES}")
    with TemporaryDirectory(prefix="tiltyard-ceph-") as folder, ExitStack() as running:
        yield _Cluster(Path(folder), running).started(key, secret)


class _Cluster:
    def __init__(self, folder: Path, running: ExitStack) -> None:
        self._folder, self._running = folder, running
        self._fsid, self._port, self._gateway = str(uuid4()), free_port(), free_port()
        self._config = folder / "ceph.conf"
        self._config.write_text(
            CONFIG.format(
                folder=folder, fsid=self._fsid, port=self._port, gateway=self._gateway
            )
        )  # fmt: skip

    def started(self, key: str, secret: str) -> str:
        """The address of its gateway, which answers."""
        self._keys()
        self._monitor()
        self._store()
        url = f"http://127.0.0.1:{self._gateway}"
        self._run("radosgw", "--name=client.admin")
        self._until("radosgw", lambda: _answers(url))
        self._do(
            "radosgw-admin", "user", "create", "--uid=desk", "--display-name=desk",
            f"--access-key={key}", f"--secret-key={secret}",
        )  # fmt: skip
        return url

    def _keys(self) -> None:
        ring = str(self._folder / "keyring")
        self._do(
            "ceph-authtool", "--create-keyring", ring, "--gen-key", "-n", "mon.",
            "--cap", "mon", "allow *",
        )  # fmt: skip
        for name, may in (("client.admin", "allow *"), ("osd.0", "allow profile osd")):
            self._do(
                "ceph-authtool", ring, "--gen-key", "-n", name, "--cap", "mon", may,
                "--cap", "osd", "allow *",
            )  # fmt: skip

    def _monitor(self) -> None:
        known, ring = str(self._folder / "monitors"), str(self._folder / "keyring")
        at = f"[v2:127.0.0.1:{self._port}/0]"
        self._do("monmaptool", "--create", "--fsid", self._fsid, "--addv", "a", at, known)
        self._do("ceph-mon", "-i", "a", "--mkfs", "--monmap", known, "--keyring", ring)
        self._run("ceph-mon", "-i", "a")

    def _store(self) -> None:
        own = str(uuid4())
        self._do("ceph", "osd", "new", own)
        (self._folder / "osd").mkdir()
        self._do("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", own)
        self._do("ceph", "osd", "crush", "add", "osd.0", "1", "root=default")
        self._run("ceph-osd", "-i", "0")
        self._until("ceph-osd", lambda: " 1 up" in self._do("ceph", "osd", "stat"))

    def _do(self, name: str, *words: str) -> str:
        """What a command says that ends by itself, and well."""
        done = subprocess.run(
            [_path(name), *words], env=self._environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", check=False, timeout=READY_WITHIN,
        )  # fmt: skip
        assert done.returncode == 0, f"{name} {' '.join(words)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _run(self, name: str, *words: str) -> None:
        """Let a server run until the end, ours or that of the test."""
        log = self._running.enter_context((self._folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            [_path("setpriv"), "--pdeathsig", "KILL", _path(name), *words, "-f"],
            env=self._environment(), cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log,
        )  # fmt: skip
        self._running.callback(_ended, process)

    def _until(self, name: str, is_so: Callable[[], object]) -> None:
        try:
            until(is_so, READY_WITHIN)
        except AssertionError as error:
            said = (self._folder / f"{name}.log").read_text("utf-8", "replace")[-2000:]
            pytest.fail(f"{name}: {error}\n{said}")

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "CEPH_CONF": str(self._config)}


def _path(name: str) -> str:
    return str(shutil.which(name))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False


def _ended(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)
    process.kill()
    process.wait()
