"""Results in the formats of other tools: a table of them (docs/formats.md)."""

from propose_reduce.results.exports.table import (
    FORMATS,
    ExportFormat,
    all_formats,
    export,
    export_format,
)

__all__ = ["FORMATS", "ExportFormat", "all_formats", "export", "export_format"]
