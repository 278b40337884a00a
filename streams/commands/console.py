"""Where every subcommand writes."""

import sys

from rich.console import Console

# Into a file or a pipe the tables keep the width they are made for.
console = Console(width=None if sys.stdout.isatty() else 120)
