"""Tiny video models of transformers with random weights, and their processors."""

from typing import Any

import torch

IMAGE = 64  # pixels of the square images that they see


def tiny_sam2() -> tuple[Any, Any]:
    """A SAM 2 video model of a million weights, and its processor."""
    from transformers import Sam2VideoConfig, Sam2VideoModel

    stages = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "num_attention_heads": 1,
        "image_size": [IMAGE, IMAGE],
        "window_positional_embedding_background_size": [4, 4],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 1, 1],
        "window_size_per_stage": [4, 4, 4, 4],
        "global_attention_blocks": [3],
    }
    vision = {
        "model_type": "sam2_vision_model",
        "backbone_config": stages,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[IMAGE // stride] * 2 for stride in (4, 8, 16)],
        "fpn_hidden_size": 128,
    }
    config = Sam2VideoConfig(vision_config=vision, **_heads())
    return _model(Sam2VideoModel, config), _processor()


def tiny_edgetam() -> tuple[Any, Any]:
    """An EdgeTAM video model: convolutional backbone, memories resampled to 32 latents."""
    from transformers import EdgeTamVideoConfig, EdgeTamVideoModel

    vision = {
        "model_type": "edgetam_vision_model",
        "backbone_config": {
            "model_type": "timm_wrapper",
            "architecture": "resnet18",
            "do_pooling": False,
            "num_classes": 1,
            "model_args": {"out_indices": [1, 2, 3, 4], "features_only": True, "in_chans": 3},
        },
        "backbone_channel_list": [512, 256, 128, 64],
        "backbone_feature_sizes": [[IMAGE // stride] * 2 for stride in (4, 8, 16)],
        "fpn_hidden_size": 128,
    }
    config = EdgeTamVideoConfig(
        vision_config=vision,
        memory_attention_rope_k_sizes=[4, 4],
        perceiver_resampler_num_latents=16,
        perceiver_resampler_num_latents_2d=16,
        perceiver_resampler_num_layers=1,
        **{name: value for name, value in _heads().items() if "feed_forward" not in name},
    )
    return _model(EdgeTamVideoModel, config), _processor()


def tiny_sam3_tracker() -> tuple[Any, Any]:
    """The tracker of SAM 3 on a vision transformer of two blocks."""
    from transformers import (
        Sam3TrackerVideoConfig,
        Sam3TrackerVideoModel,
        Sam3TrackerVideoProcessor,
    )

    backbone = {
        "model_type": "sam3_vit_model",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": IMAGE,
        "pretrain_image_size": IMAGE,
        "patch_size": 16,
        "window_size": 2,
        "global_attn_indexes": [1],
    }
    vision = {
        "model_type": "sam3_vision_model",
        "backbone_config": backbone,
        "fpn_hidden_size": 128,
    }
    heads = _heads()
    heads["prompt_encoder_config"]["patch_size"] = 16
    config = Sam3TrackerVideoConfig(vision_config=vision, **heads)
    sam2 = _processor()
    processor = Sam3TrackerVideoProcessor(
        sam2.image_processor, sam2.video_processor, target_size=IMAGE
    )
    return _model(Sam3TrackerVideoModel, config), processor


def _heads() -> dict[str, Any]:
    """All but the backbone; 128 channels, which the 64 of a memory must divide."""
    return {
        "prompt_encoder_config": {
            "hidden_size": 128,
            "image_size": IMAGE,
            "mask_input_channels": 4,
        },
        "mask_decoder_config": {
            "hidden_size": 128,
            "mlp_dim": 64,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 64,
        },
        "image_size": IMAGE,
        "num_maskmem": 4,
        "max_object_pointers_in_encoder": 6,
        "memory_attention_hidden_size": 128,
        "memory_attention_num_layers": 1,
        "memory_attention_feed_forward_hidden_size": 64,
        "memory_attention_rope_feat_sizes": [IMAGE // 16] * 2,
        "memory_encoder_hidden_size": 128,
        "memory_encoder_output_channels": 64,
        "mask_downsampler_embed_dim": 128,
        "memory_fuser_embed_dim": 128,
        "memory_fuser_intermediate_dim": 64,
    }


def _model(kind: Any, config: Any) -> Any:
    torch.manual_seed(0)
    return kind(config).eval()


def _processor() -> Any:
    from transformers import Sam2ImageProcessor, Sam2VideoProcessor, Sam2VideoVideoProcessor

    size = {"height": IMAGE, "width": IMAGE}
    mask_size = {"height": IMAGE // 4, "width": IMAGE // 4}
    return Sam2VideoProcessor(
        Sam2ImageProcessor(size=size, mask_size=mask_size),
        Sam2VideoVideoProcessor(size=size),
        target_size=IMAGE,
    )
