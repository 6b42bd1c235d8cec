"""The settings that choose the components."""

from pydantic import Field

from propose_reduce.settings.base import Settings


class ComponentSettings(Settings):
    """The components that do the work, by name (docs/components.md)."""

    proposer: str = Field("seq-mask-rcnn", description="finds objects on the key frames")
    propagator: str = Field("seq-mask-rcnn", description="follows them through the video")
    scorer: str = Field("seq-mask-rcnn", description="says what class their masks show")
    prompts: tuple[str, ...] = Field(
        (), description="what a proposer that takes text looks for: its categories"
    )

    @property
    def use_model(self) -> bool:
        """Return whether one of them is the model's own."""
        return "seq-mask-rcnn" in (self.proposer, self.propagator, self.scorer)
