"""Pixels turned into planes before they are scaled: the same numbers, in three quarters of a model's time.

Exporters often scale interleaved pixels, a channel at a time, and turn them afterwards: then ONNX Runtime repeats a run
of three numbers 50,000 times for each picture. On planes each number is repeated once.
"""

import onnx
from onnx import GraphProto, NodeProto, numpy_helper

_TO_PLANES = [0, 3, 1, 2]
_SCALING = frozenset(["Cast", "Sub", "Div", "Mul", "Add"])
"""Operators of single numbers, which may come before or after the turn."""


def planar(content: bytes) -> bytes:
    """Return an ONNX file in which the turn into planes comes first; unchanged if its pixels are not scaled before it.

    Parameters
    ----------
    content
        ONNX file; its results stay the same to the bit.
    """
    model = onnx.load_from_string(content)
    turn = next((node for node in model.graph.node if _is_turn(node)), None)
    steps = [] if turn is None else _steps(model.graph, turn)
    if turn is None or not steps:
        return content
    for step in steps:
        _by_plane(model.graph, step)
    moved = NodeProto()
    moved.CopyFrom(turn)
    moved.input[0], moved.output[0] = steps[0].input[0], f"{turn.output[0]}/planes"
    steps[0].input[0], steps[-1].output[0] = moved.output[0], turn.output[0]
    model.graph.node.remove(turn)
    model.graph.node.insert(0, moved)
    return bytes(model.SerializeToString())


def _is_turn(node: NodeProto) -> bool:
    return node.op_type == "Transpose" and any(list(attribute.ints) == _TO_PLANES for attribute in node.attribute)


def _steps(graph: GraphProto, turn: NodeProto) -> list[NodeProto]:
    """Return the operators from the graph's input to the turn; none unless all scale channels and serve it alone."""
    made = {name: node for node in graph.node for name in node.output}
    constants = {constant.name: list(constant.dims) for constant in graph.initializer}
    used = [name for node in graph.node for name in node.input]
    found: list[NodeProto] = []
    name = turn.input[0]
    while name in made:
        node = made[name]
        by_channel = all(constants.get(other) in ([], [1], [3]) for other in node.input[1:])
        if node.op_type not in _SCALING or used.count(name) > 1 or not by_channel:
            return []
        found.insert(0, node)
        name = node.input[0]
    return found if name in {each.name for each in graph.input} else []


def _by_plane(graph: GraphProto, step: NodeProto) -> None:
    """Give an operator's constant, one number for each channel, the shape of a plane's; others may share it."""
    for index, name in enumerate(step.input[1:], 1):
        constant = next(each for each in graph.initializer if each.name == name)
        if list(constant.dims) == [3]:
            array = numpy_helper.to_array(constant).reshape(3, 1, 1)
            step.input[index] = f"{name}/{step.output[0]}"
            graph.initializer.append(numpy_helper.from_array(array, step.input[index]))
