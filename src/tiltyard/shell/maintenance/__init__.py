"""Maintenance of the house: each week what is needed is kept, what is stale goes, and all is told.

Each task runs alone, too. It is given values and the doors that it needs, does what is not done
yet, and says what it did; run again for the same day it does nothing twice.
"""
