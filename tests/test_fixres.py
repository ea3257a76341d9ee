"""FixRes: torchvision's crops and views, the theory of sizes, and what the cure changes."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision import models
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms import functional as reference

import archbook
from archbook.accounting import count_macs, count_parameters, depth
from archbook.networks.fixres import (
    CROPS, LastLayers, Views, central_view, crop_and_resize, last_norm, pooled,
    random_boxes, sampling_matrix, scenes, twin,
)
from archbook.networks.resnet import CifarResNet, resnet50
from archbook.parity import calibrate, compare, copy_weights
from archbook.published import published
from archbook.results import load_results
from archbook.training import make_optimizer
from tools.experiments.fixres import CURED, CURVE, EXPERIMENTS, RATES

SHAPES = [(56, 56), (48, 64), (37, 20), (10, 100)]


def theirs_cropped(images, boxes, size, antialias=True):
    return torch.stack([
        reference.resized_crop(image, *map(int, box), [size, size], antialias=antialias)
        for image, box in zip(images, boxes)
    ])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("size", [9, 28, 64])
def test_crops_are_torchvisions(shape, size):
    torch.manual_seed(0)
    images, boxes = torch.rand(8, 3, *shape), random_boxes(8, *shape)
    ours = crop_and_resize(images, boxes, size)
    assert ours.shape == (8, 3, size, size)
    assert torch.allclose(ours, theirs_cropped(images, boxes, size), atol=1e-5)


def test_other_resampling_is_told_apart():
    images, boxes = torch.rand(2, 1, 56, 56), torch.tensor([[3.0, 5, 50, 40]] * 2)
    ours = crop_and_resize(images, boxes, 28)
    assert torch.allclose(ours, theirs_cropped(images, boxes, 28), atol=1e-5)
    sharp = theirs_cropped(images, boxes, 28, antialias=False)
    assert not torch.allclose(ours, sharp, atol=1e-2)
    for change in torch.eye(4):
        moved = theirs_cropped(images, boxes + change, 28)
        assert not torch.allclose(ours, moved, atol=1e-2)


@pytest.mark.parametrize("shape", SHAPES[:3], ids=str)
def test_the_central_view_is_resize_and_center_crop(shape):
    images = torch.rand(2, 3, *shape)
    for size in (17, 28, 40, 56):
        resized = reference.resize(images, int(256 / 224 * size), antialias=True)
        theirs = reference.center_crop(resized, [size, size])
        assert torch.allclose(central_view(images, size), theirs, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES[1:], ids=str)
@pytest.mark.parametrize("area", [(0.08, 1.0), (0.5, 0.6)], ids=str)
def test_boxes_are_distributed_as_torchvisions(shape, area):
    torch.manual_seed(0)
    image, count = torch.empty(1, *shape), 6000
    theirs = torch.tensor([
        RandomResizedCrop.get_params(image, list(area), [3 / 4, 4 / 3]) for _ in range(count)
    ]).float()
    ours = random_boxes(count, *shape, area)
    allowed = 4.5 * ((ours.var(0) + theirs.var(0)) / count).sqrt() + 1e-6
    assert ((ours.mean(0) - theirs.mean(0)).abs() <= allowed).all()
    assert (ours.std(0) - theirs.std(0)).abs().max() <= 0.06 * theirs.std(0).max()


def test_boxes_are_whole_pixels_inside_the_image():
    torch.manual_seed(0)
    for height, width in SHAPES:
        top, left, tall, wide = random_boxes(5000, height, width).T
        assert (top >= 0).all() and (top + tall <= height).all() and (tall >= 1).all()
        assert (left >= 0).all() and (left + wide <= width).all() and (wide >= 1).all()
        for values in (top, left, tall, wide):
            assert torch.equal(values, values.round())
    assert (random_boxes(50, 40, 40, (1.0, 1.0)) == torch.tensor([0, 0, 40, 40])).all()


@pytest.mark.parametrize("area", [(0.0, 1.0), (0.5, 0.4), (0.5, 1.5)])
def test_impossible_areas_are_refused(area):
    with pytest.raises(ValueError, match=r"area is \(.*0 < low <= high <= 1"):
        random_boxes(3, 20, 20, area)


def test_weights_of_resampling_add_up_to_one():
    start, length = torch.tensor([0.0, 2.3, 7.9]), torch.tensor([10.0, 3.1, 1.4])
    for size in (1, 4, 30):
        matrix = sampling_matrix(start, length, size, 12)
        assert matrix.shape == (3, size, 12) and (matrix >= 0).all()
        assert torch.allclose(matrix.sum(2), torch.ones(3, size))
    assert (matrix[1, :, [0, 1, 6, 7, 8]] == 0).all()  # outside 2.3 to 5.4


def step_of(view):
    """How many columns of a ruler one column of its view covers."""
    first, last = view.shape[3] // 4, 3 * view.shape[3] // 4
    return (view[:, 0, 0, last] - view[:, 0, 0, first]) / (last - first)


@pytest.mark.parametrize(("area", "expected"), [
    ((0.08, 1.0), 0.768), ((0.25, 1.0), 0.851), ((49 / 64, 49 / 64), 1.0),
])
def test_objects_are_smaller_in_testing_than_in_training(area, expected):
    torch.manual_seed(0)
    views = Views(nn.Identity(), 56, 56, area)
    ruler = torch.arange(64.0).expand(4000, 1, 64, 64)
    ratio = step_of(views.train()(ruler)) / step_of(views.eval()(ruler[:1]))
    assert ratio.mean() == pytest.approx(expected, abs=0.02)
    views.test_size = 84
    larger = step_of(views.train()(ruler)) / step_of(views.eval()(ruler[:1]))
    assert larger.mean() == pytest.approx(1.5 * expected, abs=0.03)


def test_the_mode_decides_what_is_seen():
    torch.manual_seed(0)
    views, images = Views(nn.Identity(), 20, 33), torch.rand(4, 2, 64, 48)
    assert views.train()(images).shape == (4, 2, 20, 20)
    assert not torch.equal(views(images), views(images))
    assert torch.equal(views.eval()(images), central_view(images, 33))


@pytest.mark.parametrize("size", [64, 75])
@pytest.mark.parametrize("training", [False, True])
def test_the_network_is_torchvisions(size, training):
    views = Views(archbook.create("resnet50"))
    theirs = models.resnet50()
    found = compare(views.network, theirs, (3, size, size), training=training)
    assert found.equal and found.tensors == 267


def test_only_the_size_of_the_maps_depends_on_the_resolution():
    net = resnet50()
    assert count_macs(net, (3, 224, 224)) == 4_089_184_256
    ratio = count_macs(net, (3, 384, 384)) / 4_089_184_256
    assert ratio == pytest.approx((384 / 224) ** 2, rel=0.001)
    assert depth(net, (3, 96, 96)) == 50 and count_parameters(net) == 25_557_032


def step(net, images, labels, lr=0.1):
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr)
    F.cross_entropy(net(images), labels).backward()
    optimizer.step()


def test_the_cure_is_the_authors_step():
    torch.manual_seed(0)
    theirs = calibrate(models.resnet50(), (3, 64, 64)).double()
    views = Views(resnet50().double(), test_size=64)
    copy_weights(theirs, views.network)
    images, labels = torch.randn(6, 3, 80, 80).double(), torch.arange(6)
    seen = central_view(images.float(), 64).double()
    for name, child in theirs.named_children():
        child.requires_grad_(name == "fc")
    theirs.eval()
    theirs.layer4[2].bn3.train()
    before = copy.deepcopy(views.network.state_dict())
    views.view = lambda images: seen
    step(LastLayers(views).train(), images, labels)
    step(theirs, seen, labels)
    after = views.network.state_dict()
    pairs = zip(after.values(), theirs.state_dict().values())  # counters are not copied
    assert all(torch.allclose(a, b) for a, b in pairs if a.is_floating_point())
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    norm = "stages.3.2.main_path.7"
    assert changed == {"fc.weight", "fc.bias"} | {
        f"{norm}.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")
    }


def test_last_layers_see_the_test_view_in_both_modes():
    views = twin("8 to 100 %")
    cure, images = LastLayers(views), torch.rand(3, 1, 56, 56)
    seen = []
    views.network.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    views.test_size = 36
    for mode in (True, False):
        cure.train(mode)(images)
        assert cure.training is mode
        assert [m for m in views.modules() if m.training] == (
            [last_norm(views.network)] if mode else []
        )
    assert all(torch.equal(view, central_view(images, 36)) for view in seen)


def test_last_layers_learn_the_classifier_only():
    cure = LastLayers(twin("77 %"))
    learning = [n for n, p in cure.named_parameters() if p.requires_grad]
    assert learning == ["views.network.fc.weight", "views.network.fc.bias"]
    groups = make_optimizer(cure, 0.1).param_groups
    assert [len(group["params"]) for group in groups] == [1, 1]


def test_a_network_without_norms_is_refused():
    with pytest.raises(ValueError, match="Sequential has no batch norm"):
        last_norm(nn.Sequential(nn.Conv2d(1, 2, 3)))


def test_the_last_norm_stands_before_the_pooling():
    assert last_norm(resnet50()).num_features == 2048
    net = CifarResNet(8, in_channels=1)
    assert last_norm(net) is net.blocks[-1].main_path[-1]


def test_pooled_is_what_the_classifier_gets():
    views, images = twin("77 %").train(), torch.rand(7, 1, 56, 56)
    values = pooled(views, images)
    assert values.shape == (7, 64) and not views.training
    assert torch.allclose(views.network.fc(values), views(images), atol=1e-6)
    assert not views.network.pool._forward_hooks


def test_scenes_hold_their_items():
    item = torch.full((50, 1, 28, 28), 255, dtype=torch.uint8)
    made = scenes(item, 3)
    assert made.shape == (50, 1, 56, 56) and made.dtype == torch.uint8
    assert torch.equal(made, scenes(item, 3)) and not torch.equal(made, scenes(item, 4))
    white = made == 255
    area = white.sum((1, 2, 3)) / 28**2
    assert 0.65 < area.min() < 0.95 and 1.6 < area.max() < 2.0  # 0.9² to 1.4², less edges
    for image in white[:, 0]:  # the item is whole: a square
        rows, columns = image.any(1).sum(), image.any(0).sum()
        assert abs(int(rows) - int(columns)) <= 1
    assert not white.all(0).all()
    black = scenes(item.repeat(40, 1, 1, 1), 5) == 0  # noise behind the whole canvas
    assert not (black.all(3).any() or black.all(2).any())
    assert scenes(torch.zeros_like(item), 3).max() <= 160  # noise alone


def test_the_twin():
    net = twin("8 to 100 %")
    assert (net.train_size, net.test_size, net.area) == (28, 28, (0.08, 1.0))
    assert count_parameters(net) == 75_002 == count_parameters(twin("77 %"))
    assert depth(net.network, (1, 28, 28)) == 8
    assert net(torch.rand(2, 1, 56, 56)).shape == (2, 10)
    with pytest.raises(ValueError, match="crops is 'all'; expected one of"):
        twin("all")


def test_published_numbers():
    rows = published("fixresnet50", "top1_error").set_index("condition")["value"]
    assert rows["ImageNet validation, 384 pixels"] == 21.0
    assert len(published("fixefficientnet_b0", "top1_error")) == 2


def test_the_recorded_curves_are_complete():
    runs = load_results("fixres_resolution")
    assert {(r["seed"], r["config"]["lr"], r["config"]["crops"]) for r in runs} == {
        (s, lr, c) for s in range(5) for lr in (0.3, 1.0, 3.0) for c in CROPS
    }
    assert len(runs) == 45 and {r["parameters"] for r in runs} == {75_002}
    for run in runs:
        assert tuple(row[0] for row in run["test"]["curve"]) == CURVE


def test_the_recorded_cures_are_complete():
    runs = load_results("fixres_cure")
    assert [run["seed"] for run in runs] == list(range(5))
    assert EXPERIMENTS["fixres_cure"].configurations == [runs[0]["config"]]
    wanted = {(0, 0.0, size) for size in CURED}
    wanted |= {(size, rate, size) for size in CURED for rate in RATES}
    wanted |= {(28, rate, size) for size in CURED for rate in RATES}
    same = {r["seed"]: r for r in load_results("fixres_resolution")
            if r["config"] == runs[0]["config"]}
    for run in runs:
        rows = run["test"]["cure"]
        assert {tuple(row[:3]) for row in rows} == wanted and len(rows) == len(wanted)
        # Before the cure it is the run of the first experiment.
        curve = {row[0]: row[1:] for row in same[run["seed"]]["test"]["curve"]}
        for row in rows[: len(CURED)]:
            assert row[3:5] == pytest.approx(curve[row[2]], abs=0.002)
