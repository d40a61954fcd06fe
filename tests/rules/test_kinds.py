"""Every op of the tables: one tiny network each, its way down under GRADIENT against plain autograd in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convscope.errors import CoverageError
from convscope.graph.export import export_graph
from convscope.graph.opgraph import OpGraph
from convscope.rules.kinds import _KIND_OF, Kind, kind_of
from convscope.rules.projection import METHODS
from tests.nets import Net, carried_down, derivative, exported, picture, ready, run, seeds_for

SHAPE = (4, 6, 6)
Function = Callable[[Any, Tensor], Tensor]

WEIGHTS: dict[str, nn.Module | Tensor] = {
    "kernel": torch.randn(4, 4, 3, 3),
    "matrix": torch.randn(6, 6),
    "vector": torch.randn(6),
    "batch": torch.randn(1, 6, 6),
    "mask": torch.tensor([True, False] * 3),
    "places": torch.tensor([2, 0, 1]),
    "slopes": torch.rand(4),
    "norm": nn.BatchNorm2d(4),
    "instance": nn.InstanceNorm2d(4, affine=True),
    "group": nn.GroupNorm(2, 4),
    "layer": nn.LayerNorm(6),
    "rms": nn.RMSNorm(6),
}

CASES: dict[str, Function] = {
    "conv2d": lambda m, x: F.conv2d(x, m.kernel, padding=1),
    "conv1d": lambda m, x: F.conv1d(x.mean((2, 3)).unsqueeze(1), m.kernel[:2, :1, 0], padding=1),
    "conv3d": lambda m, x: F.conv3d(x.unsqueeze(1), m.kernel[:2, :1, None], padding=(0, 1, 1)),
    "conv_transpose2d": lambda m, x: F.conv_transpose2d(x, m.kernel, stride=2),
    "linear": lambda m, x: F.linear(x, m.matrix, m.vector),
    "addmm": lambda m, x: torch.addmm(m.vector, x[0, 0], m.matrix),
    "addbmm": lambda m, x: torch.addbmm(m.matrix, x[0], x[0]),
    "baddbmm": lambda m, x: torch.baddbmm(m.batch, x[0], x[0]),
    "matmul": lambda m, x: x @ m.matrix,
    "mm": lambda m, x: torch.mm(x[0, 0], m.matrix),
    "bmm": lambda m, x: torch.bmm(x[0], x[0]),
    "einsum": lambda m, x: torch.einsum("bchw,wv->bvch", x, m.matrix),
    "avg_pool2d": lambda m, x: F.avg_pool2d(x, 3, 2, 1),
    "avg_pool3d": lambda m, x: F.avg_pool3d(x, (3, 1, 1), 1),
    "adaptive_avg_pool2d": lambda m, x: F.adaptive_avg_pool2d(x, 4),
    "upsample_nearest2d": lambda m, x: F.interpolate(x, scale_factor=2),
    "upsample_bilinear2d": lambda m, x: F.interpolate(x, size=(9, 9), mode="bilinear"),
    "upsample_bicubic2d": lambda m, x: F.interpolate(x, size=(9, 9), mode="bicubic"),
    "pixel_shuffle": lambda m, x: F.pixel_shuffle(x, 2),
    "pixel_unshuffle": lambda m, x: F.pixel_unshuffle(x, 2),
    "channel_shuffle": lambda m, x: F.channel_shuffle(x, 2),
    "im2col": lambda m, x: F.unfold(x, 3, stride=2),
    "unfold": lambda m, x: x.unfold(3, 2, 2),
    "view": lambda m, x: x.view(-1, 2, 72) * m.vector[0],
    "_unsafe_view": lambda m, x: torch.ops.aten._unsafe_view(x, [-1, 2, 72]) * 1.5,
    "permute": lambda m, x: x.permute(0, 2, 3, 1) * 2,
    "transpose": lambda m, x: x.transpose(1, 3) * 2,
    "t": lambda m, x: x[0, 0].t() * 2,
    "squeeze": lambda m, x: x[:, :1].squeeze(1) * 2,
    "unsqueeze": lambda m, x: x.unsqueeze(1) * 2,
    "expand": lambda m, x: x[:, :1].expand(-1, 3, -1, -1) * 2,
    "repeat": lambda m, x: x.repeat(1, 2, 1, 1),
    "clone": lambda m, x: x.clone() * 2,
    "alias": lambda m, x: torch.ops.aten.alias(x) * 2,
    "_to_copy": lambda m, x: torch.ops.aten._to_copy(x, dtype=torch.float64) * 2,
    "type_as": lambda m, x: x.type_as(m.kernel) * 2,
    "cat": lambda m, x: torch.cat([x, x * 2, x], 1),
    "stack": lambda m, x: torch.stack([x, x * 2], 1),
    "split": lambda m, x: torch.split(x, 2, 1)[1] * 2,
    "split_with_sizes": lambda m, x: torch.split(x, [1, 3], 1)[1] * 2,
    "unbind": lambda m, x: x.unbind(1)[2] * 2,
    "slice": lambda m, x: x[:, 1:3, ::2] * 2,
    "select": lambda m, x: x[:, 1] * 2,
    "index": lambda m, x: x[:, m.places] * 2,
    "index_select": lambda m, x: x.index_select(1, m.places) * 2,
    "slice_scatter": lambda m, x: torch.slice_scatter(x, x[:, :2] * 3, 1, 1, 3),
    "select_scatter": lambda m, x: torch.select_scatter(x, x[:, 0] * 3, 1, 2),
    "pad": lambda m, x: F.pad(x, (1, 0, 2, 1)),
    "constant_pad_nd": lambda m, x: torch.ops.aten.constant_pad_nd(x, [1, 0, 2, 1]),
    "reflection_pad2d": lambda m, x: torch.ops.aten.reflection_pad2d(x, [1, 0, 2, 1]),
    "replication_pad2d": lambda m, x: torch.ops.aten.replication_pad2d(x, [1, 0, 2, 1]),
    "roll": lambda m, x: x.roll((1, 2), (2, 3)) * 2,
    "flip": lambda m, x: x.flip(3) * 2,
    "add": lambda m, x: x + x[:, :1],
    "sub": lambda m, x: x - x[:, :1],
    "rsub": lambda m, x: torch.rsub(x, 1.0),
    "mul": lambda m, x: x * x[:, :1],
    "div": lambda m, x: x / x[:, :1],
    "neg": lambda m, x: -x,
    "pow": lambda m, x: x**3,
    "sqrt": lambda m, x: (x * x + 1).sqrt(),
    "rsqrt": lambda m, x: (x * x + 1).rsqrt(),
    "square": lambda m, x: x.square(),
    "exp": lambda m, x: x.exp(),
    "log": lambda m, x: (x * x + 1).log(),
    "log1p": lambda m, x: (x * x).log1p(),
    "abs": lambda m, x: x.abs(),
    "reciprocal": lambda m, x: x.reciprocal(),
    "mean": lambda m, x: x.mean((2, 3)),
    "sum": lambda m, x: x.sum((1, 2), keepdim=True),
    "var": lambda m, x: x.var((2, 3)),
    "std": lambda m, x: x.std((2, 3)),
    "linalg_vector_norm": lambda m, x: torch.linalg.vector_norm(x, dim=(2, 3)),
    "norm": lambda m, x: torch.ops.aten.norm.ScalarOpt_dim(x, 2, [2, 3]),
    "addcmul": lambda m, x: torch.addcmul(x, x[:, :1], x, value=2),
    "addcdiv": lambda m, x: torch.addcdiv(x, x[:, :1], x * x + 1, value=2),
    "lerp": lambda m, x: torch.lerp(x, x * x, 0.3),
    "cumsum": lambda m, x: x.cumsum(1),
    "prod": lambda m, x: x.prod(2),
    "amax": lambda m, x: x.amax((2, 3)),
    "amin": lambda m, x: x.amin((2, 3)),
    "erf": lambda m, x: x.erf(),
    "sin": lambda m, x: x.sin(),
    "cos": lambda m, x: x.cos(),
    "masked_fill": lambda m, x: x.masked_fill(m.mask, 0.5),
    "sigmoid": lambda m, x: x.sigmoid(),
    "hardsigmoid": lambda m, x: F.hardsigmoid(x),
    "tanh": lambda m, x: x.tanh(),
    "hardtanh": lambda m, x: F.hardtanh(x, -0.5, 0.5),
    "clamp": lambda m, x: x.clamp(-0.5, 0.5),
    "clamp_min": lambda m, x: torch.clamp_min(x, -0.5),
    "clamp_max": lambda m, x: torch.clamp_max(x, 0.5),
    "softmax": lambda m, x: x.softmax(1),
    "_softmax": lambda m, x: torch.ops.aten._softmax(x, 1, False),
    "log_softmax": lambda m, x: x.log_softmax(1),
    "logsumexp": lambda m, x: x.logsumexp(1),
    "batch_norm": lambda m, x: m.norm(x),
    "instance_norm": lambda m, x: m.instance(x),
    "group_norm": lambda m, x: m.group(x),
    "layer_norm": lambda m, x: m.layer(x),
    "native_layer_norm": lambda m, x: torch.native_layer_norm(x, [6], None, None, 1e-5)[0],
    "rms_norm": lambda m, x: m.rms(x),
    "scaled_dot_product_attention": lambda m, x: F.scaled_dot_product_attention(x, x * 2, x + 1),
    "relu": lambda m, x: F.relu(x),
    "relu6": lambda m, x: F.relu6(x * 5),
    "detach": lambda m, x: x.detach() * x,
    "fill": lambda m, x: x + torch.empty_like(x).fill_(2),
    "zero": lambda m, x: x + x.new_empty(x.shape).zero_(),
    "empty_like": lambda m, x: x + torch.empty_like(x).fill_(2),
    "new_empty": lambda m, x: x + x.new_empty(x.shape).zero_(),
    "silu": lambda m, x: F.silu(x),
    "gelu": lambda m, x: F.gelu(x),
    "hardswish": lambda m, x: F.hardswish(x * 3),
    "mish": lambda m, x: F.mish(x),
    "elu": lambda m, x: F.elu(x),
    "celu": lambda m, x: F.celu(x),
    "selu": lambda m, x: F.selu(x),
    "leaky_relu": lambda m, x: F.leaky_relu(x, 0.2),
    "prelu": lambda m, x: F.prelu(x, m.slopes),
    "softplus": lambda m, x: F.softplus(x),
    "log_sigmoid": lambda m, x: F.logsigmoid(x),
    "max_pool2d": lambda m, x: F.max_pool2d(x, 3, 2, 1),
    "adaptive_max_pool2d": lambda m, x: F.adaptive_max_pool2d(x, 4),
    "max_pool2d_with_indices": lambda m, x: F.max_pool2d(x, 2, return_indices=True)[0],
    "maximum": lambda m, x: torch.maximum(x, x[:, :1] * 2),
    "minimum": lambda m, x: torch.minimum(x, x[:, :1] * 2),
    "where": lambda m, x: torch.where(x > 0.3, x, x * x),
    "threshold": lambda m, x: F.threshold(x, 0.3, 0.1),
    "gt": lambda m, x: x * (x > 0.3),
    "lt": lambda m, x: x * (x < 0.3),
    "ge": lambda m, x: x * (x >= 0.3),
    "le": lambda m, x: x * (x <= 0.3),
    "eq": lambda m, x: x * (x == 0.3),
    "ne": lambda m, x: x * (x != 0.3),
    "logical_not": lambda m, x: x * (x > 0).logical_not(),
    "logical_and": lambda m, x: torch.where((x > 0).logical_and(x < 1), x, 2 * x),
    "logical_or": lambda m, x: torch.where((x < 0).logical_or(x > 1), x, 2 * x),
    "logical_xor": lambda m, x: torch.where((x < 0).logical_xor(x > 1), x, 2 * x),
    "isnan": lambda m, x: torch.where(x.isnan(), x, 2 * x),
    "isinf": lambda m, x: torch.where(x.isinf(), x, 2 * x),
    "bitwise_not": lambda m, x: x * ~(x > 0),
    "zeros": lambda m, x: x + torch.zeros(x.shape[0], 1, 1, 1, dtype=x.dtype),
    "ones": lambda m, x: x + torch.ones(x.shape[0], 1, 1, 1, dtype=x.dtype),
    "full": lambda m, x: x + torch.full((x.shape[0], 1, 1, 1), 2.0, dtype=x.dtype),
    "zeros_like": lambda m, x: x + torch.zeros_like(x),
    "ones_like": lambda m, x: x + torch.ones_like(x),
    "full_like": lambda m, x: x + torch.full_like(x, 2.0),
    "new_zeros": lambda m, x: x + x.new_zeros(x.shape),
    "new_ones": lambda m, x: x + x.new_ones(x.shape),
    "new_full": lambda m, x: x + x.new_full(x.shape, 2.0),
}

WITHOUT_A_CASE = {
    "native_group_norm": "what group_norm becomes under other decompositions; no dynamic batch as a call of its own",
    "native_batch_norm": "what batch_norm becomes under other decompositions",
    "_fused_rms_norm": "what rms_norm becomes on some devices",
    "dropout": "left out of the graph in eval mode by this version of torch",
}


class AllCases(nn.Module):
    """Each case in a module of its own, so that one export serves them all."""

    def __init__(self) -> None:
        super().__init__()
        for op, function in CASES.items():
            self.add_module(f"case_{op}", Net(function, **WEIGHTS))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(case(images) for case in self.children())


@pytest.fixture(scope="module")
def everything() -> tuple[nn.Module, OpGraph]:
    net = ready(AllCases())
    return net, export_graph(net, SHAPE)


@pytest.mark.parametrize("op", CASES)
def test_each_op_goes_down_as_autograd_says(op: str, everything: tuple[nn.Module, OpGraph]) -> None:
    net, graph = everything
    nodes = [node for node in graph.nodes if f"case_{op}" in node.modules and node.shape is not None]
    assert op in {node.op for node in nodes}, [node.op for node in nodes]
    image = picture(SHAPE)
    case = net.get_submodule(f"case_{op}")
    seeds = seeds_for(case(image))
    down = carried_down(graph, image, seeds, "gradient", layer=nodes[-1].name)
    torch.testing.assert_close(down, derivative(case, image, seeds), rtol=1e-9, atol=1e-9)


def test_every_op_of_the_tables_has_a_case() -> None:
    assert set(CASES) | set(WITHOUT_A_CASE) == set(_KIND_OF)
    assert not set(CASES) & set(WITHOUT_A_CASE)


def kind_at_end(function: Function) -> Kind:
    graph = exported(Net(function, **WEIGHTS), SHAPE)
    return kind_of(graph, graph.by_name[graph.output])


SPELLINGS: list[tuple[str, Function, Kind]] = [
    ("relu6", lambda m, x: F.relu6(x), Kind.RECTIFIER),
    ("clamp", lambda m, x: x.clamp(min=0), Kind.RECTIFIER),
    ("clamp_both", lambda m, x: x.clamp(0, 6), Kind.RECTIFIER),
    ("clamp_min", lambda m, x: torch.clamp_min(x, 0.0), Kind.RECTIFIER),
    ("hardtanh", lambda m, x: F.hardtanh(x, 0, 4), Kind.RECTIFIER),
    ("threshold", lambda m, x: F.threshold(x, 0, 0), Kind.RECTIFIER),
    ("in place", lambda m, x: (x * 2).relu_(), Kind.RECTIFIER),
    ("bounded", lambda m, x: x.clamp(-1, 1), Kind.PLAIN),
    ("tanh-like", lambda m, x: F.hardtanh(x), Kind.PLAIN),
    ("own gate", lambda m, x: x * x.sigmoid(), Kind.SOFT_RECTIFIER),
    ("own gate, turned round", lambda m, x: x.sigmoid() * x, Kind.SOFT_RECTIFIER),
    ("hard own gate", lambda m, x: x * F.hardsigmoid(x), Kind.SOFT_RECTIFIER),
    ("own gate, with a slope", lambda m, x: x * (x * m.vector).sigmoid(), Kind.SOFT_RECTIFIER),
    ("gate of a product", lambda m, x: x * (x * x[:, :1]).sigmoid(), Kind.PLAIN),
    ("another gate", lambda m, x: x * x.mean((2, 3), keepdim=True).sigmoid(), Kind.PLAIN),
    ("mask", lambda m, x: x * (x > 0), Kind.SELECTION),
    ("mask of numbers", lambda m, x: x * (x > 0).to(x.dtype), Kind.SELECTION),
    ("mask turned over", lambda m, x: x * ~(x < 0), Kind.SELECTION),
    ("mask on the left", lambda m, x: (x > 0).double() * x, Kind.SELECTION),
    ("filled", lambda m, x: x.masked_fill(x < 0, 0.0), Kind.SELECTION),
    ("filled where the model says", lambda m, x: x.masked_fill(m.mask, 0.0), Kind.PLAIN),
    ("filled by shape", lambda m, x: x.masked_fill(x.new_zeros(x.shape) != 0, 0.0), Kind.PLAIN),
    ("where", lambda m, x: torch.where(x > 0, x, 0.0), Kind.SELECTION),
    ("maximum", lambda m, x: torch.maximum(x, torch.zeros_like(x)), Kind.SELECTION),
    ("learned threshold", lambda m, x: torch.maximum(x, m.vector), Kind.SOFT_RECTIFIER),
    ("other threshold", lambda m, x: F.threshold(x, 0.5, 0), Kind.SELECTION),
    ("computed bound", lambda m, x: torch.clamp(x, min=m.vector), Kind.SELECTION),
]


@pytest.mark.parametrize(("function", "kind"), [case[1:] for case in SPELLINGS], ids=[case[0] for case in SPELLINGS])
def test_a_rectifier_is_recognised_however_it_is_spelt(function: Function, kind: Kind) -> None:
    assert kind_at_end(function) is kind


def local_power(x: Tensor) -> Tensor:
    return F.avg_pool2d(x * x, 3, 1, 1)


DIVISIONS: list[tuple[str, Function, bool]] = [
    ("module", lambda m, x: nn.LocalResponseNorm(3)(x), True),
    ("functional", lambda m, x: F.local_response_norm(x, 3, k=2.0), True),
    ("by avg_pool", lambda m, x: x / (1 + local_power(x)).sqrt(), True),
    ("by conv", lambda m, x: x / (1 + F.conv2d(x**2, m.kernel.abs(), padding=1)) ** 0.75, True),
    ("as a product", lambda m, x: x * (1 + local_power(x)) ** -0.5, True),
    ("as a product, turned round", lambda m, x: (1 + local_power(x)).rsqrt() * x, True),
    ("constant", lambda m, x: x / 3, False),
    ("by itself", lambda m, x: x / x.clamp_min(1), False),
    ("by weights", lambda m, x: x / (m.vector**2 + 1).sqrt(), False),
    ("whole-map statistics", lambda m, x: x / ((x * x).mean((2, 3), keepdim=True) + 1).sqrt(), False),
    ("its norm", lambda m, x: x / x.norm(dim=1, keepdim=True), False),
    ("attention", lambda m, x: (x @ x.mT / 2.4).softmax(-1) @ x / 1.5, False),
    ("another map's power", lambda m, x: x / (1 + local_power(x * 2)).sqrt(), False),
    ("local sum of cubes", lambda m, x: x / (1 + F.avg_pool2d(x**3, 3, 1, 1)).sqrt(), False),
    ("local mean, not power", lambda m, x: x / (1 + F.avg_pool2d(x, 3, 1, 1)).sqrt(), False),
]


@pytest.mark.parametrize(
    ("function", "contrast"), [case[1:] for case in DIVISIONS], ids=[case[0] for case in DIVISIONS]
)
def test_contrast_normalisation_is_told_from_other_divisions(function: Function, contrast: bool) -> None:
    assert (kind_at_end(function) is Kind.CONTRAST) == contrast


@pytest.mark.parametrize(
    "function", [lambda m, x: x.cumprod(1), lambda m, x: x.sort(1)[0], lambda m, x: torch.digamma(x)]
)
@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_op_is_refused_by_name(function: Function, method: str) -> None:
    graph = exported(Net(lambda m, x: m.inner(x), inner=Net(function)), SHAPE)
    node = graph.by_name[graph.output]
    image = picture(SHAPE)
    with pytest.raises(CoverageError, match=rf"no rule for op '{node.op}' at 'inner'.*{node.name}.*Choose a layer"):
        carried_down(graph, image, seeds_for(run(graph, image)[graph.output]), method)


DISGUISES: list[tuple[str, Function]] = [
    ("mul", lambda m, x: x * (x > 0)),
    ("where", lambda m, x: torch.where(x > 0, x, 0.0)),
    ("maximum", lambda m, x: torch.maximum(x, torch.zeros_like(x))),
    ("masked_fill", lambda m, x: x.masked_fill(x < 0, 0.0)),
]


@pytest.mark.parametrize(("op", "function"), DISGUISES)
@pytest.mark.parametrize("method", ["deconvnet", "guided_backprop"])
def test_a_rectifier_in_disguise_is_refused_where_it_matters(op: str, function: Function, method: str) -> None:
    net = Net(lambda m, x: m.inner(x) * 2, inner=Net(function))
    graph = exported(net, SHAPE)
    image = picture(SHAPE)
    seeds = seeds_for(image)
    with pytest.raises(CoverageError, match=rf"op '{op}' at 'inner' \(node .*chooses between values"):
        carried_down(graph, image, seeds, method)
    torch.testing.assert_close(carried_down(graph, image, seeds, "gradient"), derivative(net, image, seeds))
