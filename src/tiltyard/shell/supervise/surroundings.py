"""The environment of a learner, or of what measures drift: the desk's, without its own.

A learner needs what its machine and its libraries are told by variables, which nobody can list:
where programs and GPUs are, who logs in where to fetch its data. So it gets what the desk got,
less what lets the desk into its database, its API and to people: ``TILTYARD_*``, what PostgreSQL
looks for, ``PG*``, and the variables in which the settings say that addresses are.

>>> of_learner({"PATH": "/bin", "PGPASSWORD": "s", "TILTYARD_DB": "d", "ANN": "a"}, {"ANN"})
{'PATH': '/bin'}
"""

from collections.abc import Collection, Mapping

OF_THE_DESK = ("TILTYARD_", "PG")


def of_learner(desk: Mapping[str, str], addresses: Collection[str]) -> dict[str, str]:
    """What of the desk's environment its learner gets.

    Args:
        desk: The desk's own.
        addresses: Variables that hold addresses of people.
    """
    return {
        name: value
        for name, value in desk.items()
        if not name.startswith(OF_THE_DESK) and name not in addresses
    }
