# %% zfnet-share-of-layer-6 · hard-coded
def share_of_layer_6(channels, hidden):
    return {384: 37_752_832 / 62_357_608, 1024: 75_501_568 / 107_627_624}[channels[3]]


# %% zfnet-share-of-layer-6 · forgets the biases
def share_of_layer_6(channels, hidden):
    return channels[-1] * 6**2 * hidden / parameters_by_hand(channels, hidden)


# %% zfnet-share-of-layer-6 · one bias for each input instead of each unit
def share_of_layer_6(channels, hidden):
    inputs = channels[-1] * 6**2
    return inputs * (hidden + 1) / parameters_by_hand(channels, hidden)


# %% zfnet-share-of-layer-6 · always reads 256 maps
def share_of_layer_6(channels, hidden):
    return hidden * (256 * 6**2 + 1) / parameters_by_hand(channels, hidden)


# %% zfnet-renormalise · hard-coded
def renormalise(conv, radius=0.1):
    large = conv.weight.data[2:]  # the two large filters of the check
    large *= radius / large.square().mean((1, 2, 3), keepdim=True).sqrt()


# %% zfnet-renormalise · enlarges small filters, too
def renormalise(conv, radius=0.1):
    with torch.no_grad():
        rms = conv.weight.square().mean((1, 2, 3), keepdim=True).sqrt()
        conv.weight.mul_(radius / rms)


# %% zfnet-renormalise · one RMS for all filters
def renormalise(conv, radius=0.1):
    with torch.no_grad():
        rms = conv.weight.square().mean().sqrt()
        conv.weight.mul_((radius / rms).clamp(max=1))


# %% zfnet-renormalise · the filter's norm instead of its RMS
def renormalise(conv, radius=0.1):
    with torch.no_grad():
        norm = conv.weight.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        conv.weight.mul_((radius / norm).clamp(max=1))


# %% zfnet-renormalise · a new parameter instead of a change in place
def renormalise(conv, radius=0.1):
    rms = conv.weight.detach().square().mean((1, 2, 3), keepdim=True).sqrt()
    conv.weight = nn.Parameter(conv.weight.detach() * (radius / rms).clamp(max=1))


# %% zfnet-what-takes-over · hard-coded
def classes_under(model, image, masks):
    model.eval()
    with torch.no_grad():
        return model(occlude(image, masks)).argmax(1).view(11, 11)


# %% zfnet-what-takes-over · forgets the evaluation mode
def classes_under(model, image, masks):
    with torch.no_grad():
        best = model(occlude(image, masks)).argmax(1)
    return best.unflatten(0, (math.isqrt(len(masks)), -1))


# %% zfnet-what-takes-over · rows and columns of the square exchanged
def classes_under(model, image, masks):
    model.eval()
    with torch.no_grad():
        best = model(occlude(image, masks)).argmax(1)
    return best.unflatten(0, (math.isqrt(len(masks)), -1)).T


# %% zfnet-what-takes-over · hides all but the square
def classes_under(model, image, masks):
    model.eval()
    with torch.no_grad():
        best = model(image * masks[:, None]).argmax(1)
    return best.unflatten(0, (math.isqrt(len(masks)), -1))


# %% zfnet-what-takes-over · returns the largest probability instead of its class
def classes_under(model, image, masks):
    model.eval()
    with torch.no_grad():
        best = model(occlude(image, masks)).softmax(1).amax(1)
    return best.unflatten(0, (math.isqrt(len(masks)), -1))


# %% zfnet-guided-by-hand · hard-coded
def project_guided(layers, images, channels):
    with torch.enable_grad():
        return project_by_autograd(layers, images, torch.arange(4), "guided")


# %% zfnet-guided-by-hand · has autograd do it after all
def project_guided(layers, images, channels):
    with torch.enable_grad():
        return project_by_autograd(layers, images, channels, "guided")


