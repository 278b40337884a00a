"""The one deadline of the suite's waits."""

DEADLINE_S = 300.0
"""So long that it only ends a wait that is hopeless: no verdict depends on how busy the machine is."""
