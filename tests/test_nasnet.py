"""NASNet: timm's logits, negative controls, the search space, the searches, the recorded table."""

import math
import random

import pytest
import timm
import torch
from timm.models.nasnet import NASNetALarge
from torch import nn

import archbook
from archbook.accounting import count_macs, count_parameters, depth
from archbook.drawing import draw_cell, draw_network
from archbook.networks.nasnet import (
    CANDIDATES, KNOWN, NASNET_A_NORMAL, NASNET_A_REDUCTION, OPERATIONS, Design, Halving,
    SamePadding, evolution, imagenet_nasnet, mutate, nasnetalarge, nasnetamobile, operation,
    pooling, random_search, reinforce, small_design, small_nasnet, softmax, sources,
)
from archbook.parity import compare
from archbook.results import load_results, select
from tools.experiments.nasnet import EXPERIMENTS, FINALISTS


def previous_first(reference):
    """timm's network with the parts for state 1 listed first in all cells."""
    for cell in reference.modules():
        parts = cell._modules
        if "conv_1x1" in parts:
            first = ("conv_prev_1x1", "path_1", "path_2", "final_path_bn")
            own = {name: part for name, part in parts.items() if name in first}
            cell._modules = {**own, **parts}
    return reference


def without_dropout(net):
    net.dropout.p = 0.0
    return net


def narrow():
    """The large network with fewer channels: quick to compare."""
    return without_dropout(imagenet_nasnet(6, 16, 12, skip=True, num_classes=10))


@pytest.fixture(scope="module")
def narrow_reference():
    reference = NASNetALarge(num_classes=10, stem_size=12, num_features=16 * 24)
    return previous_first(reference)


def test_the_large_network_is_timms():
    reference = previous_first(timm.create_model("nasnetalarge", pretrained=False))
    found = compare(without_dropout(nasnetalarge()), reference, (3, 75, 64))
    assert found.equal and found.tensors == 1546


@pytest.mark.parametrize("size", [(64, 64), (96, 96), (131, 75)], ids=str)
@pytest.mark.parametrize("training", [False, True])
def test_a_narrow_network_is_timms(narrow_reference, size, training):
    assert compare(narrow(), narrow_reference, (3, *size), training=training).equal


def spoil_epsilon(net):
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5


def spoil_averages(net):
    for module in net.modules():
        if isinstance(module, nn.AvgPool2d):
            module.count_include_pad = not module.count_include_pad


def spoil_halving(net):
    for module in net.modules():
        if isinstance(module, Halving):
            module.shift = nn.Identity()


