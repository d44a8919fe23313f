"""The desk over HTTP: facts come in, shares go out, and people ask for verbs.

:mod:`~tiltyard.shell.api.application` says which addresses there are, and who may use which;
:mod:`~tiltyard.shell.api.recorder` writes what bots report; :mod:`~tiltyard.shell.api.serving`
runs it all beside the desk, in threads of its own. What is decided about anybody is decided
by the desk, as always: a verb is a command in the ledger, whoever appends it.
"""
