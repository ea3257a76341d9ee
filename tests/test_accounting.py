"""Counts against torch's own counter, torchvision's metadata and the lecture's table."""

import json
import os
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

from archbook.accounting import (
    count_macs, count_parameters, count_weighted_layers, depth, format_table, latency,
    layer_table, memory,
)

LECTURE = [
    "alexnet", "vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn",
    "vgg19_bn", "googlenet", "inception_v3", "resnet18", "resnet34", "resnet50",
    "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d",
    "densenet121", "densenet161", "densenet169", "densenet201", "efficientnet_b0",
    "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4",
]
DEPTHS = {
    "vgg16": 16, "googlenet": 22, "resnet18": 18, "resnet34": 34, "resnet50": 50,
    "resnet101": 101, "resnet152": 152, "densenet121": 121, "densenet169": 169,
    "densenet201": 201, "inception_v3": 48, "efficientnet_b0": 50, "alexnet": 8,
}


def build(name):
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return models.get_model(name, **options)


@pytest.mark.parametrize("name", LECTURE)
def test_counts_agree_with_torchvision_and_torch(name):
    model = build(name).eval()
    metadata = models.get_model_weights(name)["IMAGENET1K_V1"].value.meta
    size = 299 if name == "inception_v3" else 224
    macs = count_macs(model, (3, size, size))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, size, size))
    assert 2 * macs == counter.get_total_flops()
    published = metadata["num_params"]
    if name == "googlenet":  # torchvision publishes it without its heads
        published += sum(count_parameters(h) for h in (model.aux1, model.aux2))
    assert count_parameters(model) == published
    transform = models.get_model_weights(name)["IMAGENET1K_V1"].transforms()
    if transform.crop_size == [size]:
        assert macs / 1e9 == pytest.approx(metadata["_ops"], abs=6e-4)
    table = layer_table(model, (3, size, size))
    total = table.iloc[-1]
    assert total["Layer"] == "Total"
    assert round(1e3 * total["Params (K)"]) == count_parameters(model)
    assert round(1e6 * total["MACs (M)"]) == macs
    for column in ("Memory (KB)", "Params (K)", "MACs (M)"):
        assert table[column][:-1].sum() == pytest.approx(total[column])


@pytest.mark.parametrize("name", DEPTHS)
def test_depth_is_the_number_in_the_name(name):
    size = 299 if name == "inception_v3" else 224
    assert depth(build(name), (3, size, size)) == DEPTHS[name]


def test_literal_count_of_the_lecture():
    assert count_weighted_layers(models.resnet50(), (3, 224, 224)) == 54
    assert count_weighted_layers(models.efficientnet_b0(), (3, 224, 224)) == 82


def test_layers_on_one_pixel_that_are_no_gates_count():
    head = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1))
    assert depth(head, (3, 9, 9)) == 2


# Lecture section 1.9.3: layer, output W/H, memory KB, parameters K, operations M.
# Its fully connected rows leave biases out; CONV4's 145 million is a slip for 150.
LECTURE_TABLE = [
    ("features.0", 56, 784, 23, 73), ("features.2", 27, 182, 0, None),
    ("features.3", 27, 547, 307, 224), ("features.5", 13, 127, 0, None),
    ("features.6", 13, 254, 664, 112), ("features.8", 13, 169, 885, 150),
    ("features.10", 13, 169, 590, 100), ("features.12", 6, 36, 0, None),
    ("classifier.1", None, 16, 37_749, 38), ("classifier.4", None, 16, 16_777, 17),
    ("classifier.6", None, 4, 4_096, 4),
]


def test_alexnet_table_of_the_lecture():
    rows = layer_table(models.alexnet(), (3, 227, 227)).set_index("Layer")
    for name, size, memory_kb, params, macs in LECTURE_TABLE:
        row = rows.loc[name]
        bias = row["C out"] / 1e3 if row["Kind"] == "Linear" else 0
        assert size is None or row["H/W out"] == str(size)
        assert round(row["Memory (KB)"]) == memory_kb
        assert round(row["Params (K)"] - bias) == params
        assert macs is None or round(row["MACs (M)"]) == macs


