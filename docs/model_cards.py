"""Write the cards of docs/models.md into the weights of the package: python docs/model_cards.py.

A card is the first table of the model's section, one line of plain text per row. Tensors stay as
they are, and a file that has its card already is not touched.
"""

from __future__ import annotations

import re
from pathlib import Path

from propose_reduce.models.weights import load_weights, replace_card

REPOSITORY = Path(__file__).parents[1]
WEIGHTS = REPOSITORY / "src" / "propose_reduce" / "weights"


def model_card(name: str) -> str:
    """Return the card of a model as the page has it."""
    page = (REPOSITORY / "docs" / "models.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
    table = section.strip().split("\n\n")[0].splitlines()[2:]
    rows = [row.strip("| ").split(" | ", 1) for row in table]
    return "\n".join(f"{head}: {_plain(text)}" for head, text in [["model", name], *rows])


def _plain(text: str) -> str:
    """Return a cell without links and code marks."""
    return re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text).replace("`", "")


if __name__ == "__main__":
    for file in sorted(WEIGHTS.glob("*.safetensors")):
        card = load_weights(file).card
        told = model_card(file.stem)
        if card.get("model_card") != told:
            replace_card(file, card | {"model_card": told})
            print(f"{file.name}: new card")
