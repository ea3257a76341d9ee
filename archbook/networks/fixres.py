"""Written by tools/export.py from notebooks/23_fixres.ipynb; change it there."""

import torch
import torch.nn.functional as F
from torch import nn

from archbook.networks.resnet import CifarResNet


def random_boxes(count, height, width, area=(0.08, 1.0)):
    """One random crop for each of `count` images: (count, 4), top, left, height, width.

    Share of the area uniform in `area`, aspect ratio log-uniform from 3/4 to 4/3, whole
    pixels. The first of ten draws that fits counts; if none does, the largest central
    piece of at most 4 to 3.
    """
    low, high = area
    if not 0 < low <= high <= 1:
        raise ValueError(f"area is {area}; expected two shares, 0 < low <= high <= 1")
    size = torch.tensor([height, width])
    pixels = height * width * torch.empty(count, 10).uniform_(low, high)
    limit = torch.tensor(4 / 3).log().item()
    aspect = torch.empty(count, 10).uniform_(-limit, limit).exp()  # width / height
    sides = torch.stack([pixels / aspect, pixels * aspect], dim=2).sqrt().round()
    fits = (sides <= size).all(2)
    first = sides[torch.arange(count), fits.float().argmax(1)]
    found = fits.any(1, keepdim=True)
    sides = torch.where(found, first, size.minimum((size.flip(0) * 4 / 3).round()))
    space = size - sides
    corners = torch.where(found, torch.rand(count, 2) * (space + 1), space / 2).floor()
    return torch.cat([corners, sides], dim=1)


def sampling_matrix(start, length, size, pixels):
    """Weights that resample `length` of `pixels` pixels from `start` on to `size`.

    Bilinear: a triangle around each new pixel's centre, which widens when the picture
    shrinks (antialiasing). Pixels outside the piece do not count.

    Args:
        start, length: float tensors (N,), in pixels.

    Returns:
        (N, size, pixels); the weights of each new pixel add up to 1.
    """
    step = (length / size)[:, None]  # old pixels for a new one
    here = dict(device=start.device)
    centre = start[:, None] + (torch.arange(size, **here) + 0.5) * step
    place = torch.arange(pixels, **here) + 0.5
    distance = (place - centre[:, :, None]).abs()
    weights = (1 - distance / step.clamp(min=1)[:, :, None]).clamp(min=0)
    end = start + length
    inside = (place > start[:, None]) & (place < end[:, None])
    weights = weights * inside[:, None]
    return weights / weights.sum(2, keepdim=True)


def crop_and_resize(images, boxes, size):
    """Each image's own box, resized: (N, C, H, W), (N, 4) → (N, C, size, size)."""
    top, left, height, width = boxes.to(images.device).T
    rows = sampling_matrix(top, height, size, images.shape[2])
    columns = sampling_matrix(left, width, size, images.shape[3])
    return rows[:, None] @ images @ columns.mT[:, None]


def central_view(images, size):
    """Resize the shorter side to 256/224 · size, then cut out the centre.

    (N, C, H, W) → (N, C, size, size), for all images alike; nothing is random.
    """
    height, width = images.shape[2:]
    shorter = 8 * size // 7
    matrices = []
    for pixels in (height, width):
        new = shorter * pixels // min(height, width)
        whole = torch.tensor([0.0, pixels], device=images.device)[:, None]
        first = round((new - size) / 2)
        matrices.append(sampling_matrix(*whole, new, pixels)[0, first : first + size])
    rows, columns = matrices
    return rows @ images @ columns.T


class Views(nn.Module):
    """A network and what happens to images before it: (N, C, H, W) → logits.

    In training each image is cropped at random, in evaluation all alike.

    Args:
        network: takes images of any size.
        train_size, test_size: pixels of the network's input; both may be changed.
        area: smallest and largest share of the image that a random crop takes.
    """

    def __init__(self, network, train_size=224, test_size=224, area=(0.08, 1.0)):
        super().__init__()
        self.network = network
        self.train_size, self.test_size, self.area = train_size, test_size, area

    def view(self, images):
        """What the network sees of the images, in the present mode."""
        if not self.training:
            return central_view(images, self.test_size)
        boxes = random_boxes(len(images), *images.shape[2:], self.area)
        return crop_and_resize(images, boxes, self.train_size)

    def forward(self, images):
        return self.network(self.view(images))


def last_norm(network):
    """The batch norm right before the global pooling: the last one of a ResNet."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    if not norms:
        raise ValueError(f"{type(network).__name__} has no batch norm to adapt")
    return norms[-1]


class LastLayers(nn.Module):
    """The cure: only the last layers of a trained network go on learning.

    The classifier's weights are trained, and the last batch norm collects new
    statistics. All other layers stay in evaluation mode with frozen weights, and images
    are seen as in testing, in training as well (§4.2).

    Args:
        views: a `Views` whose network calls its classifier `fc`; changed in place.
    """

    def __init__(self, views):
        super().__init__()
        self.views = views
        self.norm = [last_norm(views.network)]  # in a list: not a second entry of it
        views.requires_grad_(False)
        views.network.fc.requires_grad_(True)

    def train(self, mode=True):
        super().train(False)
        self.training = mode
        self.norm[0].train(mode)
        return self

    def forward(self, images):
        return self.views(images)


@torch.no_grad()
def pooled(views, images):
    """What the classifier of a ResNet gets, as in testing: (N, channels)."""
    views.eval()
    found = []
    handle = views.network.pool.register_forward_hook(
        lambda module, inputs, output: found.append(output.flatten(1))
    )
    for part in images.split(500):
        views(part)
    handle.remove()
    return torch.cat(found)


CANVAS = 56


def scenes(images, seed):
    """Put 28×28 items on larger canvases, each at a random size and place.

    An item is enlarged 0.9 to 1.4 times and lies wholly on the canvas; behind it is
    smooth noise, and of item and noise the brighter one is seen.

    Args:
        images: uint8 (N, 1, 28, 28), items on black.
        seed: fixes sizes, places and noise.

    Returns:
        uint8 (N, 1, 56, 56).
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.cat([_scenes(part, generator) for part in images.split(1000)])


def _scenes(images, generator):
    count = len(images)
    scale = torch.empty(count, 1).uniform_(0.9, 1.4, generator=generator)
    side = CANVAS / scale  # the canvas, in the item's pixels
    middle = 50 + (torch.rand(count, 2, generator=generator) - 0.5) * (side - 28)
    boxes = torch.cat([middle - side / 2, side, side], dim=1)
    items = crop_and_resize(F.pad(images.float(), [36] * 4), boxes, CANVAS)
    noise = 160 * torch.rand(count, 1, 7, 7, generator=generator)
    background = F.interpolate(noise, size=CANVAS, mode="bilinear")
    return torch.maximum(items, background).round().to(torch.uint8)


CROPS = {
    "8 to 100 %": (0.08, 1.0), "25 to 100 %": (0.25, 1.0),
    "77 %": (0.765625, 0.765625),  # 49/64, the area of the test's view
}


def twin(crops):
    """A ResNet-8 for scenes, trained at 28 pixels: (N, 1, 56, 56) → (N, 10).

    Args:
        crops: key of `CROPS`, the shares of the area that training crops take.
    """
    if crops not in CROPS:
        raise ValueError(f"crops is {crops!r}; expected one of {list(CROPS)}")
    return Views(CifarResNet(8, in_channels=1, stem_stride=2), 28, 28, CROPS[crops])
