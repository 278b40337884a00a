"""Limits of an import."""

import pytest

from streams.errors import UsageError
from streams.exchange import import_list
from streams.exchange.formats.changes import MOST_SIGNALS


def test_a_list_has_a_limit_and_so_have_all_of_them() -> None:
    import_list.check_size("list-a", MOST_SIGNALS, import_list.MOST_STORED)
    with pytest.raises(UsageError, match="at most 1000000"):
        import_list.check_size("list-a", MOST_SIGNALS + 1, 0)
    with pytest.raises(UsageError, match="nothing is added above"):
        import_list.check_size("list-a", 5, import_list.MOST_STORED + 1)
