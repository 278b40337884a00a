"""Reader of tensors in a file that PyTorch saved before 1.6, without PyTorch and without executing its pickles.

A pickle may call any function; here it may call three, which only describe tensors. The file has three short pickles,
one with the dictionary, one with the order of the storages, then the storages themselves.
"""

import io
import math
import pickle
import struct
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

_MAGIC = 0x1950A86A20F9469CFC6C


class _Tensor(NamedTuple):
    """Position of a tensor in a storage, counted in numbers."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class _Restricted(pickle.Unpickler):
    """Reads a pickle that describes tensors; refuses every other."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as the base class declares
        """Return the object of a name, if it is one of three."""
        allowed = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _described,
            ("torch", "FloatStorage"): "FloatStorage",
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no tensor needs")
        return allowed[module, name]

    def persistent_load(self, pid: Any) -> str:  # noqa: ANN401 - any value of the file
        """Return the key of a storage."""
        match pid:
            case ("storage", "FloatStorage", str(key), str(), int(), None):
                return key
            case _:
                raise pickle.UnpicklingError("it refers to something other than a storage of float32")


def read_tensors(content: bytes) -> Mapping[str, npt.NDArray[np.float32]]:
    """Return the tensors of a file's model by name.

    Parameters
    ----------
    content
        A dictionary with the entry "model_state", saved by PyTorch before 1.6 on a little-endian machine.

    Raises
    ------
    ValueError
        It is not such a file, or refers to more than tensors.
    """
    file = io.BytesIO(content)
    try:
        if _Restricted(file).load() != _MAGIC:
            raise ValueError("not a file that PyTorch saved before 1.6")
        _Restricted(file).load()  # version of the format
        _Restricted(file).load()  # sizes of C types on the machine that saved it
        state = _Restricted(file).load()["model_state"]
        storages = {key: _storage(file) for key in _Restricted(file).load()}
        return {name: _tensor(storages, where) for name, where in state.items() if isinstance(where, _Tensor)}
    except (pickle.UnpicklingError, EOFError, KeyError, IndexError, TypeError, AttributeError, struct.error) as exc:
        raise ValueError(f"not weights that can be read: {exc}") from exc


def _described(storage: str, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: object) -> _Tensor:
    return _Tensor(storage, offset, shape, stride)


def _storage(file: BinaryIO) -> npt.NDArray[np.float32]:
    (length,) = struct.unpack("<q", file.read(8))
    return np.frombuffer(file.read(4 * length), "<f4", length)


def _tensor(storages: Mapping[str, npt.NDArray[np.float32]], where: _Tensor) -> npt.NDArray[np.float32]:
    contiguous = tuple(math.prod(where.shape[axis + 1 :]) for axis in range(len(where.shape)))
    if where.stride != contiguous:
        raise ValueError("a tensor that is not contiguous")
    numbers = storages[where.storage][where.offset : where.offset + math.prod(where.shape)]
    return numbers.reshape(where.shape)
