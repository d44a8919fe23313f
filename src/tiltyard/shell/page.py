"""Placeholder."""


def write_page(path, recording, reports, now):
    pass
