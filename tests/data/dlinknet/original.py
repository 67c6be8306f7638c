"""Forward passes of the published networks in plain functions, on the original keys.

Written from the description of the layers, without any module of roadex: the oracle that our
networks are held to bit by bit, whatever the PyTorch version.
"""

import torch
from torch.nn import functional as F  # noqa: N812

RATES = {"DinkNet34": 4, "DinkNet34_less_pool": 5, "DinkNet50": 5, "DinkNet101": 5, "LinkNet34": 0}


def logits(name, w, x):
    """Return the logits of network `name` with weights `w`, before the published sigmoid."""
    if name == "Unet":
        return _unet(w, x)
    x = F.relu(_norm(w, "firstbn", F.conv2d(x, w["firstconv.weight"], stride=2, padding=3)))
    x = F.max_pool2d(x, 3, stride=2, padding=1)
    skips = []
    for number in range(1, 4 if name == "DinkNet34_less_pool" else 5):
        x = _stage(w, f"encoder{number}", x)
        skips.append(x)
    x = _centre(w, skips.pop(), RATES[name])
    for number in range(len(skips) + 1, 0, -1):
        x = _decoder(w, f"decoder{number}", x)
        x = x + skips.pop() if skips else x
    if name == "LinkNet34":
        x = F.relu(_deconv(w, "finaldeconv1", x, stride=2))
        x = F.relu(_conv(w, "finalconv2", x))
        return _conv(w, "finalconv3", x, padding=1)
    x = F.relu(_deconv(w, "finaldeconv1", x, stride=2, padding=1))
    x = F.relu(_conv(w, "finalconv2", x, padding=1))
    return _conv(w, "finalconv3", x, padding=1)


def _conv(w, key, x, **options):
    return F.conv2d(x, w[f"{key}.weight"], w.get(f"{key}.bias"), **options)


def _deconv(w, key, x, **options):
    return F.conv_transpose2d(x, w[f"{key}.weight"], w.get(f"{key}.bias"), **options)


def _norm(w, key, x):
    statistics = w[f"{key}.running_mean"], w[f"{key}.running_var"]
    return F.batch_norm(x, *statistics, w[f"{key}.weight"], w[f"{key}.bias"], eps=1e-5)


def _stage(w, stage, x):
    block = 0
    while f"{stage}.{block}.conv1.weight" in w:
        stride = 2 if block == 0 and stage != "encoder1" else 1
        x = _residual(w, f"{stage}.{block}", x, stride)
        block += 1
    return x


def _residual(w, key, x, stride):
    shortcut = x
    if f"{key}.downsample.0.weight" in w:
        shortcut = _norm(
            w, f"{key}.downsample.1", _conv(w, f"{key}.downsample.0", x, stride=stride)
        )
    if f"{key}.conv3.weight" in w:  # bottleneck; the stride is on the 3x3 convolution
        x = F.relu(_norm(w, f"{key}.bn1", _conv(w, f"{key}.conv1", x)))
        x = F.relu(_norm(w, f"{key}.bn2", _conv(w, f"{key}.conv2", x, stride=stride, padding=1)))
        x = _norm(w, f"{key}.bn3", _conv(w, f"{key}.conv3", x))
    else:
        x = F.relu(_norm(w, f"{key}.bn1", _conv(w, f"{key}.conv1", x, stride=stride, padding=1)))
        x = _norm(w, f"{key}.bn2", _conv(w, f"{key}.conv2", x, padding=1))
    return F.relu(x + shortcut)


def _centre(w, x, n_rates):
    total = x
    for number in range(n_rates):
        rate = 2**number
        x = F.relu(_conv(w, f"dblock.dilate{number + 1}", x, padding=rate, dilation=rate))
        total = total + x
    return total


def _decoder(w, key, x):
    x = F.relu(_norm(w, f"{key}.norm1", _conv(w, f"{key}.conv1", x)))
    x = _deconv(w, f"{key}.deconv2", x, stride=2, padding=1, output_padding=1)
    x = F.relu(_norm(w, f"{key}.norm2", x))
    return F.relu(_norm(w, f"{key}.norm3", _conv(w, f"{key}.conv3", x)))


def _unet(w, x):
    def stage(key, x):
        x = F.relu(_conv(w, f"{key}.0", x, padding=1))
        return F.relu(_conv(w, f"{key}.2", x, padding=1))

    skips = []
    for number in range(1, 8):
        x = stage(f"down{number}", x)
        skips.append(x)
        x = F.max_pool2d(x, 2)
    x = stage("center", x)
    for number in range(7, 0, -1):
        up = F.relu(_deconv(w, f"trans{number}.0", x, stride=2, padding=1))
        x = stage(f"up{number}", torch.cat([up, skips.pop()], dim=1))
    return _conv(w, "conv_last.0", x, padding=1)
