"""Rights of persons by role: one table for the command line, HTTP and the console."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from streams.rights.settings import Role

Right = Literal[
    "open", "allow", "extend", "describe", "confirm", "withdraw", "send", "accept", "review", "label", "read",
    "evidence", "exchange", "verify", "promote", "replay", "redrive", "inspect", "operate", "keys", "check",
]  # fmt: skip
"""Right to one kind of act; the log of acts names acts by it."""
MACHINE = "machine"
"""In place of a right, for HTTP routes of programs: a token or a signature admits them, or they reveal nothing.

Every route declares its right or this, as `opt={"right": …}`.
"""
Scope = Literal["", "own", "all"]
"""Cases that a right concerns: none, those that the person opened, or all. `all` also where no case is concerned."""


class Grant(NamedTuple):
    """Scope of one right by role."""

    meaning: str
    """What the person may do, after `may`."""
    officer: Scope = ""
    reviewer: Scope = ""
    operator: Scope = ""
    auditor: Scope = ""

    def scope(self, role: Role) -> Scope:
        """Return the scope that a role gives."""
        scopes: dict[Role, Scope] = {
            "officer": self.officer,
            "reviewer": self.reviewer,
            "operator": self.operator,
            "auditor": self.auditor,
        }
        return scopes[role]


RIGHTS: Mapping[Right, Grant] = {
    "open": Grant("open a case", officer="all"),
    "allow": Grant("open an allow-list", officer="all"),
    "extend": Grant("add references and terms to a case", officer="own"),
    "describe": Grant("describe a case by further models", officer="own"),
    "confirm": Grant("confirm a case of another person, or a reference", officer="all", reviewer="all"),
    "withdraw": Grant("erase a case or a reference", officer="own", reviewer="all"),
    "send": Grant("approve a takedown, and make a notice to send by hand", officer="own", reviewer="all"),
    "accept": Grant("let a takedown whose log does not verify go on", reviewer="all"),
    "review": Grant("see the posts that wait for a decision", officer="own", reviewer="all"),
    "label": Grant("decide on a post", officer="own", reviewer="all"),
    "read": Grant("see cases, hits and notices", officer="own", reviewer="all", auditor="all"),
    "evidence": Grant("write a pack of evidence", officer="own", auditor="all"),
    "exchange": Grant("exchange hashes with lists of others", officer="own"),
    "verify": Grant("verify the log of acts and takedowns", "all", "all", "all", "all"),
    "promote": Grant("change the live models", operator="all"),
    "replay": Grant("replay, shadow and compare recorded traffic", operator="all"),
    "redrive": Grant("redrive dead letters", operator="all"),
    "inspect": Grant("see dead letters", operator="all", auditor="all"),
    "operate": Grant("run services and create topics", operator="all"),
    "keys": Grant("rotate or destroy keys", operator="all"),
    "check": Grant("see models, runs and health", "all", "all", "all", "all"),
}
