"""Export: the graph computes what the model computes, under names that a person can use."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convscope.errors import ExportError
from convscope.graph.export import export_graph
from convscope.graph.opgraph import INPUT, OpGraph
from tests.nets import Net, exported, run, tensors

SHAPE = (4, 6, 6)


def addresses(graph: OpGraph) -> list[str]:
    return [node.address for node in graph.nodes if node.shape is not None]


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.act(self.norm(self.conv(x)) + x))


def standardised(m: Any, x: Tensor) -> Tensor:
    weight = (m.weight - m.weight.mean((1, 2, 3), keepdim=True)) / m.weight.std((1, 2, 3), keepdim=True)
    return F.conv2d(x, weight)


def in_place(m: Any, x: Tensor) -> Tensor:
    y = m.conv(x)
    y += 1
    y.mul_(2).clamp_(min=0)
    return torch.as_tensor(y[:, 1:3].contiguous().flatten(1))


NETS: dict[str, nn.Module] = {
    "residual": nn.Sequential(Block(), Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)),
    "split": Net(lambda m, x: torch.cat(x.chunk(2, 1)[::-1], 1) * 3),
    "standardised weights": Net(standardised, weight=torch.randn(3, 4, 3, 3)),
    "in place": Net(in_place, conv=nn.Conv2d(4, 4, 3)),
    "without gradients": Net(lambda m, x: torch.no_grad()(m.conv)(x) + x, conv=nn.Conv2d(4, 4, 1)),
    "size of the batch": Net(lambda m, x: x.view(x.size(0), -1) / x.shape[2]),
    "results by name": Net(lambda m, x: {"b": x + 1, "a": x * 2}),
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("count", [1, 3])
def test_the_graph_computes_exactly_what_the_model_does(name: str, count: int) -> None:
    net = NETS[name].eval()
    images = torch.randn(count, *SHAPE)
    graph = export_graph(net, SHAPE)
    with torch.no_grad():
        expected = net(images.clone())
        values = run(graph, images)
    expected = expected["b"] if isinstance(expected, dict) else expected
    assert torch.equal(values[graph.output], expected)
    for node in graph.nodes if count == 1 else ():
        assert node.shape is None or node.shape == tuple(values[node.name].shape)


def test_the_users_module_is_left_as_it_was() -> None:
    net = nn.Sequential(Block(), nn.Conv2d(4, 2, 1)).eval()
    before = copy.deepcopy(net.state_dict())
    flags = {name: parameter.requires_grad for name, parameter in net.named_parameters()}
    forward = net.forward
    export_graph(net, SHAPE)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert {name: parameter.requires_grad for name, parameter in net.named_parameters()} == flags
    assert net.forward == forward
    assert all(parameter.grad is None for parameter in net.parameters())


def test_addresses_are_module_paths_and_unique_and_stable() -> None:
    net = nn.Sequential(Block(), nn.ReLU(), nn.Flatten())
    graph = exported(net, SHAPE)
    assert addresses(graph) == ["0.conv", "0.norm", "0.add", "0.act", "1", "2"]
    assert addresses(exported(net, SHAPE)) == addresses(graph)
    assert tensors(graph)[0].modules[-2:] == ("0", "0.conv")


def test_what_is_used_again_is_numbered() -> None:
    block = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())
    graph = exported(Net(lambda m, x: F.relu(m.block(F.relu(m.block(x)))), block=block), SHAPE)
    assert addresses(graph) == ["block.0", "block.1", "relu", "block.0#2", "block.1#2", "relu#2"]


def test_a_module_of_several_ops_names_its_last() -> None:
    graph = exported(nn.Sequential(nn.LocalResponseNorm(3)), SHAPE)
    names = addresses(graph)
    assert names[-1] == "0"
    assert names[0] == "0.mul"
    assert len(set(names)) == len(names)


def test_a_lone_module_is_called_after_its_op() -> None:
    assert addresses(exported(nn.Conv2d(4, 2, 1), SHAPE)) == ["conv2d"]


def test_each_part_of_a_split_is_a_node_of_its_own() -> None:
    graph = exported(Net(lambda m, x: torch.cat(torch.split(x, [1, 3], 1)[::-1], 1)), SHAPE)
    parts = [node for node in graph.nodes if node.select is not None]
    assert [(node.op, node.select, node.shape) for node in parts] == [
        ("split_with_sizes", 0, (1, 1, 6, 6)),
        ("split_with_sizes", 1, (1, 3, 6, 6)),
    ]
    assert addresses(graph) == ["split_with_sizes", "split_with_sizes#2", "cat"]


def test_what_does_not_depend_on_the_image_is_computed_once() -> None:
    graph = exported(NETS["standardised weights"], SHAPE)
    assert [node.op for node in graph.nodes] == ["conv2d"]
    (weight,) = graph.constants.values()
    torch.testing.assert_close(weight.mean((1, 2, 3)), torch.zeros(3, dtype=weight.dtype))


class Masked(nn.Module):
    """A mask made of zeros and ones that take dtype and device from the images, as shifted windows have them."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        mask = x.new_zeros((6, 6))
        mask[2:] = -1.5
        mask[:, :3] += x.new_ones(3)
        return self.scale * x * mask + torch.zeros_like(x)