def spoil_padding(net):
    for module in net.modules():
        if isinstance(module, SamePadding):
            module.forward = lambda x, m=module: nn.functional.pad(
                x, [m.kernel_size // 2] * 4, value=m.value
            )


def spoil_last_relu(net):
    net.relu = nn.Identity()


def spoil_order(net):
    """The operations of the second combination change places, states do not."""
    for cell in net.cells[2:]:
        a, first, b, second = cell.design.combinations[0]
        rest = cell.design.combinations[1:]
        cell.design = Design(((b, first, a, second), *rest), cell.design.outputs)


@pytest.mark.parametrize(
    "spoil",
    [spoil_epsilon, spoil_averages, spoil_halving, spoil_padding, spoil_last_relu, spoil_order],
)
def test_small_changes_are_told_apart(narrow_reference, spoil):
    net = narrow()
    spoil(net)
    found = compare(net, narrow_reference, (3, 96, 96))
    assert found.alive and not found.equal


def test_state_1_skips_a_cell_in_the_large_network_only():
    plan = [(None, 1, stride) for stride in (2, 2, 1, 1, 2, 1, 1)]
    assert sources(plan, skip=True) == [0, 0, 1, 2, 3, 3, 5]
    assert sources(plan, skip=False) == [0, 0, 1, 2, 3, 4, 5]


def test_work_depth_and_channels():
    with torch.device("meta"):
        large, mobile = nasnetalarge(), nasnetamobile()
    assert count_macs(large, (3, 331, 331)) == 23_783_414_658
    assert count_macs(mobile, (3, 224, 224)) == 563_638_816
    assert depth(large, (3, 64, 64)) == 128 and depth(mobile, (3, 64, 64)) == 98
    assert (large.fc.in_features, mobile.fc.in_features) == (4032, 1056)
    statistics = sum(b.numel() for b in large.buffers() if b.ndim)
    assert count_parameters(large) + statistics == 88_949_818


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize(("size", "halved"), [(8, 4), (7, 4)])
def test_operations_keep_or_halve(name, size, halved):
    x = torch.rand(2, 6, size, size)
    assert operation(name, 6, 6)(x).shape == (2, 6, size, size)
    assert operation(name, 6, 6, stride=2)(x).shape == (2, 6, halved, halved)


def test_what_no_operation_can_do_is_refused():
    with pytest.raises(ValueError, match="operation is 'max 9×9'; expected one of: identity"):
        operation("max 9×9", 4, 4)
    for name in ("max 3×3", "average 3×3"):
        with pytest.raises(ValueError, match=f"{name} gives 4 channels; expected 8"):
            operation(name, 4, 8)


def test_averages_at_the_border():
    ones = torch.ones(1, 1, 4, 4)
    assert (pooling("average", 1)(ones) == 1).all()  # zeros outside do not count
    halved = pooling("average", 2)(ones)[0, 0]
    expected = [[1, 2 / 3], [2 / 3, 4 / 9]]  # they do, behind the image
    assert torch.allclose(halved, torch.tensor(expected))
    assert (pooling("max", 2)(-ones) == -1).all()


def test_a_cell_computes_what_its_design_says():
    design = Design(((0, "identity", 1, "max 3×3"), (2, "identity", 0, "identity")), (1, 2, 3))
    net = archbook.networks.nasnet.Cell(design, nn.Identity(), 5, 7, 5).eval()
    previous, last = torch.rand(1, 5, 6, 6), torch.rand(1, 7, 6, 6)
    zero = net.last(last)
    two = zero + nn.functional.max_pool2d(previous, 3, 1, 1)
    expected = torch.cat([previous, two, two + zero], dim=1)
    assert torch.allclose(net(previous, last), expected)


def test_the_small_space():
    assert len(set(CANDIDATES)) == 6**3 == len(CANDIDATES)
    assert set(OPERATIONS) < set(KNOWN)
    for candidate in CANDIDATES[::43]:
        assert small_nasnet(candidate)(torch.rand(2, 1, 28, 28)).shape == (2, 10)
        combinations = small_design(candidate).combinations
        assert (combinations[0][1], combinations[0][3], combinations[1][1]) == candidate


def test_searches_keep_their_budget_and_repeat():
    reward = {cell: i for i, cell in enumerate(CANDIDATES)}.get
    for search in (random_search, evolution, reinforce):
        trained = search(reward, 60, random.Random(3))
        assert len(trained) == 60 and set(trained) <= set(CANDIDATES)
        assert trained == search(reward, 60, random.Random(3))
        assert trained != search(reward, 60, random.Random(4))


def test_a_mutation_changes_one_operation():
    rng, cell, seen = random.Random(0), CANDIDATES[100], set()
    for _ in range(400):
        child = mutate(cell, rng)
        changes = [i for i in range(3) if child[i] != cell[i]]
        assert len(changes) == 1
        seen.add(child)
    assert len(seen) == 15  # three slots, five other operations each


def test_children_descend_from_the_best_of_the_living():
    reward = {cell: i for i, cell in enumerate(CANDIDATES)}.get
    trained = evolution(reward, 120, random.Random(1), population=8, tournament=8)
    assert trained[:8] == random_search(reward, 8, random.Random(1))
    for i in range(8, 120):
        parent = max(trained[i - 8 : i], key=reward)  # all living: the oldest is gone
        assert sum(a != b for a, b in zip(parent, trained[i])) == 1


def test_reinforce_learns_what_is_rewarded():
    def reward(cell):
        return sum(name == "max 3×3" for name in cell) / 10

    def late(search):
        return sum(map(reward, search(reward, 400, random.Random(0))[-50:])) / 50

    assert late(reinforce) > 0.27 and late(random_search) < 0.1


def test_equal_rewards_teach_nothing():
    constant = reinforce(lambda cell: 0.7, 300, random.Random(5))
    counts = [sum(cell[0] == name for cell in constant) for name in OPERATIONS]
    assert min(counts) > 30


def test_softmax():
    assert softmax([0.0, 0.0]) == [0.5, 0.5]
    assert softmax([1000.0, 0.0])[0] == 1.0
    assert math.isclose(sum(softmax([0.3, -2.0, 5.0])), 1.0)


def test_cells_are_drawn_from_their_data():
    figure = draw_cell(NASNET_A_REDUCTION, "Reduction cell")
    assert "5 is identity of 3 plus average 3×3 of 2" in figure.alt
    assert "states 3, 4, 5, 6 are concatenated" in figure.alt
    assert figure.svg.count(">separable 5×5<") == 2
    normal = draw_cell(NASNET_A_NORMAL, "Normal cell")
    assert normal.svg.count("<circle") == 5 and "concatenate" in normal.svg
    wide = draw_cell(NASNET_A_NORMAL, "A title that is much longer than the cell is wide")
    assert wide.width > normal.width


def test_strips_show_cells_and_accounts_do_not():
    net = imagenet_nasnet(2, 8, 4, skip=False, num_classes=10)
    words = draw_network(net, (3, 64, 64), title="T").alt
    assert words.count("reduction cell") == 4 and words.count("normal cell") == 3
    assert words.count(", 2 times") == 3 and "conv 3×3 /2" in words
    assert depth(net, (3, 64, 64)) > 20


def test_the_recorded_table_is_complete():
    space = load_results("nasnet_space")
    assert sorted(tuple(run["config"]["cell"]) for run in space) == sorted(CANDIDATES)
    assert len(space) == 216 and {run["seed"] for run in space} == {0}
    assert {run["config"]["lr"] for run in space} == {0.3}
    table = {tuple(r["config"]["cell"]): r["history"]["validation_accuracy"][-1] for r in space}
    ranking = sorted(table, key=table.get, reverse=True)
    assert [ranking.index(cell) + 1 for cell in FINALISTS] == [
        1, 2, 3, 4, 5, 106, 107, 108, 109, 110
    ]
    for run in space[::20]:
        assert run["parameters"] == count_parameters(small_nasnet(run["config"]["cell"]))


@pytest.mark.parametrize("name", ["nasnet_noise", "nasnet_again", "nasnet_finalists"])
def test_the_recorded_repeats_are_complete(name):
    runs, experiment = load_results(name), EXPERIMENTS[name]
    assert len(runs) == len(experiment.configurations) * len(experiment.seeds)
    for config in experiment.configurations:
        assert [r["seed"] for r in select(runs, **config)] == list(experiment.seeds)
    assert all(run["data"]["train_size"] == experiment.data["train_size"] for run in runs)
