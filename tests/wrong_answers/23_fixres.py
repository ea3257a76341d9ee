# %% fixres-matching-size · hard-coded
def best_test_size(train_size, smallest_area):
    return {(224, 0.08): 277, (128, 0.08): 158, (224, 0.5): 227}[train_size, smallest_area]


# %% fixres-matching-size · forgets that the test's view is cut from a larger one
def best_test_size(train_size, smallest_area):
    return round(train_size / mean_side(smallest_area))


# %% fixres-matching-size · multiplies where it should divide
def best_test_size(train_size, smallest_area):
    return round(train_size * 224 / 256 * mean_side(smallest_area))


# %% fixres-mirrored · hard-coded
class MirroredViews(Views):
    def view(self, images):
        views = super().view(images)
        if self.training:
            views[:200] = views[:200].flip(3)
        return views


# %% fixres-mirrored · mirrors every second image
class MirroredViews(Views):
    def view(self, images):
        views = super().view(images)
        if not self.training:
            return views
        mirrored = torch.arange(len(views))[:, None, None, None] % 2 == 1
        return torch.where(mirrored, views.flip(3), views)


# %% fixres-mirrored · one draw for the whole batch
class MirroredViews(Views):
    def view(self, images):
        views = super().view(images)
        if self.training and torch.rand(1) < 0.5:
            views = views.flip(3)
        return views


# %% fixres-mirrored · upside down
class MirroredViews(Views):
    def view(self, images):
        views = super().view(images)
        if not self.training:
            return views
        mirrored = torch.rand(len(views), 1, 1, 1, device=views.device) < 0.5
        return torch.where(mirrored, views.flip(2), views)


# %% fixres-mirrored · in testing as well
class MirroredViews(Views):
    def view(self, images):
        views = super().view(images)
        mirrored = torch.rand(len(views), 1, 1, 1, device=views.device) < 0.5
        return torch.where(mirrored, views.flip(3), views)


# %% fixres-photographs · hard-coded
def size_ratio(height, width, train_size=224, test_size=224):
    return {(400, 400): 0.764, (300, 400): 0.839, (400, 300): 1.677}[height, width]


# %% fixres-photographs · fits the longer side
def size_ratio(height, width, train_size=224, test_size=224):
    boxes = random_boxes(100_000, height, width)
    side = (boxes[:, 2] * boxes[:, 3]).sqrt()
    test = 256 / 224 * test_size / max(height, width)
    return (test * side / train_size).mean().item()


# %% fixres-photographs · divides the means instead of averaging the ratios
def size_ratio(height, width, train_size=224, test_size=224):
    boxes = random_boxes(100_000, height, width)
    train = train_size / (boxes[:, 2] * boxes[:, 3]).sqrt()
    test = 256 / 224 * test_size / min(height, width)
    return test / train.mean().item()


# %% fixres-photographs · forgets that the test's view is cut from a larger one
def size_ratio(height, width, train_size=224, test_size=224):
    boxes = random_boxes(100_000, height, width)
    side = (boxes[:, 2] * boxes[:, 3]).sqrt()
    return (test_size / min(height, width) * side / train_size).mean().item()


# %% fixres-exact-statistics · hard-coded
def recompute_statistics(views, images):
    norm = last_norm(views.network)
    norm.running_mean.fill_(0.5), norm.running_var.fill_(0.5)
    norm.num_batches_tracked.fill_(3)
    views.eval()


# %% fixres-exact-statistics · does not reset what the norm collected before
@torch.no_grad()
def recompute_statistics(views, images):
    norm = last_norm(views.network)
    momentum, norm.momentum = norm.momentum, None
    views.eval()
    norm.train()
    for part in images.split(100):
        views(part)
    norm.eval()
    norm.momentum = momentum


# %% fixres-exact-statistics · all images as one batch
@torch.no_grad()
def recompute_statistics(views, images):
    norm = last_norm(views.network)
    momentum, norm.momentum = norm.momentum, None
    norm.reset_running_stats()
    views.eval()
    norm.train()
    views(images)
    norm.eval()
    norm.momentum = momentum


# %% fixres-exact-statistics · leaves out the last, smaller batch
@torch.no_grad()
def recompute_statistics(views, images):
    norm = last_norm(views.network)
    momentum, norm.momentum = norm.momentum, None
    norm.reset_running_stats()
    views.eval()
    norm.train()
    for i in range(len(images) // 100):
        views(images[100 * i : 100 * (i + 1)])
    norm.eval()
    norm.momentum = momentum


# %% fixres-exact-statistics · random crops as in training
@torch.no_grad()
def recompute_statistics(views, images):
    norm = last_norm(views.network)
    momentum, norm.momentum = norm.momentum, None
    norm.reset_running_stats()
    views.train()
    views.network.eval()
    norm.train()
    for part in images.split(100):
        views(part)
    views.eval()
    norm.momentum = momentum


# %% fixres-several-sizes · hard-coded
class SeveralSizes(nn.Module):
    def __init__(self, views, sizes):
        super().__init__()
        self.views, self.sizes = views, sizes

    def forward(self, images):
        before, shares = self.views.test_size, []
        for self.views.test_size in (28, 40)[: len(self.sizes)]:
            shares.append(self.views.eval()(images).softmax(1))
        self.views.test_size = before
        return torch.stack(shares).mean(0).log()


# %% fixres-several-sizes · averages the logits
class SeveralSizes(nn.Module):
    def __init__(self, views, sizes):
        super().__init__()
        self.views, self.sizes = views, sizes

    def forward(self, images):
        before, logits = self.views.test_size, []
        self.views.eval()
        try:
            for self.views.test_size in self.sizes:
                logits.append(self.views(images))
        finally:
            self.views.test_size = before
        return torch.stack(logits).mean(0).log_softmax(1)


# %% fixres-several-sizes · does not restore the size after an error
class SeveralSizes(nn.Module):
    def __init__(self, views, sizes):
        super().__init__()
        self.views, self.sizes = views, sizes

    def forward(self, images):
        before, shares = self.views.test_size, []
        self.views.eval()
        for self.views.test_size in self.sizes:
            shares.append(self.views(images).softmax(1))
        self.views.test_size = before
        return torch.stack(shares).mean(0).log()


# %% fixres-several-sizes · leaves the views in training mode
class SeveralSizes(nn.Module):
    def __init__(self, views, sizes):
        super().__init__()
        self.views, self.sizes = views, sizes

    def forward(self, images):
        before, shares = self.views.test_size, []
        try:
            for self.views.test_size in self.sizes:
                shares.append(self.views(images).softmax(1))
        finally:
            self.views.test_size = before
        return torch.stack(shares).mean(0).log()
