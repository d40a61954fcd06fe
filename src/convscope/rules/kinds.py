"""What kind of op each aten op is, as far as carrying a signal down is concerned: one line per op.

An op that is missing here has no rule: every method refuses it by name instead of guessing.
To add one, name its kind below and give it a case in ``tests/rules/test_kinds.py``.
"""

from __future__ import annotations

from enum import Enum

from convscope.errors import CoverageError
from convscope.graph.opgraph import INPUT, OpGraph, OpNode, Ref


class Kind(Enum):
    """How an op takes part in a projection; the value says it in words."""

    RECTIFIER = "rectifier: cuts off below zero"
    SOFT_RECTIFIER = "soft rectifier: a smooth or leaky stand-in for ReLU"
    SWITCHES = "max pooling: remembers where each maximum came from"
    CONTRAST = "contrast normalisation across or around feature maps"
    PLAIN = "ordinary differentiable op"
    SELECTION = "chooses between values; may be a rectifier in disguise"
    SHAPE_ONLY = "uses the shape of its input, not its values"
    CONDITION = "answers true or false; carries no signal"


_OPS: dict[Kind, str] = {
    Kind.RECTIFIER: "relu relu6",
    Kind.SOFT_RECTIFIER: """
        silu gelu hardswish mish elu celu selu leaky_relu prelu softplus log_sigmoid""",
    Kind.SWITCHES: "max_pool2d adaptive_max_pool2d max_pool2d_with_indices",
    Kind.PLAIN: """
        conv2d conv1d conv3d conv_transpose2d linear addmm addbmm baddbmm matmul mm bmm einsum
        avg_pool2d avg_pool3d adaptive_avg_pool2d upsample_nearest2d upsample_bilinear2d upsample_bicubic2d
        pixel_shuffle pixel_unshuffle channel_shuffle im2col unfold
        view _unsafe_view permute transpose t squeeze unsqueeze expand repeat
        clone alias detach dropout _to_copy type_as cat stack
        split split_with_sizes unbind slice select index index_select slice_scatter select_scatter
        pad constant_pad_nd reflection_pad2d replication_pad2d roll flip
        add sub rsub mul div neg pow sqrt rsqrt square exp log log1p abs reciprocal mean sum var std
        linalg_vector_norm norm addcmul addcdiv lerp cumsum prod amax amin erf sin cos masked_fill
        sigmoid hardsigmoid tanh hardtanh clamp clamp_min clamp_max softmax _softmax log_softmax logsumexp
        batch_norm instance_norm group_norm native_group_norm layer_norm native_layer_norm rms_norm
        _fused_rms_norm native_batch_norm scaled_dot_product_attention""",
    Kind.SELECTION: "maximum minimum where threshold",
    Kind.SHAPE_ONLY: """
        new_zeros new_ones new_full new_empty zeros_like ones_like full_like empty_like zeros ones full zero fill""",
    Kind.CONDITION: "gt ge lt le eq ne bitwise_not logical_not logical_and logical_or logical_xor isnan isinf",
}
_KIND_OF: dict[str, Kind] = {op: kind for kind, ops in _OPS.items() for op in ops.split()}

_NORMALISER_OPS = frozenset(
    "mul square pow abs view unsqueeze squeeze pad constant_pad_nd avg_pool2d avg_pool3d adaptive_avg_pool2d add sqrt "
    "conv2d slice sum mean clamp_min rsqrt".split()
)
_COMPARISONS = frozenset("gt ge lt le eq ne sign heaviside logical_not bitwise_not".split())
_SELF_GATES = frozenset(["sigmoid", "hardsigmoid"])


def kind_of(graph: OpGraph, node: OpNode) -> Kind:
    """The kind of a node; raises CoverageError for an op that no table knows."""
    if _is_contrast_normalisation(graph, node):
        return Kind.CONTRAST
    if _starts_at_zero(node):
        return Kind.RECTIFIER
    if _is_self_gate(graph, node) or _is_learned_threshold(graph, node):
        return Kind.SOFT_RECTIFIER
    if _is_selection(graph, node):
        return Kind.SELECTION
    kind = _KIND_OF.get(node.op)
    if kind is None:
        raise CoverageError(
            f"no rule for {node.where()}. convscope does not guess how a signal passes through an op it does not know. "
            "Choose a layer below it, replace the op in the model, or add it to rules/kinds.py (docs/how-to/rules.md)."
        )
    return kind


