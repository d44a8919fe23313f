"""Jobs: what is done by the clock, each night and each week, and goes on wherever it was ended.

A job is a row of steps. Each step is a command of the command line, run as a process of its own, so
it has its own time limit, can be ended, and leaves nothing behind in the memory of whoever runs it.
What came of each is kept before the next begins, in a database beside the ledger, by DBOS. Whoever
hosts jobs is killed, and the next who does goes on with the step that was not finished. So a step
may be run twice, and does what it does once: what changes the ledger enters as a command with the
key of its job, its day and its step.

One process hosts the jobs of a ledger at a time: one beside the running desk, or whoever types
``tiltyard jobs run``.
"""
