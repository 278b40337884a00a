"""Export of trained weights to an ONNX graph: cause and features in, a logit out."""

import numpy as np

from models.fusion.basis import FEATURE, FEATURES, LOW, SCALED, WIDTH, Rows
from models.graph import Graph


def export(weights: Rows, biases: Rows) -> bytes:
    """Return the ONNX file: cause int64 (rows,), features double (rows, 3) -> logit double (rows,).

    Double precision, because values that single precision rounds to one number cannot be ranked.

    Parameters
    ----------
    weights
        Weight of each cause and ramp, none below zero, shape (causes, ramps).
    biases
        Logit of each cause without evidence, shape (causes,).

    Raises
    ------
    ValueError
        A weight is negative: more evidence would lower the probability.
    """
    if (weights < 0).any():
        raise ValueError("a weight below zero: more evidence would lower the probability")
    graph = Graph("causes")
    graph.input("cause", np.int64, ("rows",))
    graph.input("features", np.float64, ("rows", FEATURES))
    own = graph.add("Gather", graph.constant(weights.astype(np.float64)), "cause", axis=0)
    weighed = graph.add("Mul", own, _values(graph))
    total = graph.add("ReduceSum", weighed, graph.constant(np.array([1])), keepdims=0)
    bias = graph.add("Gather", graph.constant(biases.astype(np.float64)), "cause", axis=0)
    graph.add("Add", total, bias, output="logit")
    graph.output("logit", np.float64, ("rows",))
    return graph.serialise()


def _values(graph: Graph) -> str:
    """Add the ramps of basis.ramps; return the name of their values, shape (rows, ramps)."""
    chosen = graph.add("MatMul", "features", graph.constant(FEATURE))
    above = graph.add("Div", graph.add("Sub", chosen, graph.constant(LOW)), graph.constant(WIDTH))
    risen = graph.add("Clip", above, graph.constant(np.array(0.0)), graph.constant(np.array(1.0)))
    score = graph.add("MatMul", "features", graph.constant(np.outer([1.0, 0.0, 0.0], SCALED)))
    return graph.add("Mul", risen, graph.add("Add", score, graph.constant(1.0 - SCALED)))
