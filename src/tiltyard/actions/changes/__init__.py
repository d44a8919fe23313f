"""What each kind of action changes, told in five rooms.

:mod:`~tiltyard.actions.changes.champion` says who is the champion,
:mod:`~tiltyard.actions.changes.trial` how a challenger goes on and off trial,
:mod:`~tiltyard.actions.changes.shares` how much it gets, :mod:`~tiltyard.actions.changes.holds`
what is kept from everybody, and :mod:`~tiltyard.actions.changes.questions` what a person is
asked. :func:`tiltyard.actions.apply.apply` holds the table.
"""
