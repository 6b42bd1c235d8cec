"""The Seq-Prop head: a memory of masks, read by every later frame (supplementary, figure 1).

Letters in this file: B frames, O objects, M memorised frames, K key channels, D head channels
(a value has D), H and W padded input pixels; h and w the map at stride 16 (H / 16, W / 16);
P2, C2 lie at stride 4, C3 at stride 8. [x] means flattened to x.

An *owner* is the index of the frame (0..B-1) that an object belongs to. Without owners there is
one frame and every object is its.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from propose_reduce.errors import InputError


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


PROBABILITY_MARGIN = 1e-7  # keeps the odds p / (1 - p) finite in float32
STRIDE = 16  # of keys and values
LIVE_MAPS = 3  # maps of D channels at stride 4 that the decoder's last block holds at once
LIVE_MASKS = 4  # float32 masks at full size that resizing and soft aggregation hold at once


class SeqPropHead(nn.Module):
    """Carries masks from memorised frames to a query frame.

    Shape:
        - p2: (B, P2 channels, H / 4, W / 4); c2, c3: backbone maps at stride 4 and 8
        - masks: (O, H, W), probabilities
        - output: (O, H, W), probabilities, before soft aggregation

    Args:
        channels: D, the head's width; inner maps at stride 16 have 2D.
        p2_channels: channels of P2.
        c2_channels: channels of C2.
        c3_channels: channels of C3.
        key_channels: K.
    """

    def __init__(
        self,
        channels: int = 256,
        p2_channels: int = 256,
        c2_channels: int = 256,
        c3_channels: int = 512,
        key_channels: int = 64,
    ) -> None:
        super().__init__()
        self.memory_encoder = Encoder(p2_channels, channels, key_channels, masked=True)
        self.query_encoder = Encoder(p2_channels, channels, key_channels, masked=False)
        self.decoder = Decoder(channels, c2_channels, c3_channels)

    def memorize(self, p2: Tensor, masks: Tensor, owners: Tensor | None = None) -> KeyValue:
        """Encode the masks of a frame for the memory.

        Args:
            p2: (B, P2 channels, H / 4, W / 4).
            masks: (O, y, x), 0-1. Smaller than (H, W), they are zero-padded right and bottom; up
                to 1 px larger, they are resized as they are.
            owners: int64 (O,), the frame of each mask; None where there is one frame.

        Returns:
            key (O, K, h, w) and value (O, D, h, w).

        Raises:
            InputError: masks larger than the padded image by more than 1 px.
        """
        height, width = 4 * p2.shape[-2], 4 * p2.shape[-1]
        missing_rows, missing_columns = height - masks.shape[-2], width - masks.shape[-1]
        if min(missing_rows, missing_columns) < -1:
            raise InputError(
                f"masks must fit the padded image {(height, width)}, got {tuple(masks.shape[-2:])}"
            )
        padding = (0, max(missing_columns, 0), 0, max(missing_rows, 0))
        canvas = functional.pad(masks.to(p2.dtype)[:, None], padding)
        small = functional.interpolate(
            canvas, size=p2.shape[-2:], mode="bilinear", align_corners=False
        )
        return self.memory_encoder(_rows_of_owners(p2, owners, len(masks)), small)

    def query(self, p2: Tensor) -> KeyValue:
        """Encode frames to be segmented: key (B, K, h, w) and value (B, D, h, w)."""
        return self.query_encoder(p2)

    def branches(self, c2: Tensor, c3: Tensor) -> FrameBranches:
        """Return the decoder's object-independent branches of B frames."""
        return FrameBranches(self.decoder.refine3.branch(c3), self.decoder.refine2.branch(c2))

    def segment(
        self,
        keys: Tensor | Sequence[Tensor],
        values: Tensor | Sequence[Tensor],
        query: KeyValue,
        c2: Tensor,
        c3: Tensor,
        owners: Tensor | None = None,
    ) -> Tensor:
        """Segment a frame from the memory of each object.

        Args:
            keys: (O, K, M, h, w), or (O, K, h, w) for M = 1; or a list of such groups whose
                memories differ in length: their objects decode together, in order.
            values: likewise with D channels.
            query: what :meth:`query` gave.
            c2: (B, C2 channels, H / 4, W / 4).
            c3: (B, C3 channels, H / 8, W / 8).
            owners: int64 (O,), the frame of each object; None where there is one frame.

        Returns:
            float32 (O, H, W), probabilities before soft aggregation.
        """
        return self.decode(keys, values, query, self.branches(c2, c3), owners)

    def decode_bytes(self, query: KeyValue) -> int:
        """Return about how many bytes it takes to decode one more object of a query."""
        places = (STRIDE // 4) ** 2 * query.value[0, 0].numel()  # at stride 4
        maps = LIVE_MAPS * query.value.shape[1] * query.value.element_size()
        return places * (maps + LIVE_MASKS * 4 * 4 * torch.float32.itemsize)

    def decode(
        self,
        keys: Tensor | Sequence[Tensor],
        values: Tensor | Sequence[Tensor],
        query: KeyValue,
        branches: FrameBranches,
        owners: Tensor | None = None,
    ) -> Tensor:
        """Do what :meth:`segment` does with branches that were computed before."""
        key_groups = [keys] if isinstance(keys, Tensor) else list(keys)
        value_groups = [values] if isinstance(values, Tensor) else list(values)
        sizes = [len(group) for group in key_groups]
        count = sum(sizes)
        height, width = (STRIDE * side for side in query.key.shape[-2:])
        if count == 0:
            return query.key.new_zeros((0, height, width), dtype=torch.float32)
        query_keys = _rows_of_owners(query.key, owners, count)
        query_values = _rows_of_owners(query.value, owners, count)
        read = [
            read_memory(key, value, rows)
            for key, value, rows in zip(
                key_groups, value_groups, query_keys.split(sizes), strict=True
            )
        ]
        both = torch.cat([torch.cat(read), query_values], dim=1)
        own = branches if owners is None else FrameBranches(*(part[owners] for part in branches))
        log_odds = self.decoder(both, own)
        full = functional.interpolate(
            log_odds[:, None], scale_factor=4, mode="bilinear", align_corners=False
        )
        return full[:, 0].sigmoid()


def read_memory(keys: Tensor, values: Tensor, query: Tensor) -> Tensor:
    """Let every place of the query look up every place of the memory (the NLBlock).

    Shape:
        - keys: (O, K, M, h, w), or (O, K, h, w) for M = 1
        - values: (O, D, M, h, w), or (O, D, h, w)
        - query: (O, K, h, w)
        - output: (O, D, h, w), a convex mix of the values, softmax(q k / sqrt(K)) v
    """
    height, width = query.shape[-2:]
    read = functional.scaled_dot_product_attention(
        query.flatten(2).transpose(1, 2)[:, None],  # (O, 1, [hw], K)
        keys.flatten(2).transpose(1, 2)[:, None],  # (O, 1, [Mhw], K)
        values.flatten(2).transpose(1, 2)[:, None],  # (O, 1, [Mhw], D)
    )
    return read[:, 0].transpose(1, 2).unflatten(2, (height, width))


def soft_aggregate(probabilities: Tensor) -> Tensor:
    """Make the masks of one frame's objects compete (supplementary, equation 1).

    Args:
        probabilities: (O, H, W), each object on its own.

    Returns:
        float32 (O + 1, H, W), summing to 1 over the first axis; row 0 is the background,
        row ``o + 1`` is object ``o``. Always computed in float32.
    """
    foreground = probabilities.float()
    background = (1 - foreground).prod(dim=0, keepdim=True)
    everything = torch.cat([background, foreground])
    clamped = everything.clamp(PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN)
    return torch.logit(clamped).softmax(dim=0)


def soft_iou_loss(probabilities: Tensor, truth: Tensor) -> Tensor:
    """Return 1 - sum min / sum max of each object: scale-balanced (supplementary, equation 2).

    Args:
        probabilities: float32 (O, H, W), aggregated, without the background.
        truth: (O, H, W), 0 or 1.

    Returns:
        float32 (O,), 0 for a perfect mask, 1 for no overlap; 0 where both are empty.
    """
    wanted = truth.to(probabilities.dtype)
    overlap = torch.minimum(probabilities, wanted).sum(dim=(1, 2))
    union = torch.maximum(probabilities, wanted).sum(dim=(1, 2))
    return 1 - torch.where(union > 0, overlap / union.clamp(min=1e-12), torch.ones_like(union))


def absence_loss(probabilities: Tensor, area: Tensor) -> Tensor:
    """Return sum p / (sum p + A) of objects that a frame does not show.

    Equation 2 is constant where the truth is empty, so that nothing ever teaches the head to let
    go. This is its share of the union with the object's reference mask put into it: 0 for no mask,
    one half for a mask as large as the object was, and always with a gradient.

    Args:
        probabilities: float32 (O, H, W), aggregated, without the background.
        area: (O,), pixels of each object's reference mask; less than one counts as one.

    Returns:
        float32 (O,), from 0 to below 1.
    """
    claimed = probabilities.sum(dim=(1, 2))
    return claimed / (claimed + area.to(claimed.dtype).clamp(min=1))


def cross_entropy_loss(probabilities: Tensor, truth: Tensor, area: Tensor) -> Tensor:
    """Return each object's cross entropy over its area.

    Equation 2 has no gradient left where the head is sure and wrong: with p near 0 on a small
    object and near 1 beside it nothing moves. This one pulls there with full strength.

    Args:
        probabilities: float32 (O, H, W), each object on its own.
        truth: (O, H, W), 0 or 1.
        area: (O,), pixels of each object; a hundredth of the frame is added, so that the smallest
            do not outweigh all others.

    Returns:
        float32 (O,), 0 for a perfect mask.
    """
    height, width = truth.shape[-2:]
    sure = probabilities.clamp(PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN)
    bits = functional.binary_cross_entropy(sure, truth.to(sure.dtype), reduction="none")
    return bits.sum(dim=(1, 2)) / (area.to(bits.dtype) + 0.01 * height * width)


def _rows_of_owners(frames: Tensor, owners: Tensor | None, count: int) -> Tensor:
    """Return each object's row of a per-frame tensor."""
    if owners is not None:
        return frames[owners]
    if len(frames) != 1:
        raise InputError(f"{len(frames)} frames need owners: the frame of each object")
    return frames.expand(count, *frames.shape[1:])
