"""GoogLeNet: torchvision's and the paper's version, negative controls, parts and twin."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision import models

import archbook
from archbook.accounting import count_macs, count_parameters, count_weighted_layers, depth
from archbook.networks.googlenet import (
    MODULES, GoogLeNet, Inception, auxiliary_head, conv_bn_relu, conv_relu, googlenet,
    googlenet_paper, halve, inception_modules, initialise_he, initialise_xavier,
    small_googlenet, watch,
)
from archbook.parity import compare
from archbook.results import load_results
from archbook.training import train_step


@pytest.fixture(scope="module")
def reference():
    return models.googlenet(aux_logits=True, init_weights=False)


@pytest.mark.parametrize("size", [64, 97])
def test_testing_equals_torchvision(reference, size):
    found = compare(googlenet(), reference, (3, size, size))
    assert found.equal and found.tensors == 305


@pytest.mark.parametrize("size", [64, 97])
def test_training_equals_torchvision_with_all_three_classifiers(reference, size):
    assert compare(googlenet(), reference, (3, size, size), training=True).equal


def test_without_heads_equals_torchvision_without():
    reference = models.googlenet(aux_logits=False, init_weights=False)
    assert compare(googlenet(heads=False), reference, (3, 64, 64), training=True).equal


def last_pool(net):
    net.upper[1] = halve(3)


def epsilon(net):
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5


def stride(net):
    net.lower[0][0].stride = (1, 1)


def padding(net):
    net.lower[3][0].padding = (0, 0)


def floor(net):
    net.lower[1].ceil_mode = False


class OtherOrder(Inception):
    """The third branch before the second."""

    def forward(self, x):
        branches = (self.branch1, self.branch3, self.branch2, self.branch4)
        return torch.cat([branch(x) for branch in branches], dim=1)


def branch_order(net):
    net.upper[2] = OtherOrder(*MODULES["5a"], conv_bn_relu, large_kernel=3)


@pytest.mark.parametrize(
    "change", [last_pool, epsilon, stride, padding, floor, branch_order]
)
def test_small_deviations_are_told_apart(reference, change):
    net = googlenet()
    change(net)
    assert count_parameters(net) == 13_004_888
    found = compare(net, reference, (3, 64, 64))
    assert found.alive and not found.equal and found.difference > 1e-4 * found.spread


class HeadsSwapped(GoogLeNet):
    def forward(self, x):
        outputs = super().forward(x)
        return (outputs[0], outputs[2], outputs[1]) if self.training else outputs


def swap(net):
    net.__class__ = HeadsSwapped


def paper_windows(net):
    for head in net.heads:
        head[0] = nn.AvgPool2d(5, stride=3)


@pytest.mark.parametrize("change, size", [(swap, 64), (paper_windows, 224)])
def test_wrong_heads_are_told_apart_in_training_only(reference, change, size):
    net = googlenet()
    change(net)
    assert compare(net, reference, (3, 64, 64)).equal
    found = compare(net, reference, (3, size, size), training=True)
    assert found.alive and not found.equal


def test_the_papers_kernels_do_not_fit_torchvisions_weights(reference):
    net = googlenet()
    net.lower[5] = Inception(*MODULES["3a"], conv_bn_relu, large_kernel=5)
    with pytest.raises(ValueError, match=r"\(32, 16, 5, 5\) does not fit .*\(32, 16, 3, 3\)"):
        compare(net, reference, (3, 64, 64))


# The Caffe replication, layer by layer: inputs, filters of 1×1; reduce and 3×3; ...
CAFFE = [
    (192, 64, 96, 128, 16, 32, 32), (256, 128, 128, 192, 32, 96, 64), "pool",
    (480, 192, 96, 208, 16, 48, 64), "head", (512, 160, 112, 224, 24, 64, 64),
    (512, 128, 128, 256, 24, 64, 64), (512, 112, 144, 288, 32, 64, 64), "head",
    (528, 256, 160, 320, 32, 128, 128), "pool", (832, 256, 160, 320, 32, 128, 128),
    (832, 384, 192, 384, 48, 128, 128),
]


def local_norm(x):
    """x / (1 + 1e-4 · mean of squares over five neighbouring channels)^0.75."""
    squares = F.pad(x**2, (0, 0, 0, 0, 2, 2))
    mean = sum(squares[:, i : i + x.shape[1]] for i in range(5)) / 5
    return x / (1 + 1e-4 * mean) ** 0.75


def cut_pool(x, step, average=False, size=3):
    """Windows that start inside the map and are cut off at its border."""
    for _ in range(2):
        if average:
            starts = range(0, x.shape[3] - size + 1, step)
        else:
            starts = range(0, x.shape[3] - size + step, step)
        windows = [x[..., i : i + size] for i in starts]
        parts = [w.mean(-1) if average else w.amax(-1) for w in windows]
        x = torch.stack(parts, dim=-1).transpose(2, 3)
    return x


class Again(nn.Module):
    """The paper's network from a flat list of convolutions; keywords break it."""

    def __init__(self, norm=True, norm_first=False, head_average=True, relu_in_pool=True):
        super().__init__()
        self.norm, self.norm_first = norm, norm_first
        self.head_average, self.relu_in_pool = head_average, relu_in_pool
        shapes = [(64, 3, 7), (64, 64, 1), (192, 64, 3)]
        for step in CAFFE:
            if isinstance(step, tuple):
                c, one, r3, three, r5, five, proj = step
                shapes += [(one, c, 1), (r3, c, 1), (three, r3, 3)]
                shapes += [(r5, c, 1), (five, r5, 5), (proj, c, 1)]
        self.convs = nn.ModuleList(nn.Conv2d(b, a, k) for a, b, k in shapes)
        self.heads = nn.ModuleList(
            nn.ModuleList([nn.Conv2d(c, 128, 1), nn.Linear(2048, 1024), nn.Linear(1024, 1000)])
            for c in (512, 528)
        )
        self.fc = nn.Linear(1024, 1000)

    def head(self, x, number):
        conv, hidden, last = self.heads[number]
        x = cut_pool(x, 3, average=self.head_average, size=5)
        return last(hidden(conv(x).relu().flatten(1)).relu())

    def forward(self, x):
        convs, outputs = iter(self.convs), []

        def conv(x, stride=1):
            layer = next(convs)
            border = layer.kernel_size[0] // 2
            return F.conv2d(x, layer.weight, layer.bias, stride, border).relu()

        norm = local_norm if self.norm else lambda x: x
        x = conv(x, stride=2)
        x = cut_pool(norm(x), 2) if self.norm_first else norm(cut_pool(x, 2))
        x = cut_pool(norm(conv(conv(x))), 2)
        for step in CAFFE:
            if step == "pool":
                x = cut_pool(x, 2)
            elif step == "head":
                outputs += [self.head(x, len(outputs))] if self.training else []
            else:
                around = F.pad(x, (1, 1, 1, 1), value=0.0 if self.relu_in_pool else 1.0)
                x = torch.cat(
                    [conv(x), conv(conv(x)), conv(conv(x)), conv(cut_pool(around, 1))], dim=1
                )
        logits = self.fc(x.sum((2, 3)) / x[0, 0].numel())
        return (logits, *outputs) if self.training else logits


