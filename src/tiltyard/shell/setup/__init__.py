"""Everything that a desk in a folder needs around it, made at once, and what is left for a person.

From the settings come a crontab, a unit for systemd, rules and routes for Prometheus and
Alertmanager, and a dashboard. What somebody has edited is left alone. Whatever a program must not
do by itself is told as a step, and only while it is still to be done.
"""