def _starts_at_zero(node: OpNode) -> bool:
    """True for the many spellings of a ReLU: a clamp, hardtanh or threshold whose lower bound is 0."""
    if node.op in ("clamp", "clamp_min"):
        return bool(node.argument("min") == 0)
    if node.op == "hardtanh":
        return bool(node.argument("min_val", -1) == 0)
    return node.op == "threshold" and node.argument("threshold") == 0 and node.argument("value") == 0


def _is_self_gate(graph: OpGraph, node: OpNode) -> bool:
    """True for ``x * sigmoid(c * x)``: SiLU written out, or Swish; a gate that something else opens is no rectifier."""
    if node.op != "mul" or len(node.inputs) != 2:
        return False
    signal, gate = node.inputs
    if gate not in graph.by_name or graph.by_name[gate].op not in _SELF_GATES:
        return False
    (opener,) = graph.by_name[gate].inputs
    scaled = graph.by_name.get(opener)
    if opener != signal and scaled is not None and scaled.op == "mul":
        return [name for name in scaled.inputs if name not in graph.constants] == [signal]
    return opener == signal


def _is_learned_threshold(graph: OpGraph, node: OpNode) -> bool:
    """True for ``maximum(x, t)`` with a constant t: the thresholded linear unit (Singh & Krishnan 2020)."""
    return node.op == "maximum" and len([name for name in node.inputs if name not in graph.constants]) == 1


def _is_selection(graph: OpGraph, node: OpNode) -> bool:
    """True for ops that keep or drop values by a condition or a bound that is computed: rectifiers in disguise."""
    if node.op == "masked_fill":
        return _is_comparison(graph, node.inputs[1])
    if node.op in ("clamp", "clamp_min", "clamp_max"):
        return len(node.inputs) > 1
    return node.op == "mul" and any(_is_comparison(graph, name) for name in node.inputs)


def _is_comparison(graph: OpGraph, name: str) -> bool:
    """True for ``x > 0`` and the like, also when turned into numbers first: ``x * (x > 0)`` is a ReLU in disguise."""
    node = graph.by_name.get(name)
    while node is not None and node.op in ("to", "_to_copy", "type_as"):
        node = graph.by_name.get(node.inputs[0])
    return node is not None and node.op in _COMPARISONS and _depends_on_pixels(graph, node.name)


def _depends_on_pixels(graph: OpGraph, name: str) -> bool:
    """False for what is made from the image's shape alone, such as the attention masks of shifted windows."""
    todo, seen = [name], {name}
    while todo:
        each = todo.pop()
        node = graph.by_name.get(each)
        if each == INPUT:
            return True
        if node is not None and node.shape is not None and _KIND_OF.get(node.op) is not Kind.SHAPE_ONLY:
            new = [other for other in node.inputs if other not in seen]
            todo += new
            seen.update(new)
    return False


def _is_contrast_normalisation(graph: OpGraph, node: OpNode) -> bool:
    """True for ``x / d`` (or ``x * d``) where d is a power of a local sum of squares of the same x.

    ``nn.LocalResponseNorm``, its functional form and hand-written ones all reduce to this; a division by anything
    else (a constant, an attention score, a norm over whole vectors in attention) does not.
    """
    if node.op not in ("div", "mul"):
        return False
    operands = [arg.name for arg in node.args[:2] if isinstance(arg, Ref)]
    if len(operands) != 2:
        return False
    signal, divisor = operands
    return signal != divisor and _is_local_power_of(graph, divisor, signal)


def _is_local_power_of(graph: OpGraph, name: str, source: str) -> bool:
    """True if ``name`` comes from the square of ``source`` alone, averaged over neighbours and raised to a power."""
    ops = set()
    todo = [name]
    while todo:
        node = graph.by_name.get(todo.pop())
        if node is None or node.op not in _NORMALISER_OPS or node.shape is None:
            return False
        ops.add("square" if _squares(node, source) else node.op)
        todo += [n for n in node.inputs if n != source and n in graph.by_name and graph.by_name[n].shape is not None]
    local = ops & {"avg_pool2d", "avg_pool3d", "conv2d"}
    return "square" in ops and bool(local) and bool(ops & {"pow", "sqrt", "rsqrt"})


def _squares(node: OpNode, source: str) -> bool:
    same = Ref(source)
    if node.op == "mul":
        return node.args[:2] == (same, same)
    return node.args[:1] == (same,) and (node.op == "square" or (node.op == "pow" and node.argument("exponent") == 2))