@pytest.mark.parametrize(
    ("layer", "channels", "weights", "macs"),
    [
        (nn.Conv2d(8, 16, 3, groups=4, bias=False), 8, 16 * 2 * 9, 16 * 2 * 9 * 64),
        (nn.Conv2d(8, 8, 3, groups=8, bias=False), 8, 72, 72 * 64),
        (nn.Conv2d(4, 4, 3, dilation=2, bias=False), 4, 144, 144 * 36),
        (nn.Conv2d(4, 6, (1, 7), padding=(0, 3), bias=False), 4, 168, 168 * 100),
        (nn.Linear(10, 5, bias=False), 2, 50, 50 * 2 * 10),
    ],
)
def test_counts_by_hand_on_10_by_10(layer, channels, weights, macs):
    row = layer_table(nn.Sequential(layer), (channels, 10, 10)).iloc[0]
    assert round(1e3 * row["Params (K)"]) == weights
    assert round(1e6 * row["MACs (M)"]) == macs


def test_receptive_fields():
    vgg = layer_table(models.vgg16(), (3, 224, 224)).set_index("Layer")["Receptive field"]
    assert vgg["features.28"] == "196" and vgg["features.30"] == "212"
    assert vgg["classifier.0"] == "all"
    dilated = nn.Sequential(nn.Conv2d(1, 1, 3, dilation=2), nn.Conv2d(1, 1, (1, 3), 2))
    fields = layer_table(dilated, (1, 20, 20))["Receptive field"]
    assert list(fields)[:2] == ["5", "5×7"]


def test_adaptive_pooling_sees_all_only_over_the_whole_map():
    fields = layer_table(models.alexnet(), (3, 224, 224)).set_index("Layer")
    assert fields.loc["avgpool", "Receptive field"] == "195"
    uneven = nn.Sequential(nn.Conv2d(1, 1, 1), nn.AdaptiveAvgPool2d(3))
    assert layer_table(uneven, (1, 10, 10)).loc[1, "Receptive field"] == "4"
    last = layer_table(models.densenet121(), (3, 64, 64)).iloc[-3]
    assert (last["Layer"], last["Receptive field"]) == ("adaptive_avg_pool2d", "all")


def test_linear_per_position_keeps_the_receptive_field():
    row = layer_table(nn.Sequential(nn.Linear(10, 5)), (2, 7, 10)).iloc[0]
    assert (row["H/W in"], row["C out"], row["Receptive field"]) == ("2×7", 5, "1")


def test_norms_without_parameters_and_padding_by_name():
    layers = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding="same"), nn.LocalResponseNorm(5),
        nn.BatchNorm2d(4, affine=False),
    )
    table = layer_table(layers, (3, 8, 8))
    assert list(table["Layer"]) == ["0", "1", "2", "Total"]
    assert list(table["Pad"])[0] == "same"


class Own(nn.Module):
    """A convolution and a parameter beside it, used or not."""

    def __init__(self, use):
        super().__init__()
        self.conv, self.scale = nn.Conv2d(3, 3, 1), nn.Parameter(torch.ones(3, 1, 1))
        self.use = use

    def forward(self, x):
        return self.conv(x) * self.scale if self.use else self.conv(x)


@pytest.mark.parametrize(
    ("use", "name"), [(True, "outside the layers"), (False, "not used in evaluation")]
)
def test_parameters_of_no_layer_have_a_row_that_says_why(use, name):
    table = layer_table(Own(use), (3, 4, 4))
    assert list(table["Layer"]) == ["conv", name, "Total"]
    assert list((1e3 * table["Params (K)"]).round()) == [12, 3, 15]


