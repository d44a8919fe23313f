"""Rules for Prometheus and routes for Alertmanager, made from the checklist.

Prometheus is a second chain: it sees what the desk shows, judges by the same limits, and tells
people, and the desk, also when the desk's own telling is broken.
"""
