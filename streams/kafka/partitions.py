"""Placement of keys on partitions, as Faust's producer places them."""

from aiokafka.partitioner import murmur2

_POSITIVE = 0x7FFFFFFF


def key_hash(key: bytes) -> int:
    """Return the non-negative 31-bit hash of a key, which does not depend on the number of partitions."""
    return int(murmur2(key)) & _POSITIVE


def partition_of(hashed: int, n_partitions: int) -> int:
    """Return the partition of a key with this hash."""
    return hashed % n_partitions
