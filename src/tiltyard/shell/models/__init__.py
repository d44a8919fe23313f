"""Trained policies beside the desk: where they lie, how they are loaded, and how they are.

:mod:`~tiltyard.shell.models.shelf` is the folder of snapshots by name alone, which any command
may ask. :mod:`~tiltyard.shell.models.stable` checks and loads those that arms are traded by, in a
thread of its own (:mod:`~tiltyard.shell.models.beside`), and keeps them;
:mod:`~tiltyard.shell.models.health` reports how they are. What learners need, torch above all, is
imported where the first is loaded, and never by a desk without one.
"""