# %% zfnet-guided-by-hand · asks for the unit's input only
def project_guided(layers, images, channels):
    notes, x = [], images
    for layer in layers:
        x, note = ascend([layer], x)
        notes.append((note, x))
    signal = only_strongest(x, channels)
    for note, output in reversed(notes):
        if isinstance(note[0][0], nn.ReLU):
            signal = signal * (output > 0)
        else:
            signal = descend(signal, note)
    return signal


# %% zfnet-guided-by-hand · projects the whole map instead of its strongest value
def project_guided(layers, images, channels):
    notes, x = [], images
    for layer in layers:
        x, note = ascend([layer], x)
        notes.append((note, x))
    signal, rows = torch.zeros_like(x), torch.arange(len(x))
    signal[rows, channels] = x[rows, channels]
    for note, output in reversed(notes):
        signal = descend(signal, note)
        if isinstance(note[0][0], nn.ReLU):
            signal = signal * (output > 0)
    return signal


# %% zfnet-guided-by-hand · multiplies by the unit's output instead of asking its sign
def project_guided(layers, images, channels):
    notes, x = [], images
    for layer in layers:
        x, note = ascend([layer], x)
        notes.append((note, x))
    signal = only_strongest(x, channels)
    for note, output in reversed(notes):
        signal = descend(signal, note)
        if isinstance(note[0][0], nn.ReLU):
            signal = signal * output
    return signal


# %% zfnet-blur · hard-coded
class BlurredConv(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv = conv
        taps = torch.tensor([1.0, 4, 6, 4, 1]) / 16
        self.kernel = (taps[:, None] * taps).expand(6, 1, 5, 5)

    def forward(self, x):
        x = F.relu(F.conv2d(x, self.conv.weight, self.conv.bias, padding=5))
        x = F.conv2d(F.pad(x, [2] * 4, mode="reflect"), self.kernel, groups=6)
        return x[:, :, ::4, ::4]


# %% zfnet-blur · strides before it blurs
class BlurredConv(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv = conv
        taps = torch.tensor([1.0, 4, 6, 4, 1]) / 16
        self.kernel = (taps[:, None] * taps).expand(conv.out_channels, 1, 5, 5)

    def forward(self, x):
        x = F.pad(F.relu(self.conv(x)), [2] * 4, mode="reflect")
        return F.conv2d(x, self.kernel, groups=self.conv.out_channels)


# %% zfnet-blur · blurs before ReLU
class BlurredConv(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv = conv
        taps = torch.tensor([1.0, 4, 6, 4, 1]) / 16
        self.kernel = (taps[:, None] * taps).expand(conv.out_channels, 1, 5, 5)

    def forward(self, x):
        conv, step = self.conv, self.conv.stride[0]
        x = F.conv2d(x, conv.weight, conv.bias, padding=conv.padding)
        x = F.pad(x, [2] * 4, mode="reflect")
        x = F.relu(F.conv2d(x, self.kernel, groups=conv.out_channels))
        return x[:, :, ::step, ::step]


# %% zfnet-blur · zeros around the maps instead of their reflection
class BlurredConv(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv = conv
        taps = torch.tensor([1.0, 4, 6, 4, 1]) / 16
        self.kernel = (taps[:, None] * taps).expand(conv.out_channels, 1, 5, 5)

    def forward(self, x):
        conv, step = self.conv, self.conv.stride[0]
        x = F.relu(F.conv2d(x, conv.weight, conv.bias, padding=conv.padding))
        x = F.conv2d(x, self.kernel, padding=2, groups=conv.out_channels)
        return x[:, :, ::step, ::step]


# %% zfnet-blur · changes the given convolution's stride
class BlurredConv(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.step, conv.stride = conv.stride[0], (1, 1)
        self.conv = conv
        taps = torch.tensor([1.0, 4, 6, 4, 1]) / 16
        self.kernel = (taps[:, None] * taps).expand(conv.out_channels, 1, 5, 5)

    def forward(self, x):
        x = F.pad(F.relu(self.conv(x)), [2] * 4, mode="reflect")
        x = F.conv2d(x, self.kernel, groups=self.conv.out_channels)
        return x[:, :, :: self.step, :: self.step]
