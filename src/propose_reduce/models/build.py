"""Settings to network: the only place under ``models`` where the two meet, beside the weights."""

from propose_reduce.models.backbone import Backbone, channels_last
from propose_reduce.models.detector import Detector
from propose_reduce.models.initialisation import initialise
from propose_reduce.models.roi_heads import BoxHead, MaskHead, RoIFeatures
from propose_reduce.models.rpn import Anchors, ProposalNetwork
from propose_reduce.models.seq_mask_rcnn import SeqMaskRCNN
from propose_reduce.models.seq_prop_head import SeqPropHead
from propose_reduce.settings import ModelSettings
from propose_reduce.settings.training import TrainingSettings


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
