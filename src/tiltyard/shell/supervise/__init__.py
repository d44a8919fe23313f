"""The learner, supervised: it runs, and begins again when it runs in circles.

A learner is a process of its own that trains what the policies are made of. Whoever runs it
is behind one port, :class:`~tiltyard.shell.supervise.supervisor.Supervisor`: the desk itself
(:mod:`~tiltyard.shell.supervise.own`), supervisord (:mod:`~tiltyard.shell.supervise.supervisord`)
or Kubernetes (:mod:`~tiltyard.shell.supervise.kubernetes`). What the learner says of itself is a
file (:mod:`~tiltyard.shell.supervise.contract`). :class:`~tiltyard.shell.supervise.learner.Learner`
puts these together: it observes ``learner_progress`` and ``learner_running`` once a minute, and is
the target of the outbox that is told when a guard wants the learner restarted.
"""
