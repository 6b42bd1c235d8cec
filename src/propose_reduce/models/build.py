"""Settings to network, and how it begins: where the two meet, beside the weights."""

import torch
from torch import nn

from propose_reduce.models.backbone import Backbone, channels_last
from propose_reduce.models.detector import BoxHead, Detector, MaskHead, RoIFeatures
from propose_reduce.models.rpn import Anchors, ProposalNetwork
from propose_reduce.models.seq_mask_rcnn import SeqMaskRCNN
from propose_reduce.models.seq_prop_head import ResBlock, SeqPropHead
from propose_reduce.settings import ModelSettings
from propose_reduce.settings.training import TrainingSettings

# Found on random features: they keep the variance of the block about 1, let the mask stand out
# from the picture, give the memory read's logits a deviation of about 3, values one of about 1,
# and leave the decoder to what was read before the backbone maps add their detail.
RESIDUAL_GAIN, SHORTCUT_GAIN = 0.5, 0.7
MASK_GAIN, KEY_GAIN, VALUE_GAIN = 2.0, 0.57, 0.37
BRANCH_GAIN, LOGIT_GAIN = 0.2, 0.1


@torch.no_grad()
def initialise(head: SeqPropHead) -> None:
    """Fill the head with random weights under which it matches what looks alike."""
    for module in head.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in head.modules():
        if isinstance(module, ResBlock):
            module.conv2.weight.mul_(RESIDUAL_GAIN)
            if module.shortcut is not None:
                module.shortcut.weight.mul_(SHORTCUT_GAIN)
    memory, decoder = head.memory_encoder, head.decoder
    if memory.mask is not None:
        memory.mask.weight.mul_(MASK_GAIN)
    memory.key.weight.mul_(KEY_GAIN)
    memory.value.weight.mul_(VALUE_GAIN)
    decoder.refine3.conv.weight.mul_(BRANCH_GAIN)
    decoder.refine2.conv.weight.mul_(BRANCH_GAIN)
    decoder.predict.weight.mul_(LOGIT_GAIN)
    twin = {n: v for n, v in memory.state_dict().items() if not n.startswith("mask.")}
    head.query_encoder.load_state_dict(twin)


def build(model: ModelSettings, training: TrainingSettings | None = None) -> SeqMaskRCNN:
    """Return the network, randomly initialised, in evaluation mode.

    Args:
        model: what the network is.
        training: how many samples its detection losses take; the paper's when not given.

    Raises:
        InputError: an unknown backbone, or one without feature maps at strides 4-32.
    """
    training = training or TrainingSettings()
    backbone = Backbone(
        model.backbone,
        model.pyramid_channels,
        stride_in_first=model.stride_in == "1x1",
        batch_norm_eps=model.batch_norm_eps,
        frozen_stages=model.frozen_stages,
        freeze_batch_norm=model.freeze_batch_norm,
        freeze_depthwise=model.freeze_depthwise,
    )
    anchors = Anchors(
        model.anchor_sizes,
        model.anchor_ratios,
        offset=model.anchor_offset,
        rounding=model.anchor_rounding,
    )
    channels, classes = model.pyramid_channels, len(model.categories)
    detector = Detector(
        ProposalNetwork(
            channels,
            anchors,
            proposals=model.rpn_proposals,
            nms=model.rpn_nms,
            keep_outside=model.boxes_outside == "keep",
            samples=training.rpn_samples,
            positive=training.rpn_positive,
        ),
        RoIFeatures(
            aligned=model.roi_aligned,
            minimum_cell=model.roi_minimum_cell,
            samples=model.roi_samples,
        ),
        BoxHead(channels, model.box_channels, classes),
        MaskHead(channels, model.mask_channels, model.mask_layers, classes),
        box_samples=training.box_samples,
        box_positive=training.box_positive,
    )
    prop_head = SeqPropHead(
        model.propagation_channels,
        channels,
        backbone.map_channels[0],
        backbone.map_channels[1],
        model.key_channels,
    )
    initialise(prop_head)
    network = SeqMaskRCNN(
        backbone,
        detector,
        prop_head,
        pixel_mean=model.pixel_mean,
        pixel_std=model.pixel_std,
        key_penalty=training.key_penalty,
        absence_weight=training.absence_loss,
        cross_entropy_weight=training.cross_entropy_loss,
    )
    channels_last(network)
    return network.eval()
