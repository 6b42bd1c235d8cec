"""The table of components: what each is for, what it needs, and what its licences are.

It is made from the tables of the registry, so that nothing can be named that is not in it.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

from propose_reduce.components.registry import OWN, TABLES, Facts, announced


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """A component as the table shows it; every field is text for people.

    Attributes:
        name: as it is named on the command line.
        kind: the role that it plays.
        task: what it does there.
        code: licence of the code.
        weights: licence of the weights.
        size: of the weights.
        needs: what must be there beside the base install.
        tested: how this package knows that it works.
    """

    name: str
    kind: str
    task: str
    code: str
    weights: str
    size: str
    needs: str
    tested: str


HEADS = ("name", "kind", "task", "code's licence", "weights' licence", "size", "needs", "tested")
"""Of the columns."""


def catalogue(*, foreign: bool = True) -> list[CatalogueRow]:
    """Return a row for each component that can be named.

    Args:
        foreign: with those that other packages announce.
    """
    own = Facts(
        "finds, follows and names objects with one network",
        weights="Apache-2.0 (bundled)",
        size="the file's",
        needs="`--weights`, or the bundled ones",
        tested="numbers of the authors' code",
    )
    rows = [_component_row(OWN, "all three", own)]
    for table in TABLES.values():
        for name, kind in table.kinds.items():
            for facts in kind.facts:
                source = facts.source or kind.source
                full = f"{name}:{source}" if source else name
                published = kind.published(source) if kind.published and facts.source else None
                if published is None:
                    rows.append(_component_row(full, table.role, facts))
                else:
                    licence, size = published.licence, f"about {published.size}"
                    rows.append(_component_row(full, table.role, facts, licence, size))
    if foreign:
        other = Facts("announced by another package", code="its package's", tested="not here")
        rows += [_component_row(name, "any", other) for name in announced()]
    return rows


def markdown(rows: list[CatalogueRow]) -> str:
    """Return the rows as a table in Markdown, names as code and without a choice in them."""
    lines = [HEADS, ("---",) * len(HEADS)]
    lines += [(f"`{row.name.partition('|')[0]}`", *astuple(row)[1:]) for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _component_row(
    name: str, kind: str, facts: Facts, licence: str | None = None, size: str | None = None
) -> CatalogueRow:
    said = {field.name: getattr(facts, field.name) for field in fields(facts)}
    del said["source"]
    said["weights"] = licence or facts.weights
    said["size"] = size or facts.size
    return CatalogueRow(name, kind, **said)