def test_a_mask_that_is_made_as_the_images_are_is_a_constant() -> None:
    net = Masked()
    graph = exported(net, SHAPE)
    assert [node.op for node in graph.nodes] == ["mul", "mul", "zeros_like", "add"]
    mask = next(value for value in graph.constants.values() if value.dim() == 2)
    assert (mask.dtype, mask.shape) == (torch.float64, (6, 6))
    images = torch.randn(3, *SHAPE, dtype=torch.float64)
    torch.testing.assert_close(run(graph, images)[graph.output], net(images), rtol=0, atol=0)


def test_a_product_has_its_earlier_factor_first() -> None:
    graph = exported(Net(lambda m, x: x.sigmoid() * x), SHAPE)
    assert graph.nodes[-1].inputs == (INPUT, graph.nodes[0].name)


def test_a_model_that_is_the_identity_has_no_ops() -> None:
    graph = exported(nn.Identity(), SHAPE)
    assert (graph.nodes, graph.output) == ((), INPUT)


def test_a_changed_buffer_is_not_taken_for_the_result() -> None:
    class Counting(nn.Module):
        calls: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return x * 2

    net = Counting()
    net.eval()
    graph = export_graph(net, SHAPE)
    images = torch.randn(2, *SHAPE)
    assert torch.equal(run(graph, images)[graph.output], images * 2)
    assert float(net.calls) == 0


def branching(m: Any, x: Tensor) -> Tensor:
    return x * 2 if x.sum() > 0 else x


def conditional(m: Any, x: Tensor) -> Tensor:
    return torch.as_tensor(torch.cond(x.sum() > 0, lambda y: y * 2, lambda y: y + 1, (x,)))


REFUSALS: dict[str, tuple[nn.Module, str]] = {
    "data-dependent branch": (Net(branching), r"could not be exported for input .* data-dependent Python branches"),
    "conditional op": (Net(conditional), r"conditionally or in a loop .* as a module of its own"),
    "wrong channels": (nn.Conv2d(3, 2, 1), r"Conv2d could not be exported .*Check the input size and channels"),
    "dropout that never rests": (Net(lambda m, x: F.dropout(x)), r"draws random numbers .*training=self.training"),
    "noise": (Net(lambda m, x: x + torch.randn_like(x)), r"op 'randn_like' at 'randn_like' .* draws random numbers"),
    "fixed-size noise": (Net(lambda m, x: x + torch.rand(6)), r"op 'rand' .* draws random numbers"),
    "statistics of the batch": (nn.BatchNorm2d(4, track_running_stats=False), r"by the statistics of the batch"),
    "constant result": (Net(lambda m, x: m.fixed, fixed=torch.ones(3)), r"does not depend on the images"),
    "no tensor": (Net(lambda m, x: (None, x * 2)), r"first output is None, not a tensor"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_no_graph_can_stand_for_is_refused_with_a_reason(name: str) -> None:
    net, message = REFUSALS[name]
    with pytest.raises(ExportError, match=message):
        exported(net, SHAPE)


def test_training_mode_is_refused() -> None:
    with pytest.raises(ExportError, match=r"training mode; call model\.eval"):
        export_graph(Block().train(), SHAPE)


def test_resting_dropout_and_attention_are_not_random() -> None:
    def attend(m: Any, x: Tensor) -> Tensor:
        return torch.as_tensor(m.drop(F.scaled_dot_product_attention(x, x, x)))

    assert exported(Net(attend, drop=nn.Dropout(0.5)), SHAPE).nodes[0].op == "scaled_dot_product_attention"


def test_a_node_knows_its_arguments_by_name_and_its_readers() -> None:
    graph = exported(Net(lambda m, x: m.conv(x) + x, conv=nn.Conv2d(4, 4, 3, padding=1, groups=2)), SHAPE)
    conv, add = tensors(graph)
    assert (conv.argument("padding"), conv.argument("groups"), conv.argument("stride", 1)) == ([1, 1], 2, [1, 1])
    assert conv.argument("no such argument", "default") == "default"
    assert graph.readers[INPUT] == (conv, add)
    assert graph.ancestors(conv.name) == (conv,)
    assert conv.where() == f"op 'conv2d' at 'conv' (node {conv.name}, result (1, 4, 6, 6))"
