"""What persons here found about an entry of a list."""

from typing import Literal

type Opinion = Literal["confirmed", "withdrawn"]
"""Its medium is what the list holds it for; or it is something else, and its hits here were refused."""
