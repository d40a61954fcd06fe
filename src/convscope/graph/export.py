"""From a model to an OpGraph: export once, functionalise, fold constants.

``torch.export`` sees every op, whatever module, function or in-place method called it; this is why a functional ReLU,
a ReLU6 or a re-used module needs no special care anywhere else.
"""

from __future__ import annotations

import operator
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import OutputKind

from convscope.errors import ExportError
from convscope.graph.fold import any_layout
from convscope.graph.opgraph import INPUT, OpGraph, OpNode, Ref, evaluate

_EXAMPLE_BATCH = 2  # export specialises on a batch of 1


def export_graph(module: nn.Module, input_shape: tuple[int, int, int]) -> OpGraph:
    """Turn a model into an OpGraph for inputs of ``input_shape`` = (channels, height, width) and any batch size.

    The module must be in eval mode and is not changed. Raises ExportError.
    """
    if module.training:
        raise ExportError("the model is in training mode; call model.eval() first, or use load_model(model)")
    program = _export(module, input_shape)
    names = _Names(program)
    leaves = {path for path, child in module.named_modules() if not any(child.children())}
    addresses = _addresses(program.graph, leaves)
    nodes = tuple(
        _node(node, names, addresses[node.name])
        for node in program.graph.nodes
        if node.op == "call_function" and node.name in addresses
    )
    graph = any_layout(_fold_constants(OpGraph(nodes, names.constants, names.output, (1, *input_shape))))
    _check(graph, program.graph)
    return graph


def _export(module: nn.Module, input_shape: tuple[int, int, int]) -> ExportedProgram:
    parameter = next((p for p in [*module.parameters(), *module.buffers()] if p.is_floating_point()), None)
    example = torch.zeros(_EXAMPLE_BATCH, *input_shape)
    example = example if parameter is None else example.to(parameter)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(module, (example,), dynamic_shapes=({0: Dim("batch")},), strict=False)
            functional: ExportedProgram = program.run_decompositions({})
            return functional
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise ExportError(
            f"{type(module).__name__} could not be exported for input {tuple(example.shape)}: "
            f"{type(error).__name__}: {reason[0] if reason else 'no reason given'}. "
            "torch.export must be able to run forward(images) for any batch size: data-dependent Python branches and "
            "custom C++ ops are the usual causes. Check the input size and channels first."
        ) from error


class _Names:
    """What the exported program's placeholder and output names stand for."""

    def __init__(self, program: ExportedProgram) -> None:
        signature = program.graph_signature
        if len(signature.user_inputs) != 1:
            raise ExportError(f"the model takes {len(signature.user_inputs)} inputs; one batch of images is expected")
        self.image = str(signature.user_inputs[0])
        tensors: dict[str, Any] = {**program.state_dict, **program.constants}
        held = {
            **signature.inputs_to_parameters,
            **signature.inputs_to_buffers,
            **signature.inputs_to_lifted_tensor_constants,
        }
        self.constants: dict[str, Tensor] = {name: tensors[key].detach() for name, key in held.items()}
        self.output = self._first_output(program)

    def ref(self, node: fx.Node) -> Ref:
        """How the rest of the program refers to a node."""
        return Ref(INPUT if node.name == self.image else node.name)

    def _first_output(self, program: ExportedProgram) -> str:
        """The model's own first result; a buffer that it changes (a counter of batches) comes out beside these."""
        kinds = [output.kind for output in program.graph_signature.output_specs]
        results = next(node for node in program.graph.nodes if node.op == "output").args[0]
        result = results[kinds.index(OutputKind.USER_OUTPUT)] if OutputKind.USER_OUTPUT in kinds else None
        if not isinstance(result, fx.Node):
            raise ExportError(f"the model's first output is {result!r}, not a tensor computed from the images")
        return self.ref(result).name


def _check(graph: OpGraph, program: fx.Graph) -> None:
    """Refuse what no graph of pure ops can stand for: branches, chance, and images that see each other."""
    branches = [node.name for node in program.nodes if node.op == "get_attr"]
    if branches:
        raise ExportError(
            f"the model calls part of itself conditionally or in a loop ({', '.join(branches)}: torch.cond, map or "
            "while_loop). Give convscope the branch that you want to look at as a module of its own"
        )
    for node in graph.nodes:
        if _is_random(node):
            raise ExportError(
                f"{node.where()} draws random numbers although the model is in eval mode, so no result could be "
                "repeated. F.dropout needs training=self.training; switch sampling and noise off"
            )
        if node.op in ("_native_batch_norm_legit", "_native_batch_norm_legit_functional"):
            raise ExportError(
                f"{node.where()} normalises by the statistics of the batch, so an image's maps would depend on its "
                "neighbours. Use track_running_stats=True and trained statistics"
            )
    if graph.output != INPUT and graph.output not in graph.by_name:
        raise ExportError("the model's first output does not depend on the images")


def _is_random(node: OpNode) -> bool:
    """True for an op that draws numbers as it is called: a dropout at rest does not."""
    at_work = [node.argument(name) for name in ("train", "training", "dropout_p") if name in node.parameters]
    drawn = torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())
    return drawn and (any(at_work) or not at_work)


_FILLED = {"new_zeros": 0, "new_ones": 1, "zeros_like": 0, "ones_like": 1}
"""Ops that take no more than dtype and device from their operand, and the number that they fill with."""


