"""Networks of the transformers library small enough for a test, random, with their processors."""

from pathlib import Path

import torch

NAMES = {0: "cat", 1: "N/A", 2: "dog"}
CLASSES = {"id2label": NAMES, "label2id": {name: label for label, name in NAMES.items()}}
LAYERS = {
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "encoder_attention_heads": 8,
    "decoder_attention_heads": 8,
}
SIZE = {"shortest_edge": 32, "longest_edge": 64}


def tokenizer(length):
    """Return a tokenizer that spells words letter by letter."""
    from transformers import CLIPTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{c}</w>" for c in letters)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=length)


def _swin():
    from transformers import SwinConfig

    return SwinConfig(
        image_size=32,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 1, 1],
        window_size=4,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )


def mask2former():
    import transformers as library

    config = library.Mask2FormerConfig(
        backbone_config=_swin(),
        hidden_dim=32,
        feature_size=32,
        mask_feature_size=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_feedforward_dim=16,
        dim_feedforward=16,
        num_attention_heads=2,
        num_queries=7,
        **CLASSES,
    )
    processor = library.Mask2FormerImageProcessor(size=SIZE, size_divisor=32)
    return library.Mask2FormerForUniversalSegmentation(config), processor


def maskformer():
    import transformers as library

    decoder = library.DetrConfig(d_model=16, num_queries=7, **LAYERS)
    config = library.MaskFormerConfig(
        backbone_config=_swin(),
        decoder_config=decoder,
        fpn_feature_size=32,
        mask_feature_size=32,
        **CLASSES,
    )
    processor = library.MaskFormerImageProcessor(size=SIZE, size_divisor=32)
    return library.MaskFormerForInstanceSegmentation(config), processor


def oneformer():
    import transformers as library

    config = library.OneFormerConfig(
        backbone_config=_swin(),
        conv_dim=32,
        mask_dim=32,
        hidden_dim=32,
        encoder_feedforward_dim=16,
        dim_feedforward=16,
        encoder_layers=1,
        decoder_layers=2,
        query_dec_layers=1,
        num_attention_heads=2,
        num_queries=7,
        text_encoder_width=16,
        text_encoder_num_layers=1,
        text_encoder_vocab_size=64,
        text_encoder_context_length=8,
        task_seq_len=8,
        **CLASSES,
    )
    images = library.OneFormerImageProcessor(size=SIZE)
    processor = library.OneFormerProcessor(
        images, tokenizer(8), max_seq_length=8, task_seq_length=8
    )
    return library.OneFormerForUniversalSegmentation(config), processor


def eomt():
    import transformers as library

    config = library.EomtConfig(
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=64,
        mlp_ratio=2,
        num_blocks=1,
        num_upscale_blocks=1,
        num_register_tokens=1,
        num_queries=7,
        **CLASSES,
    )
    side = {"shortest_edge": 64, "longest_edge": 64}
    processor = library.EomtImageProcessor(size=side, do_pad=True)
    return library.EomtForUniversalSegmentation(config), processor


def detr():
    import transformers as library

    backbone = library.ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 8, 8, 8],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = library.DetrConfig(
        backbone_config=backbone, d_model=64, num_queries=7, **LAYERS, **CLASSES
    )
    return library.DetrForSegmentation(config), library.DetrImageProcessor(size=SIZE)


def rf_detr():
    import transformers as library

    backbone = library.RfDetrDinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=64,
        patch_size=16,
        num_windows=1,
        mlp_ratio=2,
        out_features=["stage2", "stage4"],
    )
    config = library.RfDetrConfig(
        backbone_config=backbone,
        d_model=16,
        decoder_layers=1,
        decoder_ffn_dim=16,
        decoder_self_attention_heads=2,
        decoder_cross_attention_heads=2,
        num_queries=7,
        **CLASSES,
    )
    processor = library.RfDetrImageProcessor(size={"height": 64, "width": 64})
    return library.RfDetrForInstanceSegmentation(config), processor


def sam3():
    import transformers as library

    layers = {"hidden_size": 32, "num_attention_heads": 2}
    transformer = {**layers, "num_layers": 1, "intermediate_size": 16}
    vit = {
        **layers,
        "model_type": "sam3_vit_model",
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "image_size": 56,
        "pretrain_image_size": 28,
        "window_size": 2,
        "global_attn_indexes": [1],
    }
    text = {
        "vocab_size": 64,
        "hidden_size": 16,
        "intermediate_size": 16,
        "projection_dim": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 32,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
    }
    config = library.Sam3Config(
        vision_config={
            "backbone_config": vit,
            "fpn_hidden_size": 32,
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        },
        text_config=text,
        geometry_encoder_config=transformer,
        detr_encoder_config=transformer,
        detr_decoder_config={**transformer, "num_queries": 6},
        mask_decoder_config=layers,
    )
    images = library.Sam3ImageProcessor(size={"height": 56, "width": 56})
    return library.Sam3Model(config), library.Sam3Processor(images, tokenizer(32))


BUILDERS = {
    "mask2former": mask2former,
    "maskformer": maskformer,
    "oneformer": oneformer,
    "eomt": eomt,
    "detr": detr,
    "rf_detr": rf_detr,
    "sam3": sam3,
}


def write_model(name: str, folder: Path, seed: int = 0) -> Path:
    """Write a random network of this kind and its processor, as one is downloaded."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, processor = BUILDERS[name]()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
