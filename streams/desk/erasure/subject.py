"""What is erased: a whole case, or one of its references."""

from typing import NamedTuple


class Subject(NamedTuple):
    """A case, or one reference of it."""

    case_id: str
    reference_id: str = ""

    @property
    def name(self) -> str:
        """Id that records elsewhere name it by."""
        return self.reference_id or self.case_id

    def owns(self, key: bytes) -> bool:
        """Return whether an entry with this key holds a part of it."""
        if self.reference_id:
            return key.startswith(f"{self.case_id}/{self.reference_id}/".encode())
        return key == self.case_id.encode() or key.startswith(f"{self.case_id}/".encode())
