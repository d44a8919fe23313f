"""The ledger: append-only facts, a hash-chained audit, and their projection.

``tables`` says what is kept, ``engine`` how it is reached, ``answer_limit`` how long it is
waited for, ``plain_errors`` what is told when it does not answer, ``schema`` which form it has,
``migrating`` how that grows, ``database`` how transactions are made, ``waking`` how others hear
of a commit, ``staging`` how a file's trades get in at once, ``roster_table`` how arms are kept,
and ``ledger`` is the door to all of it.
"""