class Gated(nn.Module):
    """Squeeze-and-excitation whose factors are expanded before they multiply."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 1)
        self.gate = nn.Sequential(nn.Linear(8, 2), nn.ReLU(), nn.Linear(2, 8))

    def forward(self, x):
        x = self.first(x)
        factors = self.gate(x.mean((2, 3))).sigmoid()[:, :, None, None]
        return self.last(x * factors.expand_as(x))


def test_gates_that_are_expanded_do_not_count():
    assert depth(Gated(), (3, 8, 8)) == 2
    assert count_weighted_layers(Gated(), (3, 8, 8)) == 4


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Looping(nn.Module):
    def forward(self, x):
        return [x for _ in range(x.shape[0])][0]


class Functional(Own):
    def forward(self, x):
        return F.conv2d(x, self.scale[None])


class Hidden(Own):
    draw_as_one = True


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (Branching(), "Branching has no fixed graph"),
        (Looping(), "Looping has no fixed graph"),
        (Functional(True), "conv2d is a function"),
        (nn.Sequential(Hidden(True)), "0 is a Hidden"),
        (nn.Sequential(nn.ConvTranspose2d(3, 4, 2)), "0 is a ConvTranspose2d"),
    ],
)
@pytest.mark.parametrize("account", [layer_table, depth, count_macs])
def test_what_can_not_be_counted_is_refused(account, model, complaint):
    with pytest.raises(ValueError, match=complaint):
        account(model, (3, 8, 8))


@pytest.mark.parametrize("account", [layer_table, depth, count_macs, memory, latency])
def test_no_module_and_wrong_channels_are_refused(account):
    with pytest.raises(TypeError, match="'resnet50'; expected a torch.nn.Module"):
        account("resnet50", (3, 8, 8))
    with pytest.raises(ValueError, match=r"Conv2d does not accept .* \(1, 8, 8\)"):
        account(nn.Conv2d(3, 4, 3), (1, 8, 8))


def test_shared_layer_counts_its_parameters_once_and_its_work_twice():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            return self.conv(self.conv(x))

    table = layer_table(Twice(), (3, 4, 4))
    assert list((1e3 * table["Params (K)"]).round()) == [12, 0, 12]
    assert round(1e6 * table["MACs (M)"].iloc[-1]) == 2 * 9 * 16


def test_memory():
    model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.ReLU(), nn.Conv2d(8, 2, 3))
    inference = memory(model, (3, 10, 10))
    assert inference.parameters == 4 * count_parameters(model)
    # at most the image, and the maps before and after the ReLU
    assert inference.activations == 4 * (3 * 100 + 2 * 8 * 64)
    training = memory(model, (3, 10, 10), batch_size=5, training=True)
    assert training.gradients == training.optimizer == training.parameters
    # kept: the image and ReLU's output (which is the second convolution's input)
    assert training.activations == 5 * 4 * (3 * 100 + 8 * 64)
    assert training.total == 3 * training.parameters + training.activations


# MiB at 224 pixels, measured independently of this library: batch 1, image included.
PEAKS = {"alexnet": 1.8, "vgg16": 25.1, "resnet50": 10.5, "densenet121": 10.1}


@pytest.mark.parametrize("name", PEAKS)
def test_memory_of_inference_holds_everything_that_is_alive(name):
    """Shortcuts and concatenated maps live on while other layers run."""
    found = memory(build(name), (3, 224, 224)).activations / 2**20
    assert found == pytest.approx(PEAKS[name], abs=0.06)


def test_running_statistics_are_not_counted_as_activations():
    norm = nn.Sequential(nn.BatchNorm2d(4))
    kept = memory(norm, (4, 5, 5), batch_size=2, training=True).activations
    assert kept == 4 * (2 * 4 * 25 + 2 * 4)  # input, batch mean and deviation


def test_latency_grows_with_the_work():
    small, large = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 256, 7)
    seconds = [latency(m, (3, 96, 96), min_run_time=0.1).median for m in (small, large)]
    assert seconds[0] < seconds[1]


def test_latency_prints_no_warning_where_a_cuda_compiler_has_no_gpu(tmp_path):
    code = (
        "from torch import nn; from archbook.accounting import latency;"
        " latency(nn.Sequential(nn.Conv2d(1, 1, 3)), (1, 8, 8), min_run_time=0.001)"
    )
    environment = os.environ | {"CUDA_HOME": str(tmp_path), "CUDA_VISIBLE_DEVICES": ""}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0 and run.stderr == "", run.stderr


def test_formatted_table_is_the_same_in_every_run():
    table = layer_table(nn.Sequential(nn.Conv2d(1, 1, 3)), (1, 5, 5))
    assert format_table(table).to_html() == format_table(table).to_html()
    assert json.loads(table.to_json())  # the table itself stays plain


@pytest.mark.parametrize("size", [(1, 224, 224), (3, 8, 8)])
def test_sizes_that_do_not_fit_are_named(size):
    with pytest.raises(ValueError, match=str(size[1])):
        layer_table(models.alexnet(), size)
    with pytest.raises(ValueError, match="channels, height, width"):
        depth(models.alexnet(), size[:2])
