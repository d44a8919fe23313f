"""Training from the command line: what is learnt from, how far it is, and what came of it.

Everything a learner does not know of is here: files, clocks, signals, devices and threads. The
learners are loaded by whoever trains, and by nobody else.
"""
