"""The networks: Seq Mask R-CNN and its weights."""
