"""Pages, pictures and tables of evaluations."""
