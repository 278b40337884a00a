"""Builder of ONNX graphs: one call per operator, sequential names, deterministic bytes."""

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, checker, helper, numpy_helper

_OPSET = 17
_IR_VERSION = 8
"""Old enough for every supported ONNX Runtime; fixed, so that a newer onnx package writes the same file."""

Attribute = int | float | list[int]
"""Attribute of an operator."""


class Graph:
    """Operators and constants of one ONNX file."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, dtype: npt.DTypeLike, shape: tuple[int | str, ...]) -> None:
        """Declare an input; a string in the shape is a free dimension."""
        self._inputs.append(helper.make_tensor_value_info(name, _type(dtype), shape))

    def output(self, name: str, dtype: npt.DTypeLike, shape: tuple[int | str, ...]) -> None:
        """Declare an output, which must be the output of an operator."""
        self._outputs.append(helper.make_tensor_value_info(name, _type(dtype), shape))

    def constant(self, array: npt.NDArray[Any]) -> str:
        """Add an array and return its name."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Attribute) -> str:
        """Add an operator with one output and return the output's name."""
        name = output or f"n{len(self._nodes)}"
        self._append(operator, inputs, [name], attributes)
        return name

    def add_many(self, operator: str, n_outputs: int, *inputs: str, **attributes: Attribute) -> list[str]:
        """Add an operator with several outputs and return their names."""
        names = [f"n{len(self._nodes)}_{number}" for number in range(n_outputs)]
        self._append(operator, inputs, names, attributes)
        return names

    def cast(self, tensor: str, dtype: npt.DTypeLike) -> str:
        """Convert a tensor."""
        return self.add("Cast", tensor, to=_type(dtype))

    def linear(self, tensor: str, weight: npt.NDArray[Any], bias: npt.NDArray[Any]) -> str:
        """Multiply the last axis by a matrix and add a vector."""
        return self.add("Add", self.add("MatMul", tensor, self.constant(weight)), self.constant(bias))

    def layer_norm(self, tensor: str, gain: npt.NDArray[Any], bias: npt.NDArray[Any], epsilon: float) -> str:
        """Normalise the last axis to mean 0 and variance 1, then scale and shift it."""
        scale, shift = self.constant(gain), self.constant(bias)
        return self.add("LayerNormalization", tensor, scale, shift, axis=-1, epsilon=epsilon)

    def _append(
        self, operator: str, inputs: tuple[str, ...], outputs: list[str], attributes: dict[str, Attribute]
    ) -> None:
        node = helper.make_node(operator, list(inputs), outputs)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in sorted(attributes.items()))
        self._nodes.append(node)

    def serialise(self) -> bytes:
        """Check the graph and return the ONNX file."""
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._constants)
        opset = helper.make_opsetid("", _OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="jikimi")
        checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


def _type(dtype: npt.DTypeLike) -> int:
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
