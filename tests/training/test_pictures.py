import numpy as np
import torch
from training_runs import network, preset, shapes_batches

from propose_reduce.training.callbacks import sample_picture


def test_the_panels_are_reference_query_propagated_and_truth():
    batch = shapes_batches(size=1, true_masks=1.0)[0].pairs
    picture = sample_picture(network(preset()), batch)
    reference, query, _, truth = np.split(picture, 4, axis=1)
    given = batch.propagation[0].reference_masks.any(dim=0).numpy()
    image = batch.references[0].permute(1, 2, 0).numpy()
    assert (reference[~given] == image[~given]).all()
    assert (reference[given] != image[given]).any(axis=-1).mean() > 0.9
    assert (query == batch.queries[0].permute(1, 2, 0).numpy()).all()
    wanted = batch.propagation[0].query_masks.any(dim=0).numpy()
    assert ((truth != query).any(axis=-1) <= wanted).all()


def test_a_pair_without_objects_is_drawn_too():
    batch = shapes_batches(size=1)[0].pairs
    target = batch.propagation[0]
    empty = type(target)(
        target.reference_boxes[:0], target.labels[:0], target.query_masks[:0], None
    )
    batch = type(batch)(batch.references, batch.queries, batch.detection, [empty])
    with torch.no_grad():
        assert sample_picture(network(preset()), batch).shape == (64, 4 * 96, 3)
