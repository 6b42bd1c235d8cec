"""The table of components: complete, and the one in the documentation."""

from dataclasses import astuple

from command_line import type_command
from places import REPOSITORY

from propose_reduce.components.catalogue import catalogue, markdown
from propose_reduce.components.registry import OWN, TABLES

START, END = "<!-- components: made by tests/components/test_catalogue.py -->", "<!-- end -->"


def test_every_kind_has_a_row_and_every_cell_says_something():
    rows = catalogue(foreign=False)
    named = {(row.kind, row.name.partition(":")[0]) for row in rows}
    kinds = {(role, name) for role, table in TABLES.items() for name in table.kinds}
    assert named == kinds | {("all three", OWN)}
    assert all(cell for row in rows for cell in astuple(row))


def test_weights_that_are_known_have_their_licence_and_size():
    rows = [r for r in catalogue() if r.kind == "propagator"]
    (row,) = [r for r in rows if r.name == "sam2:facebook/sam2.1-hiera-tiny"]
    assert (row.weights, row.size) == ("Apache-2.0", "about 160 MB")
    (any_model,) = [r for r in rows if r.name == "sam2:ID|FOLDER"]
    assert any_model.size == "see its model card"


def test_the_table_in_the_docs_is_the_one_of_the_code():
    text = (REPOSITORY / "docs" / "components.md").read_text(encoding="utf-8")
    table = markdown(catalogue(foreign=False))
    assert text.split(START)[1].split(END)[0].strip() == table


def test_the_command_prints_it():
    plain, table = type_command("components"), type_command("components", "--markdown")
    assert plain.exit_code == table.exit_code == 0
    assert (
        "flow (propagator): follows masks along optical flow\n    code Apache-2.0" in plain.stdout
    )
    assert "| `flow` | propagator | follows masks along optical flow |" in table.stdout