def _node(node: fx.Node, names: _Names, address: str) -> OpNode:
    """One fx node as an OpNode; a ``getitem`` becomes its op with ``select``, so every node has one result."""
    select: int | None = None
    call = node
    if node.target is operator.getitem:
        call, select = node.args  # type: ignore[assignment]
    op, made = _op_name(call), node.meta.get("val")
    target: Any = call.target
    args, kwargs = call.args, call.kwargs
    if op in _FILLED and isinstance(made, Tensor) and all(isinstance(size, int) for size in made.shape):
        # Nothing of an image is in it, so what is made of it (the masks of shifted windows) is a constant.
        target, args = torch.ops.aten.full.default, (list(made.shape), _FILLED[op])
        kwargs = {"dtype": made.dtype, "device": made.device}
    schema = getattr(target, "_schema", None)
    stack = _module_stack(node)
    return OpNode(
        name=node.name,
        op=op,
        target=target,
        args=_plain(args, names),
        kwargs=_plain(kwargs, names),
        parameters=tuple(a.name for a in schema.arguments) if schema is not None else (),
        module=stack[-1] if stack else "",
        modules=stack,
        address=address,
        shape=_shape_for_one(made),
        select=select,
    )


def _op_name(node: fx.Node) -> str:
    """``aten.conv2d.padding`` -> ``conv2d``; the names of normalised internals become the public ones."""
    target = node.target
    packet = getattr(target, "overloadpacket", None)
    name = packet.__name__ if packet is not None else getattr(target, "__name__", str(target))
    name = {"_native_batch_norm_legit_no_training": "batch_norm"}.get(name, name)
    return str(name)


def _plain(value: Any, names: _Names) -> Any:
    if isinstance(value, fx.Node):
        return names.ref(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item, names) for item in value)
    if isinstance(value, dict):
        return {key: _plain(item, names) for key, item in value.items()}
    return value


def _shape_for_one(value: Any) -> tuple[int, ...] | None:
    """The shape for a batch of one; symbolic sizes are functions of the batch size alone."""
    if not isinstance(value, Tensor):
        return None
    return tuple(_size_for_one(size) for size in value.shape)


def _size_for_one(size: Any) -> int:
    if isinstance(size, int):
        return size
    expression = size.node.expr
    return int(expression.xreplace(dict.fromkeys(expression.free_symbols, 1)))


def _module_stack(node: fx.Node) -> tuple[str, ...]:
    """Module paths around a node, outermost first; a re-used module's call number is dropped here."""
    stack = node.meta.get("nn_module_stack", {})
    return tuple(path for path, _ in stack.values() if path != "_empty_nn_module_stack_from_metadata_hook")


def _call_number(node: fx.Node) -> int:
    """How often the innermost module had been called before."""
    keys = list(node.meta.get("nn_module_stack", {}))
    match = re.search(r"@(\d+)$", keys[-1]) if keys else None
    return int(match[1]) if match else 0


def _addresses(graph: fx.Graph, leaves: set[str]) -> dict[str, str]:
    """A stable, readable address for each op that is kept.

    The last op of a leaf module has the module's path, others add their op name; ``#2`` marks the second of a name
    (a re-used module, a second functional call), and so on.
    """
    kept = [n for n in graph.nodes if n.op == "call_function" and not _only_unpacked(n)]
    last_of_call = {(_module_stack(n)[-1:], _call_number(n)): n.name for n in kept}
    seen: Counter[str] = Counter()
    addresses = {}
    for node in kept:
        path = (_module_stack(node) or ("",))[-1]
        op = _op_name(node.args[0] if node.target is operator.getitem else node)
        whole = path in leaves and last_of_call[(_module_stack(node)[-1:], _call_number(node))] == node.name
        stem = path if whole and path else f"{path}.{op}".lstrip(".")
        seen[stem] += 1
        addresses[node.name] = stem if seen[stem] == 1 else f"{stem}#{seen[stem]}"
    return addresses


def _only_unpacked(node: fx.Node) -> bool:
    """True for an op with a tuple result: its ``getitem`` readers each become a node of their own."""
    return isinstance(node.meta.get("val"), (tuple, list))


def _fold_constants(graph: OpGraph) -> OpGraph:
    """Compute once what does not depend on the image (standardised weights, position biases)."""
    values: dict[str, Any] = dict(graph.constants)
    names = [INPUT, *(node.name for node in graph.nodes)]
    kept = []
    with torch.no_grad():
        for node in graph.nodes:
            fixed = node.shape is not None and all(name in values for name in node.inputs)
            if fixed and not _is_random(node):
                values[node.name] = evaluate(node, values)
            else:
                kept.append(_earlier_first(node, names))
    used = {name for node in kept for name in node.inputs}
    constants = {name: value for name, value in values.items() if name in used}
    return OpGraph(tuple(kept), constants, graph.output, graph.input_shape)


def _earlier_first(node: OpNode, names: Sequence[str]) -> OpNode:
    """A product with its earlier factor first, so that ``x * f(x)`` and ``f(x) * x`` look the same to every table."""
    factors = node.args[:2]
    both = node.op == "mul" and all(isinstance(factor, Ref) and factor.name in names for factor in factors)
    if not both:
        return node
    return replace(node, args=(*sorted(factors, key=lambda ref: names.index(ref.name)), *node.args[2:]))