@pytest.mark.parametrize("size", [224, 67])
def test_the_papers_network_equals_a_second_implementation(size):
    found = compare(googlenet_paper(), Again(), (3, size, size))
    assert found.equal and found.tensors == 128


def test_the_papers_heads_equal_a_second_implementation():
    assert compare(googlenet_paper(), Again(), (3, 224, 224), training=True).equal
    other = Again(head_average=False)
    found = compare(googlenet_paper(), other, (3, 224, 224), training=True)
    assert found.alive and not found.equal


@pytest.mark.parametrize(
    "broken",
    [Again(norm=False), Again(norm_first=True), Again(relu_in_pool=False)],
    ids=["no LRN", "LRN before pooling", "border of ones"],
)
def test_deviations_from_the_paper_are_told_apart(broken):
    found = compare(googlenet_paper(), broken, (3, 67, 67))
    assert found.alive and not found.equal


def test_counts_depth_and_sizes():
    size = (3, 224, 224)
    for build, bare, full, macs in (
        (googlenet_paper, 6_998_552, 13_378_280, 1_582_671_872),
        (googlenet, 6_624_904, 13_004_888, 1_498_376_192),
    ):
        net = build()
        assert count_parameters(net) == full
        assert count_parameters(build(heads=False)) == bare
        assert count_macs(net, size) == count_macs(build(heads=False), size) == macs
        assert depth(net, size) == 22 and count_weighted_layers(net, size) == 58
        convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
        linears = [m for m in net.modules() if isinstance(m, nn.Linear)]
        assert (len(convs), len(linears)) == (59, 5)
        net.eval()
        with torch.no_grad():
            at_4a = net.lower(torch.zeros(1, *size))
            at_4d = net.middle(at_4a)
        assert at_4a.shape == (1, 512, 14, 14) and at_4d.shape == (1, 528, 14, 14)
        assert net.upper(at_4d).shape == (1, 1024, 7, 7)
        assert net.heads[0][0](at_4a).shape == (1, 512, 4, 4)


