"""The desk for people who look at Grafana: one dashboard, made from the checklist.

``panel`` is what is shown, as plain data; ``queries`` its expressions, which go by the series that
the exporter writes; ``looks`` the units, bands and flags. The rows are in ``of_guards``,
``of_arms`` and ``of_desk``, all of them together in ``rows``; ``grafana`` makes Grafana's file of
them, and is alone in knowing its library.
"""
