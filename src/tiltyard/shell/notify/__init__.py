"""The desk's own messages: who is told what happened, on which phone, and who has seen it.

:mod:`~tiltyard.shell.notify.message` puts what was done into words, and
:mod:`~tiltyard.shell.notify.people` requests, in the transaction that decides, that everybody
is told who is to be. :mod:`tiltyard.shell.targets.person_target` tells one recipient, and
:mod:`~tiltyard.shell.notify.escalation` tells others when nobody has acknowledged.
"""