def test_every_module_feeds_the_next():
    names = list(MODULES)
    for name, following in zip(names, names[1:]):
        _, one, _, three, _, five, pool = MODULES[name]
        assert one + three + five + pool == MODULES[following][0]
    halved = inception_modules(conv_relu, 5, divisor=8)
    assert halved["4d"](torch.zeros(1, 64, 4, 4)).shape == (1, 66, 4, 4)


def test_dropout_is_where_the_papers_say():
    rates = {
        googlenet_paper: [0.7, 0.7, 0.4],
        googlenet: [0.7, 0.7, 0.2],
    }
    for build, expected in rates.items():
        drops = [m.p for m in build().modules() if isinstance(m, nn.Dropout)]
        assert drops == expected


def test_heads_speak_in_training_only_and_may_be_left_out():
    x = torch.zeros(2, 1, 32, 32)
    for conv in (conv_relu, conv_bn_relu):
        net = small_googlenet(conv, True, initialise_he)
        outputs = net.train()(x)
        assert [tuple(o.shape) for o in outputs] == [(2, 10)] * 3
        assert net.eval()(x).shape == (2, 10)
        assert small_googlenet(conv, False, initialise_he).train()(x).shape == (2, 10)
        assert depth(net, (1, 32, 32)) == 22


@pytest.mark.parametrize("which", [0, 1, 2], ids=["end", "4a", "4d"])
def test_each_classifiers_loss_trains_the_stem(which):
    torch.manual_seed(0)
    net = small_googlenet(conv_bn_relu, True, initialise_he).train()
    net(torch.rand(4, 1, 32, 32))[which][:, 0].sum().backward()
    assert net.lower[0][0].weight.grad.abs().max() > 0


def test_other_numbers_of_classes_reach_the_heads():
    net = archbook.create("googlenet", num_classes=7).train()
    assert [o.shape[1] for o in net(torch.zeros(2, 3, 64, 64))] == [7, 7, 7]
    paper = archbook.create("googlenet_paper", num_classes=7).train()
    assert [o.shape[1] for o in paper(torch.zeros(1, 3, 224, 224))] == [7, 7, 7]


def test_the_weights_in_the_loss_are_the_papers():
    torch.manual_seed(0)
    net = small_googlenet(conv_relu, True, initialise_he).train()
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    x, labels = torch.randn(4, 1, 32, 32), torch.tensor([0, 1, 2, 3])
    end, first, second = (F.cross_entropy(o, labels) for o in net(x))
    optimizer = torch.optim.SGD(net.parameters(), 0.0)
    loss, _ = train_step(net, x, labels, optimizer, torch.amp.GradScaler("cpu", enabled=False))
    assert loss.item() == pytest.approx((end + 0.3 * (first + second)).item(), rel=1e-5)


def test_initial_weights():
    torch.manual_seed(0)
    for build, variance in ((googlenet, 2), (googlenet_paper, 1)):
        net = build()
        for module in net.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)) and module.weight.numel() > 3000:
                inputs = module.weight[0].numel()
                assert module.weight.var().item() * inputs == pytest.approx(variance, rel=0.15)
    biases = {m.bias.unique().item() for m in net.modules() if isinstance(m, nn.Conv2d)}
    assert len(biases) == 1 and biases.pop() == pytest.approx(0.2)
    assert all(m.bias.abs().max() == 0 for m in net.modules() if isinstance(m, nn.Linear))


def test_watch_notes_every_backward_pass_and_survives_a_move():
    net = small_googlenet(conv_relu, True, initialise_xavier)
    weight = net.lower[0][0].weight
    norms = watch(weight)
    net.to(memory_format=torch.channels_last)
    for _ in range(2):
        net.zero_grad()
        sum(o.sum() for o in net.train()(torch.rand(2, 1, 32, 32))).backward()
        assert norms[-1] == pytest.approx(weight.grad.norm().item())
    assert len(norms) == 2


def test_a_head_needs_four_by_four_maps():
    head = auxiliary_head(8, 3, conv_relu, nn.Identity(), channels=2, hidden=5)
    assert head(torch.zeros(1, 8, 4, 4)).shape == (1, 3)
    with pytest.raises(RuntimeError):
        head(torch.zeros(1, 8, 5, 5))


def test_the_recorded_runs_are_complete():
    runs = load_results("googlenet_heads")
    arms = {(r["config"]["batch_norm"], r["config"]["heads"], r["config"]["lr"]) for r in runs}
    assert len(arms) == 14 and len(runs) == 70
    assert {r["seed"] for r in runs} == set(range(5))
    trained = [r for r in runs if r["history"]]
    assert len(trained) == 69 and all(len(r["test"]["stem_gradient"]) == 156 for r in trained)
