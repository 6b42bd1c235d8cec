"""The blocks of the Seq-Prop head (supplementary, figure 1).

Letters in this file: N rows, B frames, O objects, K key channels, D head channels (a value has
D), H and W padded input pixels; h and w the map at stride 16 (H / 16, W / 16); P2, C2 lie at
stride 4, C3 at stride 8.
"""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional


class KeyValue(NamedTuple):
    """Keys say where to look, values what is there.

    Attributes:
        key: (N, K, h, w).
        value: (N, D, h, w).
    """

    key: Tensor
    value: Tensor


class FrameBranches(NamedTuple):
    """The decoder's branches that no object has a say in: computed once per frame.

    Attributes:
        c3: (B, D, H / 8, W / 8).
        c2: (B, D, H / 4, W / 4).
    """

    c3: Tensor
    c2: Tensor


class ResBlock(nn.Module):
    """Two convolutions behind rectifiers, beside an identity or a convolution where shapes change.

    Shape:
        - input: (N, in, y, x)
        - output: (N, out, y / stride, x / stride)
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1)
        same = in_channels == out_channels and stride == 1
        self.shortcut = None if same else nn.Conv2d(in_channels, out_channels, 3, stride, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        inner = functional.relu_(self.conv1(functional.relu(x)))
        residual: Tensor = self.conv2(inner)
        return residual.add_(x if self.shortcut is None else self.shortcut(x))


class Encoder(nn.Module):
    """P2, with or without a mask, to a key and a value.

    Shape:
        - p2: (N, P2 channels, H / 4, W / 4)
        - masks: (N, 1, H / 4, W / 4), probabilities, only for the memory's encoder
        - output: key (N, K, h, w), value (N, D, h, w)
    """

    def __init__(self, p2_channels: int, channels: int, key_channels: int, *, masked: bool) -> None:
        super().__init__()
        self.mask = nn.Conv2d(1, p2_channels, 7, 1, 3) if masked else None
        self.block1 = ResBlock(p2_channels, channels, 2)
        self.block2 = ResBlock(channels, 2 * channels, 2)
        self.key = nn.Conv2d(2 * channels, key_channels, 1)
        self.value = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, p2: Tensor, masks: Tensor | None = None) -> KeyValue:
        """Return the encoding of each row."""
        if self.mask is not None:
            p2 = p2 + self.mask(masks)
        x = self.block2(self.block1(p2))
        return KeyValue(self.key(x), self.value(x))


class Refine(nn.Module):
    """Doubles the decoder's resolution with the help of a backbone map.

    Shape:
        - x: (O, D, y, x)
        - branch: (B, D, 2y, 2x), from :meth:`branch` on a backbone map
        - output: (O, D, 2y, 2x)
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, 1, 1)
        self.block_in = ResBlock(channels, channels)
        self.block_out = ResBlock(channels, channels)

    def branch(self, backbone_map: Tensor) -> Tensor:
        """Return the part that depends on the frame alone."""
        return self.block_in(self.conv(backbone_map))

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        """Return the refined map; one row of ``branch`` serves all objects, or each has its own."""
        up = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return self.block_out(up.add_(branch))


class Decoder(nn.Module):
    """What was read, to one logit per pixel, at a quarter of the input's resolution.

    Shape:
        - read: (O, 2D, h, w)
        - branches: c3 (B or O, D, H / 8, W / 8), c2 (B or O, D, H / 4, W / 4)
        - output: (O, H / 4, W / 4), log-odds
    """

    def __init__(self, channels: int, c2_channels: int, c3_channels: int) -> None:
        super().__init__()
        self.fuse = nn.Conv2d(2 * channels, channels, 3, 1, 1)
        self.block = ResBlock(channels, channels)
        self.refine3 = Refine(c3_channels, channels)
        self.refine2 = Refine(c2_channels, channels)
        self.predict = nn.Conv2d(channels, 2, 3, 1, 1)

    def forward(self, read: Tensor, branches: FrameBranches) -> Tensor:
        """Return log-odds: the difference of the two logits, as their softmax needs no more."""
        x = self.refine3(self.block(self.fuse(read)), branches.c3)
        x = self.refine2(x, branches.c2)
        logits = self.predict(functional.relu(x)).float()
        return logits[:, 1] - logits[:, 0]
