"""GPUs: how busy they are, read beside the desk, and never in its way.

Two sources say it, in plain data: :mod:`~tiltyard.shell.gpu.nvml`, the driver of this machine,
and :mod:`~tiltyard.shell.gpu.dcgm`, an exporter elsewhere. :mod:`~tiltyard.shell.gpu.reader` asks
one of them every few seconds, keeps the newest reading in memory, and once a minute reports
``gpu_util_pct``. A GPU that cannot be read is no number: nothing is reported of it.
"""
