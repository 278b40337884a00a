"""Console for the output of every subcommand."""

import sys

from rich.console import Console

# In a file or a pipe the tables keep the width that they are laid out for.
console = Console(width=None if sys.stdout.isatty() else 120)
